// The flags of `deltaprop char-rnn`, and what they and a loaded file come to. Pure: no files, no browser.

import type { Command } from "commander";
import { InputError } from "../errors.ts";
import { BACKENDS } from "./backends.ts";
import { addCheckpointOptions, runFolderOf, type CheckpointFlags, type RunFolder } from "./checkpoint-flags.ts";
import { anyText, choice, fileName, numberIn, wholeNumber } from "./flag-values.ts";
import { ENVIRONMENT } from "./options.ts";
import type { Runtime } from "./run-on.ts";
import type { SavedTextModel } from "./saved-text-model.ts";
import type { TextRequest } from "./text-job.ts";
import { TEXT_CELLS, type TextCell, type TextSpec } from "./text-model.ts";
import type { Drawing } from "./text-sampler.ts";

/** What was typed; whatever was not is absent, so that a loaded file can fill it in. */
export interface TextFlags extends CheckpointFlags {
  text?: string;
  cell?: TextCell;
  hidden?: number;
  layers?: number;
  length?: number;
  batch?: number;
  epochs?: number;
  lr?: number;
  temperature?: number;
  prompt?: string;
  sample?: number;
  seed?: number;
  backend?: TextRequest["backend"];
  runtime?: Runtime;
  load?: string;
  /** false: --no-save. Commander sets true when --no-save is absent. */
  save?: string | boolean;
  json?: boolean;
}

export interface TextOptions {
  /** The vocabulary comes from the text, or from the loaded file. */
  readonly model: Omit<TextSpec, "vocabulary">;
  /** 0: only write. */
  readonly epochs: number;
  readonly length: number;
  readonly batchSize: number;
  readonly drawing: Drawing;
  readonly backend: TextRequest["backend"];
  readonly runtime: Runtime;
  /** Null for the project's own sources. */
  readonly text: string | null;
  readonly load: string | null;
  /** Null: save nothing. */
  readonly save: string | null;
  readonly json: boolean;
  /** Null: no checkpoints. */
  readonly runFolder: RunFolder | null;
}

const DEFAULTS = {
  cell: "rnn",
  hidden: 128,
  layers: 1,
  length: 64,
  batchSize: 32,
  epochs: 5,
  learningRate: 0.003,
  temperature: 0.8,
  sample: 200,
  seed: 1,
  backend: "auto",
  runtime: "chrome",
  save: "char-rnn.safetensors",
} as const;

/** Adds the flags to a command. Defaults are only described here: `resolveTextOptions` applies them. */
export function addTextOptions(command: Command): Command {
  const { cell, hidden, layers, length, batchSize, epochs, learningRate, temperature, sample, seed, save } = DEFAULTS;
  const positive = numberIn("> 0", (value) => value > 0);
  command
    .option("--text <file>", "UTF-8 text to learn (default: the project's own sources)", fileName)
    .addOption(choice("--cell <kind>", `of each recurrent layer: h(t) = tanh(…), or one with gates (default: ${cell})`, TEXT_CELLS))
    .option("--hidden <units>", `of each recurrent layer (default: ${hidden})`, wholeNumber(1))
    .option("--layers <count>", `recurrent layers (default: ${layers})`, wholeNumber(1))
    .option("--length <characters>", `of a window, so far back goes the gradient (default: ${length})`, wholeNumber(1))
    .option("--batch <rows>", `windows of a mini-batch (default: ${batchSize})`, wholeNumber(1))
    .option("--epochs <count>", `0 only writes, with --load (default: ${epochs})`, wholeNumber(0))
    .option("--lr <rate>", `learning rate of Adam (default: ${learningRate})`, positive)
    .option("--temperature <number>", `of what it writes: lower is likelier text (default: ${temperature})`, positive)
    .option(
      "--sample <count>",
      "characters to write after every epoch; with --load and neither --text nor --epochs, writes them " +
        `and trains nothing (default: ${sample})`,
      wholeNumber(0),
    )
    .option("--prompt <text>", "read before writing (default: how the text begins)", anyText)
    .option("--seed <number>", `of weights and samples (default: ${seed})`, wholeNumber(0))
    .addOption(choice("--backend <name>", "auto takes WebAssembly where there is no WebGPU, and says so (default: auto)", BACKENDS))
    .addOption(choice("--runtime <name>", "where WebGPU comes from (default: chrome)", ["chrome", "node"]))
    .option("--load <file>", "go on from a model saved before; the optimizer starts afresh", fileName)
    .option("--save <file>", `where the model goes (default: ${save}; nothing after --epochs 0)`, fileName)
    .option("--no-save", "save nothing")
    .option("--json", "end standard output with one line of JSON; the rest goes to standard error");
  return addCheckpointOptions(command).addHelpText("after", ENVIRONMENT);
}

