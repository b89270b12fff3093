// The training loop: epochs, shuffling, validation, callbacks. Knows backends, not GPUs.

import { InputError } from "../errors.ts";
import { checkFlag, checkOptions, show } from "../model/checks.ts";
import { checkCount } from "../model/layers.ts";
import type { Recipe } from "../model/network.ts";
import { RandomSequence, STREAM } from "../random.ts";
import { ownOrder, type Backend, type DeviceData, type Runner, type StopSignal } from "./backend.ts";
import { Averages, miniBatches } from "./batches.ts";
import type { Dataset, Features, Targets } from "./data.ts";

/** Loss and metrics by name; validation's with "val_" before the name. */
export type Logs = Record<string, number>;

export interface Callbacks {
  onTrainBegin?(): void | Promise<void>;
  onEpochBegin?(epoch: number): void | Promise<void>;
  /**
   * After each mini-batch, `batch` counting from 0 within the epoch; `logs` are that mini-batch's and `size`, its rows.
   * Batches run ahead on the GPU and are reported in order, a few at a time.
   */
  onBatchEnd?(batch: number, logs: Logs): void;
  /** Averages over the epoch, and validation's where there is any. */
  onEpochEnd?(epoch: number, logs: Logs): void | Promise<void>;
  onTrainEnd?(): void | Promise<void>;
}

export interface FitOptions {
  /** Passes over the data; default 1. */
  epochs?: number;
  /** Rows of a mini-batch; default 32. */
  batchSize?: number;
  /** Share of the rows, the last ones, kept for validation; default 0. */
  validationSplit?: number;
  /** [x, y] to validate on instead. */
  validationData?: readonly [Features, Targets];
  /** A new random order in each epoch; default true. */
  shuffle?: boolean;
  /** What one stored unit of x is worth; required for a Uint8Array. */
  scale?: number;
  /** Stops at a step boundary; fit() then resolves with what was trained. */
  signal?: AbortSignal;
  callbacks?: Callbacks;
}

export interface History {
  /** One number an epoch: loss, the metrics, val_loss and the validation metrics. */
  history: Record<string, number[]>;
  /** Epochs completed. */
  epochs: number;
  /** Mini-batches trained, those of an interrupted epoch included. */
  steps: number;
  /** Whether `signal` ended training early. */
  stopped: boolean;
}

export interface CheckedFitOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly validationSplit: number;
}

const KNOWN = ["epochs", "batchSize", "validationSplit", "validationData", "shuffle", "scale", "signal", "callbacks"];

const CALLBACKS = ["onTrainBegin", "onEpochBegin", "onBatchEnd", "onEpochEnd", "onTrainEnd"];

/** An object may hold more than callbacks, but nothing that looks like one and would never be called. */
function checkCallbacks(callbacks: object): void {
  if (typeof callbacks !== "object" || Array.isArray(callbacks)) {
    throw new InputError(`fit(): callbacks must be an object of functions; got ${show(callbacks)}.`);
  }
  const unknown = Object.keys(callbacks).find((key) => /^on[A-Z]/.test(key) && !CALLBACKS.includes(key));
  if (unknown !== undefined) {
    throw new InputError(`fit(): unknown callback ${unknown}. Known: ${CALLBACKS.join(", ")}.`);
  }
  for (const [key, value] of CALLBACKS.map((name) => [name, (callbacks as Record<string, unknown>)[name]] as const)) {
    if (value !== undefined && typeof value !== "function") {
      throw new InputError(`fit(): callbacks.${key} must be a function; got ${show(value)}.`);
    }
  }
}

/** @throws InputError naming the option that is wrong */
export function checkFitOptions(options: FitOptions): CheckedFitOptions {
  checkOptions("fit()", options, KNOWN);
  const { validationSplit = 0, validationData, signal } = options;
  if (!(typeof validationSplit === "number" && validationSplit >= 0 && validationSplit < 1)) {
    throw new InputError(`fit(): validationSplit must be in [0, 1); got ${show(validationSplit)}.`);
  }
  if (validationSplit > 0 && validationData) {
    throw new InputError("fit(): set validationSplit or validationData; got both.");
  }
  if (validationData && !(Array.isArray(validationData) && validationData.length === 2)) {
    throw new InputError(`fit(): validationData must be [x, y]; got ${show(validationData)}.`);
  }
  if (signal && typeof signal.aborted !== "boolean") {
    throw new InputError(`fit(): signal must be an AbortSignal; got ${show(signal)}. Pass controller.signal.`);
  }
  checkFlag("fit()", "shuffle", options.shuffle, true);
  checkCallbacks(options.callbacks ?? {});
  return {
    epochs: checkCount("fit()", "epochs", options.epochs ?? 1),
    batchSize: checkCount("fit()", "batchSize", options.batchSize ?? 32),
    validationSplit,
  };
}

