// Finds what was the first to go when training came upon numbers that are not finite. Loaded when it did.

import { DivergenceError } from "../errors.ts";
import type { State } from "./backend.ts";
import type { Compiled } from "./compiled.ts";
import type { Dataset } from "./data.ts";
import { allFinite, isFiniteState } from "./finite.ts";
import { loadFloat64 } from "./load-float64.ts";
import { rowsInOrder, type Order } from "./orders.ts";

/**
 * The last step that began with finite weights.
 * @param from a step that did
 * @param to a step with a loss that was not finite
 * @param isFiniteAt whether the state before a step is finite
 */
export async function lastFinite(from: number, to: number, isFiniteAt: (step: number) => Promise<boolean>): Promise<number> {
  let low = from, high = to + 1;
  // Most of the time the numbers went a step or two ago.
  for (let back = 0; to - back > from; back = 2 * back || 1) {
    if (await isFiniteAt(to - back)) {
      low = to - back;
      break;
    }
    high = to - back;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await isFiniteAt(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** The rows of one mini-batch as a data set of their own. */
function rowsOf({ rows, x, y, lengths, format }: Dataset, wanted: Uint32Array): Dataset {
  const take = <A extends NonNullable<Dataset["x" | "y" | "lengths"]>>(array: A): A => {
    const cols = array.length / rows, taken = new (array.constructor as new (length: number) => A)(wanted.length * cols);
    wanted.forEach((row, i) => taken.set(array.subarray(row * cols, (row + 1) * cols), i * cols));
    return taken;
  };
  return { rows: wanted.length, format, x: take(x), y: y && take(y), lengths: lengths && take(lengths) };
}

/** Leads along what was trained since a snapshot. */
export interface Trail {
  /** The step of the snapshot. */
  readonly from: number;
  /** @returns the state that the backend then has: that before the step */
  readonly goTo: (step: number) => Promise<State>;
  /** What a step was trained on; null if it was not trained yet. */
  readonly batchAt: (step: number) => Batch | null;
  /** The first tensor of a training step on this mini-batch that is not finite, from the state that the backend has. */
  readonly firstNonFinite: (state: State, batch: Batch) => Promise<string>;
}

export interface Divergence {
  /** The last step that began with finite numbers alone. */
  readonly step: number;
  /** What it made first that was not finite. */
  readonly tensor: string;
}

/** @param seenAt a step with a loss that was not finite. @returns with the backend as it was before the step */
export async function locate({ from, goTo, batchAt, firstNonFinite }: Trail, seenAt: number): Promise<Divergence> {
  const step = await lastFinite(from, seenAt, async (at) => isFiniteState(await goTo(at)));
  const state = await goTo(step), batch = batchAt(step);
  // Without one they were not finite from the start.
  return { step, tensor: batch ? await firstNonFinite(state, batch) : "the weights" };
}

export const MAX_ROLLBACKS = 3;

const wordsOn = ({ step, tensor }: Divergence, lossBefore: number | null): string =>
  `fit(): step ${step} came upon numbers that are not finite, first in ${tensor}; the loss before was ${lossBefore ?? "not known"}.`;

export const diverged = (found: Divergence, lossBefore: number | null): DivergenceError =>
  new DivergenceError(`${wordsOn(found, lossBefore)} The model is as it was before that step. Use a smaller learningRate, clip gradients ` +
    "(adam({ clipNorm: 1 })) or look at the data's scale.", found.step, lossBefore, found.tensor);

/** @param next the step that training goes on with */
export const leftOut = (found: Divergence, lossBefore: number | null, next: number): string =>
  `deltaprop: ${wordsOn(found, lossBefore)} The ${next - found.step} mini-batches from there on are left out.`;

/** A mini-batch: rows `from`, … of an order. */
export interface Batch {
  readonly order: Order;
  readonly from: number;
  readonly rows: number;
}

/**
 * The first tensor of a training step, in textbook order, that is not finite: computed on the backend from the state it has, which is
 * put back.
 */
export async function firstNonFinite(
  compiled: Compiled, dataset: Dataset, state: State, { order, from, rows }: Batch,
): Promise<string> {
  const spoilt = [...state].find(([, numbers]) => !allFinite(numbers));
  if (spoilt) return spoilt[0];
  const batch = rowsOf(dataset, rowsInOrder(order, dataset.rows).subarray(from, from + rows));
  const { tensors } = await (await loadFloat64()).inspectTrainingStep(compiled, batch);
  return tensors.find(({ gpu, reference }) => !allFinite(gpu ?? reference))?.name ?? "loss";
}
