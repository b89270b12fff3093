// Takes a training step apart to name the first of its tensors that is not finite.

import type { State } from "../backend/backend.ts";
import type { Compiled } from "../compiled/compiled.ts";
import type { Dataset } from "../data/data.ts";
import { mapArrays } from "../data/map-arrays.ts";
import type { Batch } from "../recovery/divergence.ts";
import { allFinite } from "../backend/finite.ts";
import { inspectTrainingStep } from "./inspect.ts";
import { rowsInOrder } from "../backend/orders.ts";

/** The rows of one mini-batch as a data set of their own. */
const rowsOf = (dataset: Dataset, wanted: Uint32Array): Dataset =>
  mapArrays(dataset, wanted.length, (array, cols) => {
    const taken = new (array.constructor as new (length: number) => typeof array)(wanted.length * cols);
    wanted.forEach((row, i) => taken.set(array.subarray(row * cols, (row + 1) * cols), i * cols));
    return taken;
  });

/**
 * The first tensor of a training step, in textbook order, that is not finite: computed on the backend from the state it has, which is
 * put back.
 */
export async function firstNonFinite(compiled: Compiled, dataset: Dataset, state: State, { order, from, rows }: Batch): Promise<string> {
  const spoilt = [...state].find(([, numbers]) => !allFinite(numbers));
  if (spoilt) return spoilt[0];
  const batch = rowsOf(dataset, rowsInOrder(order, dataset.rows).subarray(from, from + rows));
  const { tensors } = await inspectTrainingStep(compiled, batch);
  return tensors.find(({ gpu, reference }) => !allFinite(gpu ?? reference))?.name ?? "loss";
}
