// Takes a training step apart to name the first of its tensors that is not finite.

import type { State } from "../backend/backend.ts";
import type { Compiled } from "../compiled/compiled.ts";
import type { Dataset } from "../data/data.ts";
import type { Batch } from "../recovery/divergence.ts";
import { allFinite } from "../backend/finite.ts";
import { inspectTrainingStep } from "./inspect.ts";
import { rowsInOrder } from "../backend/orders.ts";

/** The rows of one mini-batch as a data set of their own. */
function rowsOf({ rows, x, y, lengths, format }: Dataset, wanted: Uint32Array): Dataset {
  const take = <A extends NonNullable<Dataset["x" | "y" | "lengths"]>>(array: A): A => {
    const cols = array.length / rows,
      taken = new (array.constructor as new (length: number) => A)(wanted.length * cols);
    wanted.forEach((row, i) => taken.set(array.subarray(row * cols, (row + 1) * cols), i * cols));
    return taken;
  };
  return { rows: wanted.length, format, x: take(x), y: y && take(y), lengths: lengths && take(lengths) };
}

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
