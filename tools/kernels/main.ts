// `npm run kernels`: the plan of a network's training step and the WGSL of its launches. Needs no GPU and no browser.

import { Command } from "commander";
import { DeltapropError } from "../../src/errors.ts";
import { addKernelOptions, type Flags } from "./arguments.ts";
import { listing } from "./listing.ts";
import { planOf } from "./network.ts";

const command = addKernelOptions(new Command("kernels"))
  .description("Print the plan of a training step, its kernels in WGSL, and where each equation stands in the source.")
  .action(async (widths: number[], flags: Flags) => {
    process.stdout.write(listing(await planOf(widths, flags), flags));
  });

command.parseAsync().catch((error: unknown) => {
  if (!(error instanceof DeltapropError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
});
