// What a folder of checkpoints was made by, as a small JSON file beside them: the command, its flags with every default spelt out, and
// a digest of what it learns from. The file may be anybody's: its flags go through the checks of the command line, and of paths it
// holds one to read from (--data) and one to write to (see run-folder.ts).

import { Command } from "commander";
import { FormatError } from "../errors.ts";
import { activationOf, NAMES_VERSION, readNamesVersion } from "../formats/activation-versions.ts";
import { parseJson, type JsonValue } from "../formats/json.ts";

export const RUN_FILE = "deltaprop-run.json";
const FORMAT = "deltaprop-run";

export type CommandName = "train" | "char-rnn";

export interface Run {
  readonly command: CommandName;
  /** By their long names without dashes; true for one that takes no value. */
  readonly flags: ReadonlyMap<string, string | true>;
  /** SHA-256 of what it learns from. */
  readonly inputs: string;
  /** Whether it began with weights that were loaded: a copy lies beside the file. */
  readonly loaded: boolean;
  /** Where the weights go: below the folder that the command runs in; null for nowhere; absent for anywhere else. */
  readonly save?: string | null;
}

export const formatRun = ({ flags, ...run }: Run): string =>
  `${JSON.stringify({ format: FORMAT, version: String(NAMES_VERSION), ...run, flags: Object.fromEntries(flags) }, null, 2)}\n`;

const NAMES = ["format", "version", "command", "flags", "inputs", "loaded", "save"];

const isText = (value: JsonValue | undefined): value is string => typeof value === "string";
/** They are shown: nothing in them may steer a terminal. */
const isPlain = (value: JsonValue | undefined): value is string => isText(value) && !/\p{Cc}/u.test(value);

/** @throws FormatError if it is none */
export function parseRun(text: string, where: string): Run {
  const fail = (what: string): never => {
    throw new FormatError(`${where}: ${what}. It is damaged, or of another version of deltaprop.`);
  };
  const run = parseJson(text, where);
  if (!(run instanceof Map)) return fail("it must be an object");
  const unknown = [...run.keys()].find((name) => !NAMES.includes(name));
  if (unknown !== undefined) fail(`nothing is called ${JSON.stringify(unknown)}`);
  const stated = run.get("version"),
    version = isText(stated) ? readNamesVersion(stated) : undefined;
  if (run.get("format") !== FORMAT || version === undefined) {
    return fail(`format must be "${FORMAT}" and version at most "${NAMES_VERSION}"`);
  }
  const [command, flags, inputs, loaded, save] = ["command", "flags", "inputs", "loaded", "save"].map((name) => run.get(name));
  if (command !== "train" && command !== "char-rnn") return fail('command must be "train" or "char-rnn"');
  const isFlag = (name: string, value: JsonValue) => value === true || (name === "prompt" ? isText(value) : isPlain(value));
  if (!(flags instanceof Map) || ![...flags].every(([name, value]) => isFlag(name, value)))
    return fail("flags must be plain texts or true");
  if (!isText(inputs) || !/^[0-9a-f]{64}$/.test(inputs)) return fail("inputs must be a SHA-256 in hexadecimal digits");
  if (typeof loaded !== "boolean") return fail("loaded must be true or false");
  if (save !== undefined && save !== null && !(isPlain(save) && save !== "")) return fail("save must be a path or null");
  const activation = flags.get("activation");
  if (isText(activation)) flags.set("activation", activationOf(activation, version));
  return { command, flags: flags as Map<string, string | true>, inputs, loaded, ...(save === undefined ? {} : { save }) };
}

/** As commander gives it. */
export type FlagValue = string | number | boolean | number[] | undefined;

export type AddOptions = (command: Command) => Command;

/** Flags that are of one process, or are kept in another way. */
const NOT_KEPT = ["resume", "checkpoint", "save", "load", "text", "json", "verify"];

const commandWith = (add: AddOptions) =>
  add(new Command())
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} });

/** Flags as a `Run` keeps them. @param flags by the names that commander gives them */
export function keptFlags(flags: object, add: AddOptions): Map<string, string | true> {
  const { options } = commandWith(add),
    kept = new Map<string, string | true>();
  for (const option of options) {
    const value = (flags as Record<string, FlagValue | null>)[option.attributeName()],
      name = option.name();
    if (option.negate || NOT_KEPT.includes(name) || value === undefined || value === null || value === false) continue;
    kept.set(name, value === true ? true : String(value));
  }
  return kept;
}

/** The flags of a run, through all the checks of the command line. @throws FormatError naming the one that is wrong */
export function flagsOf({ flags }: Run, add: AddOptions, where: string): object {
  const command = commandWith(add);
  const args = [...flags].map(([name, value]) => {
    const option = command.options.find((each) => each.long === `--${name}`);
    if (!option || option.negate || NOT_KEPT.includes(name) || option.required !== (value !== true)) {
      throw new FormatError(`${where}: flags has ${JSON.stringify(name)}, which is no flag that a run keeps. It is damaged.`);
    }
    return value === true ? `--${name}` : `--${name}=${value}`;
  });
  try {
    return command.parse(args, { from: "user" }).opts();
  } catch (error) {
    throw new FormatError(`${where}: ${(error as Error).message}`);
  }
}
