// How a training ended that did not go through: what is said of it, and what JSON says.

import { DeltapropError } from "../errors.ts";
import type { RunFolder } from "./checkpoint-flags.ts";
import type { Progress } from "./progress.ts";

interface Ended {
  readonly json: boolean;
  readonly save: string | null;
  readonly runFolder: RunFolder | null;
}

const ENDS = ["DivergenceError", "DeviceLostError", "OutOfMemoryError"];

/** Says that nothing was saved, and hands the error on to whoever prints it, where training itself came to an end. */
export function trainingFailed(error: unknown, { json, save, runFolder }: Ended, progress: Progress): never {
  // By name: the page's errors come as messages.
  if (error instanceof DeltapropError && ENDS.includes(error.name)) {
    progress.line(`nothing was saved${save === null ? "" : ` to ${save}`}`);
    if (runFolder) progress.line(`the last checkpoint is in ${runFolder.folder}`);
    if (json) process.stdout.write(`${JSON.stringify({ error: error.name, message: error.message })}\n`);
  }
  throw error;
}

/** What checkpoints a run has, before it begins. */
export const describeCheckpoints = ({ folder, every, resume }: RunFolder): string =>
  `${resume ? "goes on with the run in" : "checkpoints in"} ${folder}, one ${every === null ? "an epoch" : `every ${every} steps`}`;

/** After Ctrl-C. */
export const howToGoOn = ({ folder }: RunFolder): string => `Go on with --resume ${folder}`;
