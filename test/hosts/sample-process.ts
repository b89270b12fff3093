// The process in which Node and Deno take their sample: prints it as its last line.

import { giveWebgpu } from "../../src/cli/node-webgpu.ts";
import { takeSample } from "./sample.ts";

try {
  if (!("Deno" in globalThis)) await giveWebgpu();
  console.log(JSON.stringify(await takeSample(process.argv.includes("--train"))));
} catch (error) {
  console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
}
// What holds a GPU keeps a process alive.
process.exit(0);
