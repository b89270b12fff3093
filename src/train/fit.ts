// The training loop: epochs, validation, callbacks, history. Knows backends, not GPUs.

import type { StopSignal } from "./backend/backend.ts";
import { Averages, miniBatches, type Readout, type Sums } from "./data/batches.ts";
import { COMMON_CALLBACKS, type Logs, type RunOptions } from "./call/fit-options.ts";
import type { History, Standing } from "./loop/history.ts";
import type { FaultTolerantRunner } from "./recovery/fault-tolerant-runner.ts";
import { partOf, wholePasses, type Portions, type Prepared, type Progress, type Stretch } from "./loop/passes.ts";
import { fromStates } from "./data/states.ts";
import type { Steering } from "./loop/steering.ts";

/** The average loss and metrics over the rows, without training; null if it was stopped before the last of them. */
export async function runEvaluation(
  { runner, orders, rows, at, batchSize }: Prepared,
  readout: Readout,
  signal?: StopSignal,
): Promise<Averages | null> {
  const averages = new Averages(readout);
  const [start] = orders.place([null]);
  const steps = fromStates(miniBatches(rows, batchSize, start + at), { stateRows: 0 });
  const ran = await runner.run(steps, (first, count, results) => averages.add(steps.slice(first, first + count), results), signal);
  return ran === steps.length ? averages : null;
}

export interface Loop {
  readonly faultTolerant: FaultTolerantRunner;
  readonly portions: Portions;
  readonly readout: Readout;
  /** Whether each epoch ends with one. */
  readonly validates: boolean;
  readonly epochs: number;
  /** Trains mini-batches from where others ended; null for epochs, which are whole passes. */
  readonly by: { readonly train: typeof trainEpochs } | null;
  /** Passes that run without a pause between them; their orders fit the device. */
  readonly ahead: number;
  readonly options: RunOptions;
  readonly signal: StopSignal;
  /** Where a fit() goes on that was interrupted. */
  readonly from?: Standing;
  /** Is given what tells how far this one has come; epochs then do not run ahead. */
  readonly watch?: (standing: () => Standing) => void;
}

const isPromise = (returned: unknown): returned is PromiseLike<unknown> =>
  typeof (returned as PromiseLike<unknown> | null | undefined)?.then === "function";

/** Calls a callback that is told of `told` steps; what it returns is waited for where steps stand. */
function callAfter(steering: Steering, told: number, call: () => unknown, onError: (error: unknown) => void): void {
  steering.told = told;
  try {
    const returned = call();
    if (!isPromise(returned)) return;
    steering.change();
    steering.waiting = Promise.resolve(returned).then(() => {}, onError);
  } catch (error) {
    onError(error);
  } finally {
    steering.told = null;
  }
}

/** Whether anybody wants to be heard between two epochs, or to stop within one as soon as may be. */
export const listens = ({ callbacks }: RunOptions): boolean =>
  COMMON_CALLBACKS.some((name) => (callbacks as Record<string, unknown> | undefined)?.[name] != null);

/** Part of the loop that runs without a pause: some epochs, or a part of one. */
interface FitLeg {
  readonly stretches: readonly Stretch[];
  /** One for each epoch; mini-batches fill them in order, `perEpoch` each. */
  readonly averages: readonly Averages[];
  readonly perEpoch: number;
  /** Mini-batches of the first epoch that were trained before. */
  readonly before: number;
  /** Whether nothing comes after it. */
  readonly isLast: boolean;
}

/** @returns how many mini-batches were trained. @throws what onBatchEnd throws */
export async function runLeg(loop: Loop, { stretches, averages, perEpoch, before, isLast }: FitLeg): Promise<number> {
  const { readout, options, signal } = loop,
    { steering } = loop.faultTolerant.options;
  const onBatchEnd = options.callbacks?.onBatchEnd?.bind(options.callbacks);
  // An error of the user's own stops like an abort: at a step boundary, and with all steps counted.
  const thrown: unknown[] = [];
  const ran = await loop.faultTolerant.run(
    stretches,
    (first, steps, results) => {
      steps.forEach((step, i) => {
        if (steering.turning) return;
        const batch = before + first + i;
        averages[Math.floor(batch / perEpoch)].addStep(step.rows, results, steps.length, i);
        if (!onBatchEnd || thrown.length > 0) return;
        const one = new Averages(readout);
        one.addStep(step.rows, results, steps.length, i);
        callAfter(
          steering,
          step.step + 1,
          () => onBatchEnd(batch % perEpoch, { ...one.logs(), size: step.rows }),
          (error) => thrown.push(error),
        );
      });
    },
    {
      get aborted() {
        return thrown.length > 0 || signal.aborted;
      },
    },
    isLast,
  );
  if (thrown.length > 0) throw thrown[0];
  return ran;
}