/** Rows to train on and rows kept for validation. @throws InputError if either would be empty */
export function splitRows(rows: number, validationSplit: number): { trained: number; kept: number } {
  // As Keras: the first ⌊rows·(1 − split)⌋ rows are trained on.
  const trained = Math.floor(rows * (1 - validationSplit));
  if (trained === 0 || (validationSplit > 0 && trained === rows)) {
    throw new InputError(`fit(): validationSplit ${validationSplit} of ${rows} rows leaves ${trained} to train on and ` +
      `${rows - trained} to validate with. Give more rows or another share.`);
  }
  return { trained, kept: rows - trained };
}

/** One data set with a runner for it and the rows that it goes through. */
export interface Prepared {
  readonly data: DeviceData;
  readonly runner: Runner;
  readonly rows: number;
  /** Where in the order these rows start. */
  readonly at: number;
  readonly batchSize: number;
}

/** Uploads a data set, its rows in their own order. */
export async function uploadInOrder(backend: Backend, dataset: Dataset): Promise<DeviceData> {
  const data = await backend.upload(dataset);
  data.setOrder(ownOrder(dataset.rows), 0);
  return data;
}

/** The average loss and metrics over the rows, without training. */
export async function runEvaluation(
  { runner, rows, at, batchSize }: Prepared, names: readonly string[], signal?: StopSignal,
): Promise<Averages> {
  const averages = new Averages(names);
  const steps = miniBatches(rows, batchSize, at);
  await runner.run(steps, (first, count, results) => averages.add(steps.slice(first, first + count), results), signal);
  return averages;
}

/** What the loop reads and moves of the model: where its schedule and its shuffling stand. */
export interface Progress {
  /** Weight updates so far. */
  steps: number;
  /** Epochs begun so far; decides the order of the next. */
  epochs: number;
}

interface Loop {
  readonly recipe: Recipe;
  readonly seed: number;
  readonly names: readonly string[];
  readonly train: Prepared;
  readonly validation: Prepared | null;
  readonly epochs: number;
  readonly options: FitOptions;
  readonly signal: StopSignal;
}

async function trainEpoch({ recipe, seed, names, train, options, signal }: Loop, progress: Progress) {
  if (options.shuffle ?? true) {
    train.data.setOrder(new RandomSequence(seed, STREAM.shuffle, progress.epochs).permutation(train.rows), train.at);
  }
  progress.epochs++;
  const averages = new Averages(names);
  const steps = miniBatches(train.rows, train.batchSize, train.at, progress.steps, recipe.optimizer);
  const onBatchEnd = options.callbacks?.onBatchEnd?.bind(options.callbacks);
  // An error of the user's own stops like an abort: at a step boundary, and with all steps counted.
  const thrown: unknown[] = [];
  const ran = await train.runner.run(steps, (first, count, results) => {
    averages.add(steps.slice(first, first + count), results);
    if (!onBatchEnd) return;
    try {
      for (let i = 0; i < count && thrown.length === 0; i++) {
        const logs = Object.fromEntries(names.map((name, n) => [name, results[i * names.length + n]]));
        onBatchEnd(first + i, { ...logs, size: steps[first + i].rows });
      }
    } catch (error) {
      thrown.push(error);
    }
  }, { get aborted() { return thrown.length > 0 || signal.aborted; } });
  progress.steps += ran;
  if (thrown.length > 0) throw thrown[0];
  return { averages, ran, complete: ran === steps.length };
}

/** Runs the epochs. `progress` is kept up to date step by step, so that an error leaves it true. */
export async function runEpochs(loop: Loop, progress: Progress): Promise<History> {
  const { names, validation, options, signal } = loop;
  const { callbacks = {} } = options;
  const result: History = { history: {}, epochs: 0, steps: 0, stopped: false };
  await callbacks.onTrainBegin?.();
  for (let epoch = 0; epoch < loop.epochs; epoch++) {
    if (signal.aborted) break;
    await callbacks.onEpochBegin?.(epoch);
    const { averages, ran, complete } = await trainEpoch(loop, progress);
    result.steps += ran;
    if (!complete) break;
    const logs: Logs = averages.logs();
    if (validation) Object.assign(logs, (await runEvaluation(validation, names)).logs("val_"));
    for (const [name, value] of Object.entries(logs)) (result.history[name] ??= []).push(value);
    result.epochs++;
    await callbacks.onEpochEnd?.(epoch, logs);
  }
  result.stopped = signal.aborted;
  await callbacks.onTrainEnd?.();
  return result;
}
