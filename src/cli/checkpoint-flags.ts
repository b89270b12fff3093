// The flags --checkpoint, --checkpoint-every and --resume, which every command that trains has. Pure: no files.

import { resolve } from "node:path";
import type { Command } from "commander";
import { InputError } from "../errors.ts";
import type { Checkpoints } from "./fit-events.ts";
import { fileName, wholeNumber } from "./flag-values.ts";

export interface CheckpointFlags {
  checkpoint?: string;
  checkpointEvery?: number;
  resume?: string;
}

/** Where checkpoints lie, and what of fit() they are for. */
export interface RunFolder extends Checkpoints {
  readonly folder: string;
}

export function addCheckpointOptions(command: Command): Command {
  return command
    .option("--checkpoint <folder>", "save all that training goes on from, while training", fileName)
    .option("--checkpoint-every <steps>", "mini-batches from one checkpoint to the next (default: an epoch's)", wholeNumber(1))
    .option(
      "--resume <folder>",
      "go on with the run whose checkpoints are there, with its flags, and keep saving there; --epochs may " + "grow",
      fileName,
    );
}

/** @throws InputError if they contradict each other */
export function runFolderOf({ checkpoint, checkpointEvery, resume }: CheckpointFlags, epochs: number): RunFolder | null {
  const folder = resume ?? checkpoint;
  if (folder === undefined) {
    if (checkpointEvery === undefined) return null;
    throw new InputError("--checkpoint-every says how often, and --checkpoint is missing, which says where. Give --checkpoint FOLDER.");
  }
  if (resume !== undefined && checkpoint !== undefined && resolve(resume) !== resolve(checkpoint)) {
    throw new InputError(`--resume ${resume} keeps saving there; got --checkpoint ${checkpoint}, too. Leave --checkpoint out.`);
  }
  if (epochs === 0) throw new InputError("--checkpoint saves while training, and --epochs 0 trains nothing. Leave one of them out.");
  return { folder, every: checkpointEvery ?? null, resume: resume !== undefined };
}
