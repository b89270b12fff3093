// The folder of --checkpoint and --resume: beside the checkpoints it holds what the run is (run-file.ts) and copies of the text and
// the weights that it began with, so that --resume needs no other flags.

import { createHash } from "node:crypto";
import { lstat, mkdir, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { DeltapropError, InputError } from "../errors.ts";
import { decodeSafetensors } from "../formats/safetensors.ts";
import { fileStore } from "../index.ts";
import { quoted } from "./characters.ts";
import type { CheckpointFlags, RunFolder } from "./checkpoint-flags.ts";
import { checkNotHeld, holdFolder } from "./lock.ts";
import { PATHS } from "./protocol.ts";
import { readFileAtMost } from "./regular-file.ts";
import {
  flagsOf,
  formatRun,
  keptFlags,
  parseRun,
  RUN_FILE,
  type AddOptions,
  type CommandName,
  type FlagValue,
  type Run,
} from "./run-file.ts";

const SAVED_END = ".safetensors";
/** Copies of --load and --text. */
const LOADED = "start.safetensors",
  TEXT = "text.txt";
/** A prompt may be long; nothing else is. */
const MAX_RUN_BYTES = 2 ** 20,
  MAX_SAVED_BYTES = 2 ** 31 - 1;

/** What every command that trains has. */
export interface RunFlags extends CheckpointFlags {
  epochs?: number;
  save?: string | boolean;
  data?: string;
  load?: string;
  text?: string;
}

/** All that a run writes into its folder. */
const WRITTEN = [RUN_FILE, LOADED, TEXT, ...PATHS.checkpoints];

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return false;
    throw error;
  }
}

/** @throws InputError if there is none, FormatError if it is damaged */
async function readRun(folder: string): Promise<Run> {
  const path = join(folder, RUN_FILE),
    where = `--resume ${folder}: `;
  const found = await stat(path).catch((error: Error) => {
    throw new InputError(`${where}no run can be read there (${error.message}). Name a folder that --checkpoint has written to.`);
  });
  if (!found.isFile() || found.size > MAX_RUN_BYTES) {
    throw new InputError(`${where}${RUN_FILE} must be a file of at most 1 MiB. It is none of deltaprop's.`);
  }
  return parseRun(new TextDecoder().decode(await readFileAtMost(path, MAX_RUN_BYTES, false)), path);
}

/** Those that may be typed beside --resume: they change nothing that a run has computed, or are checked for themselves. */
const FREE = ["resume", "checkpoint", "checkpointEvery", "epochs", "save", "json", "verify", "data"];

const COPIED = ["load", "text"];

/** @throws InputError if what was typed is not what the run has */
function checkTyped(typed: RunFlags, kept: RunFlags, folder: string): void {
  const before = kept as Record<string, FlagValue>;
  for (const [name, value] of Object.entries(typed as Record<string, FlagValue>)) {
    if (FREE.includes(name) || value === undefined || (before[name] !== undefined && String(value) === String(before[name]))) continue;
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const shown = (one: FlagValue) => (name === "prompt" && typeof one === "string" ? quoted(one) : String(one ?? "none"));
    const has = COPIED.includes(name) ? "a copy of what it began with" : shown(before[name]);
    throw new InputError(
      `${flag} ${shown(value)}: the run in ${folder} has ${has}. Leave ${flag} out, or start another run with ` + "--checkpoint.",
    );
  }
  if (typed.epochs !== undefined && typed.epochs < (kept.epochs ?? 0)) {
    throw new InputError(`--epochs ${typed.epochs}: the run in ${folder} has ${kept.epochs}, which may only grow.`);
  }
}

const isBelow = (path: string, folder: string): boolean => {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
};

/** No configuration or start-up file of any program has such a name. */
const isHarmlessName = (path: string): boolean =>
  path.endsWith(SAVED_END) && !path.split(/[/\\]/).some((part) => part.startsWith(".") || part.includes(":"));

/**
 * A file that anybody may have written says where to write: below this folder, under a name that nothing runs or reads by itself, and
 * over nothing but weights. What is written there is always a whole safetensors file.
 * @throws InputError
 */
async function checkKeptSave(path: string, folder: string): Promise<void> {
  const here = process.cwd();
  const refuse = (what: string) => new InputError(`--resume ${folder}: the run saves to ${path}, ${what}. Give --save FILE.`);
  if (!isHarmlessName(path)) throw refuse(`which must end in ${SAVED_END} and have no part that begins with a dot`);
  if (isAbsolute(path) || !isBelow(resolve(path), here)) throw refuse("which is not below this folder");
  const parent = await realpath(dirname(path)).catch((error: unknown) => {
    throw refuse(`which cannot be reached (${wordsOf(error)})`);
  });
  if (parent !== (await realpath(here)) && !isBelow(parent, await realpath(here))) throw refuse("which is not below this folder");
  if (!(await isThere(path))) return;
  try {
    decodeSafetensors(await readFileAtMost(path, MAX_SAVED_BYTES), path);
  } catch {
    throw refuse("where there is something other than weights");
  }
}

async function savedTo({ save }: RunFlags, run: Run, folder: string): Promise<string | false> {
  if (typeof save === "string") return save;
  if (save === false || run.save === null) return false;
  if (run.save === undefined) {
    throw new InputError(
      `--resume ${folder}: the run saves outside this folder, or to a name that does not end in ` +
        `${SAVED_END}: such names are not taken from a run. Give --save FILE.`,
    );
  }
  await checkKeptSave(run.save, folder);
  return run.save;
}

