// Loss functions as plain values; C is the mean over the rows of a batch of what each loss says of one row.
// The arithmetic is in reference/losses.ts (float64) and shaders/losses.wgsl.ts (float32).

import { InputError } from "../errors.ts";
import type { ActivationName } from "./activations.ts";
import { checkFlag, checkFloat32, checkOptions, show } from "./checks.ts";

/** The names of all losses. */
export const LOSSES = Object.freeze([
  "meanSquaredError",
  "halfSquaredError",
  "huber",
  "binaryCrossentropy",
  "categoricalCrossentropy",
  "sparseCategoricalCrossentropy",
  "meanAbsoluteError",
  "meanAbsolutePercentageError",
  "meanSquaredLogarithmicError",
  "logCosh",
  "hinge",
  "squaredHinge",
  "klDivergence",
  "poisson",
] as const);

/** Names that compile() takes for a loss. */
export type LossName = (typeof LOSSES)[number];

/** Sums and means over outputs whose formulas few networks use. */
export type UncommonSum = Exclude<
  LossName,
  "meanSquaredError" | "halfSquaredError" | "huber" | "binaryCrossentropy" | "categoricalCrossentropy" | "sparseCategoricalCrossentropy"
>;

/** A frozen plain value, as the functions below return it. */
export interface Loss {
  readonly name: LossName;
  /** The last layer gives logits; softmax or sigmoid is part of the loss. */
  readonly fromLogits: boolean;
  /** Where the Huber loss turns from a parabola into a line. */
  readonly delta: number;
  /** s of targets y·(1 − s) + s/classes, where it is not 0. */
  readonly labelSmoothing?: number;
}

function loss(name: LossName, options: { fromLogits?: boolean; delta?: number; labelSmoothing?: number } = {}): Loss {
  options = checkOptions(`${name}()`, options, ["name", "fromLogits", "delta", "labelSmoothing"]);
  const fromLogits = checkFlag(`${name}()`, "fromLogits", options.fromLogits, false);
  const delta = checkFloat32(`${name}()`, "delta", options.delta ?? 1, "> 0");
  const labelSmoothing = checkFloat32(`${name}()`, "labelSmoothing", options.labelSmoothing ?? 0, "[0, 1)");
  if (labelSmoothing > 0 && !/^(binary|categorical)/.test(name)) {
    throw new InputError(`${name}(): labelSmoothing is of binaryCrossentropy and categoricalCrossentropy only. Leave it out.`);
  }
  return Object.freeze({ name, fromLogits, delta, ...(labelSmoothing > 0 && { labelSmoothing }) });
}

/** mean over outputs of (a − y)², as Keras' MeanSquaredError. Targets (rows × outputs). */
export const meanSquaredError = (): Loss => loss("meanSquaredError");
/** ½ Σ over outputs of (a − y)²: the quadratic cost of Nielsen, ch. 1. Targets (rows × outputs). */
export const halfSquaredError = (): Loss => loss("halfSquaredError");
/**
 * mean over outputs of ½e² for |e| ≤ delta, else delta·(|e| − ½delta), with e = a − y, as Keras' Huber.
 * Targets (rows × outputs).
 * @param options `delta`, in units of y (default 1): where the parabola turns into a line
 * @throws InputError unless delta > 0 and finite, in float32 too
 */
export const huber = (options: { delta?: number } = {}): Loss => loss("huber", options);
/**
 * mean over outputs of −y·ln a − (1−y)·ln(1−a), a = σ(z). Targets (rows × outputs) in [0, 1]. Without and with `fromLogits` the value is
 * computed from the logits, as max(z, 0) − z·y + ln(1 + e^(−|z|)): finite for every z, exact where a rounds to 0 or 1, and never clipped.
 * Keras' BinaryCrossentropy gives the same with from_logits=True. Without, Keras clips probabilities that it gets to [10⁻⁷, 1 − 10⁻⁷], so that a
 * wrong answer costs it 16.1 at most; PyTorch's BCELoss stops at 100. The gradient is (a − y)/outputs either way, a as the layer gives it.
 * @param options `fromLogits` (default false): the last layer is linear and the sigmoid part of the loss; else the last
 * layer has activation "sigmoid". `labelSmoothing` s in [0, 1) (default 0): y counts as y·(1 − s) + s/2, as in Keras
 * @throws InputError on another option; compile() throws one if the last layer does not fit
 */
export const binaryCrossentropy = (options: { fromLogits?: boolean; labelSmoothing?: number } = {}): Loss =>
  loss("binaryCrossentropy", options);
/**
 * −Σ y·ln a, as Keras' CategoricalCrossentropy. Targets (rows × classes), each row summing to 1.
 * @param options `fromLogits` (default false): the last layer is linear and the softmax part of the loss; else the last
 * layer has activation "softmax". `labelSmoothing` s in [0, 1) (default 0): y counts as y·(1 − s) + s/classes, as in Keras
 * @throws InputError on another option; compile() throws one if the last layer does not fit
 */
