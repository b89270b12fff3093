// The training loop: epochs, shuffling, validation, callbacks. Knows backends, not GPUs.

import type { Recipe } from "../model/network.ts";
import { RandomSequence, STREAM } from "../random.ts";
import { ownOrder, type Backend, type DeviceData, type Runner, type StopSignal } from "./backend.ts";
import { Averages, miniBatches } from "./batches.ts";
import type { Dataset } from "./data.ts";
import type { FitOptions, Logs } from "./fit-options.ts";

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

const epochLine = (epoch: number, epochs: number, logs: Logs): string => [`epoch ${epoch + 1}/${epochs}`,
  ...Object.entries(logs).map(([name, value]) => `${name} ${value.toFixed(4)}`)].join("  ");

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
    if (options.verbose) console.log(epochLine(epoch, loop.epochs, logs));
    await callbacks.onEpochEnd?.(epoch, logs);
  }
  result.stopped = signal.aborted;
  await callbacks.onTrainEnd?.();
  return result;
}
