// What each operation is. A new one gets a place here, at least in a type, and one in schedule/ops.ts; tsc asks for both, and for its equation and
// formula (equations.ts).

import type { OpName } from "./types.ts";

export interface OpTraits {
  /** Its output is another way to read its input: nothing is computed, and nothing need be copied. */
  readonly view?: true;
  /** It is done once a mini-batch, on sums of gradients where that is computed in chunks. */
  readonly perMiniBatch?: true;
}

const VIEW: OpTraits = { view: true },
  PER_MINI_BATCH: OpTraits = { perMiniBatch: true };

/** Operations that have no such trait. */
type Computed =
  | "product"
  | "embeddingLookup"
  | "activation"
  | "softmax"
  | "dropout"
  | "recurrentForward"
  | "carry"
  | "lossRows"
  | "metricRows"
  | "countSteps"
  | "maskRows"
  | "weightRows"
  | "summarize"
  | "lossGradient"
  | "softmaxPullback"
  | "activationDerivative"
  | "hadamard"
  | "recurrentBackward"
  | "rowSum"
  | "embeddingGradient"
  | "accumulate"
  | "moment"
  | "normalize"
  | "normalizeRows";

export const OPS: Readonly<Record<Exclude<OpName, Computed>, OpTraits> & Partial<Record<Computed, undefined>>> = {
  gather: VIEW,
  previousStep: VIEW,
  lastStep: VIEW,
  lastStepGradient: VIEW,
  penalty: PER_MINI_BATCH,
  penaltyGradient: PER_MINI_BATCH,
  clipValue: PER_MINI_BATCH,
  clipFactor: PER_MINI_BATCH,
  scale: PER_MINI_BATCH,
  update: PER_MINI_BATCH,
};
