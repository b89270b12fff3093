// What each operation is. A new one gets a line here and one in schedule/ops.ts; tsc asks for both, and for its equation and formula
// (equations.ts).

import type { OpName } from "./types.ts";

export interface OpTraits {
  /** Its output is another way to read its input: nothing is computed, and nothing need be copied. */
  readonly view?: true;
  /** It is done once a mini-batch, on sums of gradients where that is computed in chunks. */
  readonly perMiniBatch?: true;
}

const COMPUTED: OpTraits = {}, VIEW: OpTraits = { view: true }, PER_MINI_BATCH: OpTraits = { perMiniBatch: true };

export const OPS: Readonly<Record<OpName, OpTraits>> = {
  gather: VIEW, previousStep: VIEW, lastStep: VIEW, lastStepGradient: VIEW,
  product: COMPUTED, embeddingLookup: COMPUTED, activation: COMPUTED, softmax: COMPUTED, dropout: COMPUTED, recurrentForward: COMPUTED, carry: COMPUTED,
  lossRows: COMPUTED, metricRows: COMPUTED, countSteps: COMPUTED, maskRows: COMPUTED, summarize: COMPUTED,
  lossGradient: COMPUTED, softmaxPullback: COMPUTED, activationDerivative: COMPUTED, hadamard: COMPUTED, recurrentBackward: COMPUTED,
  rowSum: COMPUTED, embeddingGradient: COMPUTED, accumulate: COMPUTED,
  penalty: PER_MINI_BATCH, penaltyGradient: PER_MINI_BATCH, clipValue: PER_MINI_BATCH, clipFactor: PER_MINI_BATCH, scale: PER_MINI_BATCH,
  update: PER_MINI_BATCH,
};
