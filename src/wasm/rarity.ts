// Which of what is loaded later the operations of a graph need. Everything that is not common here is behind a door (lazy.ts).

import type { Op } from "../graph/types.ts";
import type { Sequences, Uncommon } from "./emission.ts";
import { loadSequences, loadUncommon } from "./lazy.ts";

/** Of an MLP. Others belong to sequences and normalizations. */
const COMMON: readonly string[] = [
  ...["gather", "product", "rowSum", "hadamard", "scale", "dropout", "activation", "activationDerivative", "accumulate"],
  ...["softmax", "softmaxPullback", "lossRows", "lossGradient", "metricRows", "summarize", "update"],
];
const UNCOMMON: readonly string[] = ["penalty", "penaltyGradient", "clipFactor", "clipValue"];

/** Activations, losses, metrics and optimizers that are written without what is loaded. */
const COMMON_NAMES: readonly string[] = [
  ...["linear", "sigmoid", "tanh", "relu"],
  ...["halfSquaredError", "binaryCrossentropy", "categoricalCrossentropy", "sparseCategoricalCrossentropy"],
  ...["sparseAccuracy", "categoricalAccuracy", "binaryAccuracy", "binaryLogitAccuracy", "meanSquaredError"],
  ...["sgd", "adam", "adamW"],
];

/** What an operation's code depends on by name. */
function namesIn(op: Op): string[] {
  if (op.type === "update") return [op.optimizer.name];
  // The mean of |a − y| is a common metric and an uncommon loss.
  if (op.type === "metricRows") return op.metric === "meanAbsoluteError" ? [] : [op.metric];
  if (op.type === "lossRows" || op.type === "lossGradient") return [op.loss.labelSmoothing ? "smoothed" : op.loss.name];
  return "activation" in op ? [op.activation] : [];
}

/** Writers that were loaded; null for what the graph has nothing of. */
export interface Loaded {
  readonly uncommon: Uncommon | null;
  readonly sequences: Sequences | null;
}

/** @throws what the host says where a file cannot be loaded */
export async function loadWriters(ops: readonly Op[]): Promise<Loaded> {
  const isUncommon = (op: Op): boolean => UNCOMMON.includes(op.type) || !namesIn(op).every((name) => COMMON_NAMES.includes(name)),
    isOfSequence = ({ type }: Op): boolean => !COMMON.includes(type) && !UNCOMMON.includes(type);
  const [uncommon, sequences] = await Promise.all([
    ops.some(isUncommon) ? loadUncommon() : null,
    ops.some(isOfSequence) ? loadSequences() : null,
  ]);
  return { uncommon: uncommon && uncommon.UNCOMMON, sequences: sequences && sequences.SEQUENCES };
}