export const categoricalCrossentropy = (options: { fromLogits?: boolean; labelSmoothing?: number } = {}): Loss =>
  loss("categoricalCrossentropy", options);
/**
 * −ln a[label], as Keras' SparseCategoricalCrossentropy. Targets (rows): class indices from 0 to classes − 1.
 * @param options `fromLogits` (default false): the last layer is linear and the softmax part of the loss; else the last
 * layer has activation "softmax"
 * @throws InputError on another option; compile() throws one if the last layer does not fit
 */
export const sparseCategoricalCrossentropy = (options: { fromLogits?: boolean } = {}): Loss =>
  loss("sparseCategoricalCrossentropy", options);

/** mean over outputs of |a − y|, as Keras' MeanAbsoluteError. Its gradient where a = y is 0. Targets (rows × outputs). */
export const meanAbsoluteError = (): Loss => loss("meanAbsoluteError");
/** 100 · mean over outputs of |y − a| / max(|y|, 10⁻⁷), as Keras' MeanAbsolutePercentageError. Targets (rows × outputs). */
export const meanAbsolutePercentageError = (): Loss => loss("meanAbsolutePercentageError");
/**
 * mean over outputs of (ln(1 + a) − ln(1 + y))², a and y no less than 10⁻⁷, as Keras' MeanSquaredLogarithmicError. Answers below
 * 10⁻⁷ have no gradient. Targets (rows × outputs).
 */
export const meanSquaredLogarithmicError = (): Loss => loss("meanSquaredLogarithmicError");
/** mean over outputs of ln cosh(a − y), as Keras' LogCosh. Targets (rows × outputs). */
export const logCosh = (): Loss => loss("logCosh");
/** mean over outputs of max(1 − y·a, 0), as Keras' Hinge. Targets (rows × outputs): −1 and 1; 0 counts as −1. */
export const hinge = (): Loss => loss("hinge");
/** mean over outputs of max(1 − y·a, 0)², as Keras' SquaredHinge. Targets (rows × outputs): −1 and 1; 0 counts as −1. */
export const squaredHinge = (): Loss => loss("squaredHinge");
/**
 * Σ y·ln(y/a), y and a cut to [10⁻⁷, 1], as Keras' KLDivergence. Answers that were cut have no gradient. Targets (rows × outputs):
 * distributions.
 */
export const klDivergence = (): Loss => loss("klDivergence");
/** mean over outputs of a − y·ln(a + 10⁻⁷), as Keras' Poisson. Answers must be positive. Targets (rows × outputs): counts. */
export const poisson = (): Loss => loss("poisson");

/** Whether the loss of a row is the sum over its outputs; else it is their mean. */
export const sumsOutputs = (loss: Loss): boolean =>
  loss.name === "halfSquaredError" || loss.name === "klDivergence" || matchingActivation(loss) === "softmax";

const ALIASES: Readonly<Record<string, string>> = { acc: "accuracy", mse: "meanSquaredError", mae: "meanAbsoluteError" };
/** "acc", "mse" and "mae" are short for the long names. */
export const longName = (value: unknown): unknown => ALIASES[value as string] ?? value;

/** Reads `loss`: a name, or what one of the functions above returned. "mse" and "mae" are short for the long names. */
export function toLoss(value: unknown): Loss {
  const given: Partial<Loss> = typeof value === "object" && value !== null ? value : { name: longName(value) as LossName };
  if ((LOSSES as readonly unknown[]).includes(given.name)) return loss(given.name as LossName, given);
  throw new InputError(
    `compile(): loss must be one of ${LOSSES.join(", ")} or the value of one of these functions; ` + `got ${show(value)}.`,
  );
}

/** Whether targets are class indices (one whole number a row) rather than rows of numbers. */
export const takesLabels = (loss: Loss): boolean => loss.name === "sparseCategoricalCrossentropy";

/** The activation that belongs to a cross-entropy: together their gradient is (a − y)/B. Null for the other losses. */
export function matchingActivation(loss: Loss): "softmax" | "sigmoid" | null {
  switch (loss.name) {
    case "binaryCrossentropy":
      return "sigmoid";
    case "categoricalCrossentropy":
    case "sparseCategoricalCrossentropy":
      return "softmax";
    default:
      return null;
  }
}

/** @throws InputError if the loss cannot follow this last activation */
export function checkLossFits(loss: Loss, last: ActivationName, units: number): void {
  const matching = matchingActivation(loss);
  if (matching === null) return;
  const needed = loss.fromLogits ? "linear" : matching;
  if (last !== needed) {
    throw new InputError(
      `compile(): ${loss.name}${loss.fromLogits ? " with fromLogits" : ""} needs a last layer with ` +
        `activation "${needed}"; got "${last}". Declare it, or ${last === "linear" ? `pass ${loss.name}({ fromLogits: true })` : "choose another loss"}.`,
    );
  }
  if (matching === "softmax" && units < 2) {
    throw new InputError(
      `compile(): ${loss.name} needs at least 2 classes; got ${units} unit. Use binaryCrossentropy with a sigmoid for two classes.`,
    );
  }
}