/** Two slashes begin the name of another machine, to which Windows would log in. @throws InputError */
function checkKeptData(path: string | undefined, folder: string): void {
  if (path === undefined || !/^[/\\]{2}/.test(path)) return;
  throw new InputError(`--resume ${folder}: the run reads its data from ${path}, which names another machine. Give --data FOLDER.`);
}

/** What a run folder holds are copies: a link was put there by somebody else. @throws InputError */
async function checkNoLink(folder: string, name: string): Promise<void> {
  const found = await lstat(join(folder, name)).catch(() => null);
  if (found?.isSymbolicLink()) {
    throw new InputError(`--resume ${folder}: ${name} is a symbolic link, which no run puts there. Put the file itself in its place.`);
  }
}

/**
 * With --resume the flags of the run, whose folder this process holds from now on; else what was typed.
 * @throws InputError if there is no run, what was typed contradicts it, or --checkpoint names a folder that has one; FormatError if
 *   the file of the run is damaged
 */
export async function flagsForRun<F extends RunFlags>(
  command: CommandName,
  typed: F,
  add: AddOptions,
): Promise<{ flags: F; run: Run | null }> {
  const { resume: folder, checkpoint } = typed;
  if (folder === undefined) {
    if (checkpoint !== undefined) {
      await checkNotHeld(checkpoint, `--checkpoint ${checkpoint}`);
      await checkUnused(checkpoint);
    }
    return { flags: typed, run: null };
  }
  for (const name of [RUN_FILE, LOADED, TEXT]) await checkNoLink(folder, name);
  await readRun(folder);
  await hold(folder, "--resume");
  // Once more: who had the folder before may have changed it.
  const run = await readRun(folder);
  if (run.command !== command) {
    throw new InputError(`--resume ${folder}: the run there is one of deltaprop ${run.command}. Give --resume to that command.`);
  }
  const kept = flagsOf(run, add, join(folder, RUN_FILE)) as F;
  checkTyped(typed, kept, folder);
  if (typed.data === undefined) checkKeptData(kept.data, folder);
  const own: RunFlags = {
    save: await savedTo(typed, run, folder),
    load: run.loaded ? join(folder, LOADED) : undefined,
    text: command === "char-rnn" ? join(folder, TEXT) : undefined,
  };
  return { flags: { ...kept, ...typed, ...own }, run };
}

/** Until the process ends. @throws InputError if another process has the folder, or it cannot be written to */
async function hold(folder: string, flag: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await holdFolder(folder, WRITTEN, `${flag} ${folder}`);
  } catch (error) {
    if (error instanceof DeltapropError) throw error;
    throw new InputError(`${flag} ${folder}: it cannot be written to (${wordsOf(error)}). Name another folder.`);
  }
}

async function checkUnused(folder: string): Promise<void> {
  for (const name of [RUN_FILE, ...PATHS.checkpoints]) {
    const used = await isThere(join(folder, name)).catch((error: unknown) => {
      throw new InputError(`--checkpoint ${folder}: it cannot be used (${wordsOf(error)}). Name another folder.`);
    });
    if (used) throw new InputError(`--checkpoint ${folder}: a run was saved there. Go on with --resume ${folder}, or name another folder.`);
  }
}

/** What a run began with, to tell it from anything else. */
export function digestOf(arrays: readonly ArrayBufferView[]): string {
  const hash = createHash("sha256");
  for (const { buffer, byteOffset, byteLength } of arrays) {
    hash.update(`${byteLength};`).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex");
}

export interface Beginning {
  readonly command: CommandName;
  /** With every default. */
  readonly flags: RunFlags;
  /** Null for nowhere. */
  readonly save: string | null;
  readonly inputs: string;
  /** The file of --load. */
  readonly loaded: Uint8Array | null;
  readonly text: string | null;
}

/** Only what --resume takes. */
function keptSave(here: string, save: string): Pick<Run, "save"> {
  const path = relative(here, resolve(save));
  return isBelow(resolve(save), here) && isHarmlessName(path) ? { save: path } : {};
}

/**
 * Writes down what the run is, before it begins or goes on; this process holds the folder from now on.
 * @param before what was written down, of a run that goes on
 * @throws InputError if the folder cannot be written to, another process has it, or the run began with other data
 */
export async function keepRun({ folder }: RunFolder, beginning: Beginning, before: Run | null, add: AddOptions): Promise<void> {
  const { command, flags, save, inputs, loaded, text } = beginning,
    store = fileStore(folder);
  if (before && before.inputs !== inputs) {
    throw new InputError(
      `--resume ${folder}: the data are not those that the run began with. Give it the same ones${
        command === "train" ? ", by --data if they have moved" : ""
      }, or start another run with --checkpoint.`,
    );
  }
  if (!before) {
    await hold(folder, "--checkpoint");
    // Once more: another process may have been quicker.
    await checkUnused(folder);
  }
  const here = process.cwd(),
    encode = (words: string) => new TextEncoder().encode(words);
  const kept = save === null ? { save } : keptSave(here, save);
  const run: Run = { command, flags: keptFlags(flags, add), inputs, loaded: loaded !== null, ...kept };
  try {
    if (!before && loaded) await store.write(LOADED, Uint8Array.from(loaded));
    if (!before && text !== null) await store.write(TEXT, encode(text));
    await store.write(RUN_FILE, encode(formatRun(run)));
  } catch (error) {
    if (error instanceof DeltapropError) throw error;
    const flag = before ? "--resume" : "--checkpoint";
    throw new InputError(`${flag} ${folder}: it cannot be written to (${wordsOf(error)}). Name another folder.`);
  }
}
