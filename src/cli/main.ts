#!/usr/bin/env node
// The command `deltaprop`: reads the command line, runs a command, prints errors, sets the exit code.

import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { DeltapropError } from "../errors.ts";
import { charRnnCommand } from "./char-rnn-command.ts";
import { debugLevel } from "./debug-level.ts";
import { addTrainOptions, type Flags } from "./options.ts";
import { addReproduceOptions, reproduceCommand } from "./reproduce-command.ts";
import { addTextOptions, type TextFlags } from "./text-options.ts";
import { trainCommand } from "./train-command.ts";

/** No stack: errors of deltaprop are written for the user, and any other says what it is and that it was not foreseen. */
function describe(error: unknown): string {
  if (error instanceof DeltapropError) return `error: ${error.message}`;
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `error: ${message} (not foreseen: please report it)`;
}

/** Nobody may read the output any more (`| head`), or its disk may be full: that never ends training. */
function outliveOutput(): void {
  for (const out of [process.stdout, process.stderr]) out.on("error", () => {});
}

/** Longest wait for the last output, which may have nowhere to go. */
const LAST_OUTPUT_MILLIS = 2000;

function exit(code: number): void {
  const end = () => process.exit(code);
  setTimeout(end, LAST_OUTPUT_MILLIS);
  process.stdout.write("", end);
}

async function main(): Promise<void> {
  let exitCode = 0;
  debugLevel(process.env); // refuses a wrong one before anything is done
  const program = new Command("deltaprop")
    .description("Train neural networks on WebGPU.")
    .version(packageJson.version)
    .addHelpText("after", "\nThe flags of train: deltaprop train --help");
  addTrainOptions(program.command("train", { isDefault: true }))
    .description("Train and test a multilayer perceptron on handwritten digits, and save its weights.")
    .allowExcessArguments(false)
    .action(async (flags: Flags) => {
      exitCode = await trainCommand(flags);
    });
  addReproduceOptions(program.command("reproduce"))
    .description("Repeat two runs of Nielsen's book on all of MNIST and compare with his figures.")
    .action(async (flags: Parameters<typeof reproduceCommand>[0]) => {
      exitCode = await reproduceCommand(flags);
    });
  addTextOptions(program.command("char-rnn"))
    .description("Train a recurrent network on a text, character by character, and let it write.")
    .allowExcessArguments(false)
    .action(async (flags: TextFlags) => {
      exitCode = await charRnnCommand(flags);
    });
  await program.parseAsync();
  // Once the output is out: a GPU process or an open handle of a package must not keep the shell waiting.
  exit(exitCode);
}

outliveOutput();
main().catch((error: unknown) => {
  process.stderr.write(`${describe(error)}\n`);
  exit(1);
});