/** --load and --sample alone write; --load and --text, or --epochs, go on training. */
function epochsOf({ epochs, load, sample, text }: TextFlags): number {
  if (epochs === undefined) return load !== undefined && sample !== undefined && text === undefined ? 0 : DEFAULTS.epochs;
  if (epochs === 0 && load === undefined) {
    throw new InputError("--epochs 0 writes with a model saved before, and none is loaded. Give --load FILE, or train.");
  }
  return epochs;
}

/** Flags over what a loaded file says over defaults. @throws InputError if flags contradict each other or the file */
export function resolveTextOptions(flags: TextFlags, saved: SavedTextModel | null): TextOptions {
  const epochs = epochsOf(flags);
  for (const name of ["cell", "hidden", "layers"] as const) {
    if (saved !== null && flags[name] !== undefined && flags[name] !== saved.spec[name]) {
      throw new InputError(
        `--${name} ${flags[name]} does not fit the loaded model, which has ${saved.spec[name]}. Leave --${name} ` +
          "out, or load another file.",
      );
    }
  }
  if (epochs === 0 && flags.text !== undefined) {
    throw new InputError(
      "--text is what is learnt, and --epochs 0 learns nothing. Leave one of them out; --prompt is read before writing.",
    );
  }
  const seed = flags.seed ?? DEFAULTS.seed,
    defaultSave = epochs === 0 ? null : DEFAULTS.save;
  return {
    model: {
      cell: saved?.spec.cell ?? flags.cell ?? DEFAULTS.cell,
      hidden: saved?.spec.hidden ?? flags.hidden ?? DEFAULTS.hidden,
      layers: saved?.spec.layers ?? flags.layers ?? DEFAULTS.layers,
      learningRate: flags.lr ?? saved?.spec.learningRate ?? DEFAULTS.learningRate,
      seed,
    },
    epochs,
    length: flags.length ?? saved?.length ?? DEFAULTS.length,
    batchSize: flags.batch ?? saved?.batchSize ?? DEFAULTS.batchSize,
    drawing: {
      count: flags.sample ?? DEFAULTS.sample,
      prompt: flags.prompt ?? "",
      seed,
      temperature: flags.temperature ?? saved?.temperature ?? DEFAULTS.temperature,
    },
    backend: flags.backend ?? DEFAULTS.backend,
    runtime: flags.runtime ?? DEFAULTS.runtime,
    text: flags.text ?? null,
    load: flags.load ?? null,
    save: typeof flags.save === "string" ? flags.save : flags.save === false ? null : defaultSave,
    json: flags.json ?? false,
    runFolder: runFolderOf(flags, epochs),
  };
}

/** The flags that come to these options, whatever the defaults or the loaded file may be some day. */
export function textFlagsFor({ model, epochs, length, batchSize, drawing, backend, runtime, runFolder }: TextOptions): TextFlags {
  const { cell, hidden, layers, learningRate, seed } = model,
    { temperature, prompt, count } = drawing;
  return {
    cell,
    hidden,
    layers,
    length,
    batch: batchSize,
    epochs,
    lr: learningRate,
    temperature,
    prompt,
    sample: count,
    seed,
    backend,
    runtime,
    checkpointEvery: runFolder?.every ?? undefined,
  };
}
