// Loss functions as plain values; C is the mean over the rows of a batch of what each loss says of one row.
// The arithmetic is in reference/losses.ts (float64) and shaders/losses.wgsl.ts (float32).

import { InputError } from "../errors.ts";
import type { ActivationName } from "./activations.ts";
import { checkFlag, checkFloat32, checkOptions, show } from "./checks.ts";

/** The names of all losses. */
export const LOSSES = Object.freeze([
  "meanSquaredError", "halfSquaredError", "huber",
  "binaryCrossentropy", "categoricalCrossentropy", "sparseCategoricalCrossentropy",
] as const);

/** Names that compile() takes for a loss. */
export type LossName = (typeof LOSSES)[number];

/** A frozen plain value, as the functions below return it. */
export interface Loss {
  readonly name: LossName;
  /** The last layer gives logits; softmax or sigmoid is part of the loss. */
  readonly fromLogits: boolean;
  /** Where the Huber loss turns from a parabola into a line. */
  readonly delta: number;
}

function loss(name: LossName, options: { fromLogits?: boolean; delta?: number } = {}): Loss {
  options = checkOptions(`${name}()`, options, ["name", "fromLogits", "delta"]);
  const fromLogits = checkFlag(`${name}()`, "fromLogits", options.fromLogits, false);
  const delta = checkFloat32(`${name}()`, "delta", options.delta ?? 1, "> 0");
  return Object.freeze({ name, fromLogits, delta });
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
 * layer has activation "sigmoid"
 * @throws InputError on another option; compile() throws one if the last layer does not fit
 */
export const binaryCrossentropy = (options: { fromLogits?: boolean } = {}): Loss => loss("binaryCrossentropy", options);
/**
 * −Σ y·ln a, as Keras' CategoricalCrossentropy. Targets (rows × classes), each row summing to 1.
 * @param options `fromLogits` (default false): the last layer is linear and the softmax part of the loss; else the last
 * layer has activation "softmax"
 * @throws InputError on another option; compile() throws one if the last layer does not fit
 */
export const categoricalCrossentropy = (options: { fromLogits?: boolean } = {}): Loss =>
  loss("categoricalCrossentropy", options);
/**
 * −ln a[label], as Keras' SparseCategoricalCrossentropy. Targets (rows): class indices from 0 to classes − 1.
 * @param options `fromLogits` (default false): the last layer is linear and the softmax part of the loss; else the last
 * layer has activation "softmax"
 * @throws InputError on another option; compile() throws one if the last layer does not fit
 */
export const sparseCategoricalCrossentropy = (options: { fromLogits?: boolean } = {}): Loss =>
  loss("sparseCategoricalCrossentropy", options);

/** Reads `loss`: a name, or what one of the functions above returned. */
export function toLoss(value: unknown): Loss {
  const given: Partial<Loss> = typeof value === "object" && value !== null ? value : { name: value as LossName };
  if ((LOSSES as readonly unknown[]).includes(given.name)) return loss(given.name as LossName, given);
  throw new InputError(`compile(): loss must be one of ${LOSSES.join(", ")} or the value of one of these functions; ` +
    `got ${show(value)}.`);
}

/** Whether targets are class indices (one whole number a row) rather than rows of numbers. */
export const takesLabels = (loss: Loss): boolean => loss.name === "sparseCategoricalCrossentropy";

/** The activation that belongs to a cross-entropy: together their gradient is (a − y)/B. Null for the other losses. */
export function matchingActivation(loss: Loss): "softmax" | "sigmoid" | null {
  switch (loss.name) {
    case "binaryCrossentropy": return "sigmoid";
    case "categoricalCrossentropy":
    case "sparseCategoricalCrossentropy": return "softmax";
    default: return null;
  }
}

/** @throws InputError if the loss cannot follow this last activation */
export function checkLossFits(loss: Loss, last: ActivationName, units: number): void {
  const matching = matchingActivation(loss);
  if (matching === null) return;
  const needed = loss.fromLogits ? "linear" : matching;
  if (last !== needed) {
    throw new InputError(`compile(): ${loss.name}${loss.fromLogits ? " with fromLogits" : ""} needs a last layer with ` +
      `activation "${needed}"; got "${last}". ` + (last === "linear"
      ? `Declare activation: "${matching}", or pass ${loss.name}({ fromLogits: true }).`
      : `Declare activation: "${needed}" or choose another loss.`));
  }
  if (matching === "softmax" && units < 2) {
    throw new InputError(`compile(): ${loss.name} needs at least 2 classes but the last layer has ${units} unit. ` +
      `Use binaryCrossentropy with a sigmoid for two classes in one unit.`);
  }
}

export const METRICS = ["accuracy", "meanSquaredError", "meanAbsoluteError"] as const;
/** Names that compile() takes for metrics. */
export type MetricName = (typeof METRICS)[number];

const METRIC_ALIASES: Record<string, MetricName> = { acc: "accuracy", mse: "meanSquaredError", mae: "meanAbsoluteError" };

/** Reads one entry of `metrics`; "acc", "mse" and "mae" are short for the long names. */
export function toMetric(value: unknown, loss: Loss): MetricName {
  const name = typeof value === "string" ? (METRIC_ALIASES[value] ?? value) : value;
  if (!(METRICS as readonly unknown[]).includes(name)) {
    throw new InputError(`compile(): a metric is one of ${METRICS.join(", ")}; got ${show(value)}.`);
  }
  if (takesLabels(loss) && name !== "accuracy") {
    throw new InputError(`compile(): metric ${name} compares rows of targets, but ${loss.name} takes class indices. ` +
      `Use "accuracy", or categoricalCrossentropy with one-hot rows.`);
  }
  return name as MetricName;
}