/** What is trained in one run: an epoch or, where nobody listens, several. */
export interface Epochs {
  /** One for each. */
  readonly averages: readonly Averages[];
  readonly isLast: boolean;
  /** Mini-batches of the first of them that were trained before step `firstStep`. */
  before: number;
  firstStep: number;
}

/** @returns how many steps were trained, and how many epochs are complete with them */
async function trainEpochs(
  loop: Loop,
  { averages, before, isLast }: Epochs,
  progress: Progress,
): Promise<[ran: number, completed: number]> {
  const { rows, batchSize } = loop.portions,
    perEpoch = Math.ceil(rows / batchSize);
  // A pass is begun with its first step: a checkpoint from before that step is of the same pass.
  const firstPass = before > 0 ? progress.epochs - 1 : progress.epochs;
  const stretches = partOf(wholePasses(firstPass, averages.length, perEpoch), before, Infinity, batchSize);
  const ran = await runLeg(loop, { stretches, averages, perEpoch, before, isLast });
  return [ran, Math.floor((before + ran) / perEpoch)];
}

/** Runs the epochs, or the one epoch of `steps` mini-batches. */
export async function runEpochs(loop: Loop, progress: Progress): Promise<History> {
  const { readout, validates, options, signal, from, watch } = loop,
    { callbacks = {} } = options;
  const result: History = from ? structuredClone(from.history) : { history: {}, epochs: 0, steps: 0, stopped: false };
  const oneByOne = loop.by || validates || listens(options) || from || watch;
  const next = (before = 0, sums?: Sums): Epochs => {
    const length = oneByOne ? 1 : Math.min(loop.ahead, loop.epochs - result.epochs);
    return {
      before,
      firstStep: progress.steps,
      isLast: !validates && result.epochs + length === loop.epochs,
      averages: Array.from({ length }, () => new Averages(readout, sums)),
    };
  };
  let now = next(from?.batches, from?.sums);
  watch?.(() => {
    const ran = progress.steps - now.firstStep;
    return structuredClone({ history: { ...result, steps: result.steps + ran }, batches: now.before + ran, sums: now.averages[0].sums });
  });
  // No step is under way in a callback.
  const { gate, steering } = loop.faultTolerant.options,
    call = (callback: () => void | Promise<void> | undefined) => gate.still(callback);
  await call(() => callbacks.onTrainBegin?.());
  while (result.epochs < loop.epochs && !signal.aborted && !steering.stopped) {
    if (!now.before) await call(() => callbacks.onEpochBegin?.(result.epochs));
    const [ran, completed] = await (loop.by?.train ?? trainEpochs)(loop, now, progress);
    result.steps += ran;
    Object.assign(now, { before: now.before + ran, firstStep: progress.steps });
    for (const average of now.averages.slice(0, completed)) {
      const logs: Logs = average.logs(),
        epoch = result.epochs;
      if (validates) {
        const validated = await loop.faultTolerant.on(async ({ validation }) => validation && runEvaluation(validation, readout, signal));
        if (validated === null) break;
        Object.assign(logs, validated.logs("val_"));
      }
      for (const [name, value] of Object.entries(logs)) (result.history[name] ??= []).push(value);
      result.epochs++;
      await call(() => callbacks.onEpochEnd?.(epoch, logs));
    }
    if (completed < now.averages.length) break;
    now = next();
  }
  result.stopped = result.epochs < loop.epochs;
  await call(() => callbacks.onTrainEnd?.());
  return result;
}
