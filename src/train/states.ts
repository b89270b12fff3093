// The carried states of stateful layers: which mini-batches may follow one another. Where the states lie is the backend's.
//
// Training has states of its own, which go on from mini-batch to mini-batch and from fit() to fit(); so has predict().
// evaluate() and each validation start from 0. All start from 0 after compile() and resetStates().

import { InputError } from "../errors.ts";
import type { Network } from "../model/network.ts";
import type { StepScalars } from "../graph/types.ts";

/** Whose turn it is: the rows whose states the next mini-batch goes on from, 0 where it starts from 0. */
export interface Carried {
  stateRows: number;
}

/**
 * @param rows in order, cut into mini-batches of `batchSize`
 * @param carried null where the states start from 0
 * @throws InputError unless row b of every mini-batch can go on from row b of the one before
 */
export function checkStateful(where: string, { stateful }: Network, rows: number, batchSize: number, carried: Carried | null): void {
  if (!stateful) return;
  if (rows % batchSize !== 0) {
    throw new InputError(`${where}: with a stateful layer row b of a mini-batch goes on from row b of the one before, so that all must have ` +
      `as many rows; ${rows} rows are no whole number of mini-batches of ${batchSize}. Choose another batchSize; windows() lays data out.`);
  }
  const before = carried?.stateRows ?? 0;
  if (before > 0 && before !== batchSize) {
    throw new InputError(`${where}: the states of ${before} sequences are carried on, but the mini-batches have ${batchSize} rows. Call ` +
      `model.resetStates() first, or use batchSize ${before}.`);
  }
}

/** The same steps, the first from states of 0 where none are carried. */
export function fromStates(steps: readonly StepScalars[], { stateRows }: Carried): StepScalars[] {
  return steps.map((step, i) => (i === 0 && stateRows === 0 ? { ...step, fresh: true } : step));
}
