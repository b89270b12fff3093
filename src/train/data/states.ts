// The carried states of stateful layers: whose turn it is. Where the states lie is the backend's; sequences.ts says which
// mini-batches may follow one another.
//
// Training has states of its own, which go on from mini-batch to mini-batch and from fit() to fit(); so has predict().
// evaluate() and each validation start from 0. All start from 0 after compile() and resetStates().

import type { StepScalars } from "../../graph/types.ts";

/** Whose turn it is: the rows whose states the next mini-batch goes on from, 0 where it starts from 0. */
export interface Carried {
  stateRows: number;
}

/** The same steps, the first from states of 0 where none are carried. */
export function fromStates(steps: readonly StepScalars[], { stateRows }: Carried): StepScalars[] {
  return stateRows > 0 || steps.length === 0 ? [...steps] : [{ ...steps[0], fresh: true }, ...steps.slice(1)];
}
