// The training loop: epochs, shuffling, validation, callbacks. Knows backends, not GPUs.

import { InputError } from "../errors.ts";
import type { Recipe } from "../model/network.ts";
import { RandomSequence, STREAM } from "../random.ts";
import { ownOrder, type Backend, type DeviceData, type Runner, type StopSignal } from "./backend.ts";
import { Averages, miniBatches } from "./batches.ts";
import type { Dataset } from "./data.ts";
import type { FitOptions, Logs } from "./fit-options.ts";

/** What fit() resolves with. */
export interface History {
  /** One number a completed epoch for each name: loss, the metrics, val_loss and the validation metrics. */
  history: Record<string, number[]>;
  /** Epochs completed, their validation included. */
  epochs: number;
  /** Mini-batches trained, those of an interrupted epoch included. */
  steps: number;
  /** Whether `signal` ended training early: fewer epochs were completed than asked for. */
  stopped: boolean;
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

/** Uploads a data set, its rows in their own order; with room for so many orders. */
export async function uploadInOrder(backend: Backend, dataset: Dataset, orders = 1): Promise<DeviceData> {
  const data = await backend.upload(dataset, orders);
  data.setOrder(ownOrder(dataset.rows), 0);
  return data;
}

/** The average loss and metrics over the rows, without training; null if it was stopped before the last of them. */
export async function runEvaluation(
  { runner, rows, at, batchSize }: Prepared, names: readonly string[], signal?: StopSignal,
): Promise<Averages | null> {
  const averages = new Averages(names);
  const steps = miniBatches(rows, batchSize, at);
  const ran = await runner.run(steps, (first, count, results) => averages.add(steps.slice(first, first + count), results), signal);
  return ran === steps.length ? averages : null;
}

/** What the loop reads and moves of the model: where its schedule and its shuffling stand. */
export interface Progress {
  /** Weight updates so far. */
  steps: number;
  /** Epochs begun so far; decides the order of the next. */
  epochs: number;
}

export interface Loop {
  readonly recipe: Recipe;
  readonly seed: number;
  readonly names: readonly string[];
  readonly train: Prepared;
  readonly validation: Prepared | null;
  readonly epochs: number;
  /** Epochs that run without a pause between them; their orders fit the device. */
  readonly ahead: number;
  readonly options: FitOptions;
  readonly signal: StopSignal;
}

/** Batches are reported a few at a time while the next ones run: there is nothing that could wait for a promise. */
function refusePromise(returned: unknown): void {
  if (typeof (returned as PromiseLike<unknown> | null | undefined)?.then !== "function") return;
  // This error takes the place of any that the promise may yet bring.
  void Promise.resolve(returned).catch(() => {});
  throw new InputError("fit(): callbacks.onBatchEnd must not be async or return a promise, because nothing waits for it. " +
    "Make it a plain function, or use onEpochEnd, which is awaited.");
}

/** Steps that may be prepared at once, and rows whose order may be on the device. */
const STEPS_AHEAD = 4096;
const ROWS_AHEAD = 1 << 20;

/**
 * Epochs that run without a pause between them: several if nobody listens between them, since a tiny data set would
 * otherwise spend its time on waiting for the last step of every epoch.
 */
export function epochsAhead(rows: number, batchSize: number, epochs: number, options: FitOptions, validates: boolean): number {
  const listens = (["onEpochBegin", "onEpochEnd", "onBatchEnd"] as const).some((name) => name in (options.callbacks ?? {}));
  if (validates || listens || options.verbose) return 1;
  const fitting = Math.floor(Math.min(STEPS_AHEAD / Math.ceil(rows / batchSize), ROWS_AHEAD / rows));
  return Math.max(1, Math.min(fitting, epochs));
}

/** Trains `count` epochs in one run; their averages in order, and how many of them were completed. */
async function trainEpochs(loop: Loop, count: number, progress: Progress) {
  const { recipe, seed, names, train, options, signal } = loop;
  const perEpoch = Math.ceil(train.rows / train.batchSize), firstStep = progress.steps, firstEpoch = progress.epochs;
  const averages = Array.from({ length: count }, () => new Averages(names));
  const steps = averages.flatMap((_, epoch) => {
    const shuffled = options.shuffle ?? true, at = train.at + (shuffled ? epoch * train.rows : 0);
    if (shuffled) {
      train.data.setOrder(new RandomSequence(seed, STREAM.shuffle, firstEpoch + epoch).permutation(train.rows), at);
    }
    return miniBatches(train.rows, train.batchSize, at, firstStep + epoch * perEpoch, recipe.optimizer);
  });
  progress.epochs = firstEpoch + 1;
  const onBatchEnd = options.callbacks?.onBatchEnd?.bind(options.callbacks);
  // An error of the user's own stops like an abort: at a step boundary, and with all steps counted.
  const thrown: unknown[] = [];
  const ran = await train.runner.run(steps, (first, length, results) => {
    progress.steps = firstStep + first + length;
    progress.epochs = firstEpoch + Math.ceil((first + length) / perEpoch);
    for (let i = 0; i < length; i++) {
      const values = names.map((_, n) => results[i * names.length + n]), step = first + i;
      averages[Math.floor(step / perEpoch)].add([steps[step]], values);
      if (!onBatchEnd || thrown.length > 0) continue;
      try {
        const logs = Object.fromEntries(names.map((name, n) => [name, values[n]]));
        refusePromise(onBatchEnd(step % perEpoch, { ...logs, size: steps[step].rows }));
      } catch (error) {
        thrown.push(error);
      }
    }
  }, { get aborted() { return thrown.length > 0 || signal.aborted; } });
  if (thrown.length > 0) throw thrown[0];
  return { averages, ran, completed: Math.floor(ran / perEpoch) };
}

const epochLine = (epoch: number, epochs: number, logs: Logs): string => [`epoch ${epoch + 1}/${epochs}`,
  ...Object.entries(logs).map(([name, value]) => `${name} ${value.toFixed(4)}`)].join("  ");

/**
 * Runs the epochs. `progress` follows the results as they come, so that an error leaves it true: steps whose results were
 * never seen do not count.
 */
export async function runEpochs(loop: Loop, progress: Progress): Promise<History> {
  const { names, validation, options, signal } = loop;
  const { callbacks = {} } = options;
  const result: History = { history: {}, epochs: 0, steps: 0, stopped: false };
  await callbacks.onTrainBegin?.();
  for (let epoch = 0; epoch < loop.epochs && !signal.aborted;) {
    await callbacks.onEpochBegin?.(epoch);
    const count = Math.min(loop.ahead, loop.epochs - epoch);
    const { averages, ran, completed } = await trainEpochs(loop, count, progress);
    result.steps += ran;
    for (const average of averages.slice(0, completed)) {
      const logs: Logs = average.logs();
      if (validation) {
        const validated = await runEvaluation(validation, names, signal);
        if (validated === null) break;
        Object.assign(logs, validated.logs("val_"));
      }
      for (const [name, value] of Object.entries(logs)) (result.history[name] ??= []).push(value);
      result.epochs = ++epoch;
      if (options.verbose) console.log(epochLine(epoch - 1, loop.epochs, logs));
      await callbacks.onEpochEnd?.(epoch - 1, logs);
    }
    if (completed < count) break;
  }
  result.stopped = result.epochs < loop.epochs;
  await callbacks.onTrainEnd?.();
  return result;
}
