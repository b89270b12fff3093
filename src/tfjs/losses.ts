/**
 * `tf.losses.*`: functions of labels and predictions, which compile() takes as the loss they are, too; and what losses and metrics are
 * for models.
 * @module
 */

import { binaryCrossentropy, categoricalCrossentropy, huber, LOSSES, type Loss, type LossName } from "../index.ts";
import { unsupported } from "./missing.ts";
import { read, Tensor, type TensorLike } from "./tensor.ts";

type OfNumbers = (y: number, a: number) => number;

const meanOf =
  (name: string, of: OfNumbers) =>
  (labels: TensorLike, predictions: TensorLike): Tensor => {
    const y = read(name, labels, "float32"),
      a = read(name, predictions, "float32");
    let sum = 0;
    y.data.forEach((label, i) => {
      sum += of(label, a.data[i]);
    });
    return new Tensor({ dtype: "float32", shape: [], data: Float32Array.of(sum / y.data.length) });
  };

/** max(z, 0) − z·y + ln(1 + e^(−|z|)). */
const logit: OfNumbers = (y, z) => Math.max(z, 0) - z * y + Math.log1p(Math.exp(-Math.abs(z)));

export const meanSquaredError = meanOf("tf.losses.meanSquaredError", (y, a) => (a - y) ** 2);
export const absoluteDifference = meanOf("tf.losses.absoluteDifference", (y, a) => Math.abs(a - y));
export const huberLoss = meanOf("tf.losses.huberLoss", (y, a) => (Math.abs(a - y) <= 1 ? 0.5 * (a - y) ** 2 : Math.abs(a - y) - 0.5));
export const logLoss = meanOf("tf.losses.logLoss", (y, a) => -y * Math.log(a + 1e-7) - (1 - y) * Math.log(1 - a + 1e-7));
/** Labels in [0, 1] and logits. */
export const sigmoidCrossEntropy = meanOf("tf.losses.sigmoidCrossEntropy", logit);
/** One-hot rows and rows of logits. */
export function softmaxCrossEntropy(labels: TensorLike, logits: TensorLike): Tensor {
  const y = read("tf.losses.softmaxCrossEntropy", labels, "float32"),
    z = read("tf.losses.softmaxCrossEntropy", logits, "float32");
  const width = z.shape.at(-1)!,
    rows = z.data.length / width;
  const losses = lossRows({ name: "categoricalCrossentropy" }, { data: Float64Array.from(z.data), logits: null }, y.data, width, true);
  return new Tensor({ dtype: "float32", shape: [], data: Float32Array.of(losses.reduce((sum, loss) => sum + loss, 0) / rows) });
}

/** The loss that each function stands for; those that deltaprop does not train have none. */
const BY_FUNCTION: ReadonlyMap<unknown, Loss | string> = new Map<unknown, Loss | string>([
  [meanSquaredError, "meanSquaredError"],
  [absoluteDifference, "meanAbsoluteError"],
  [huberLoss, huber()],
  [sigmoidCrossEntropy, binaryCrossentropy({ fromLogits: true })],
  [softmaxCrossEntropy, categoricalCrossentropy({ fromLogits: true })],
]);
const SHORT: Readonly<Record<string, string>> = {
  mse: "meanSquaredError",
  MSE: "meanSquaredError",
  mae: "meanAbsoluteError",
  MAE: "meanAbsoluteError",
  mape: "meanAbsolutePercentageError",
  MAPE: "meanAbsolutePercentageError",
  logcosh: "logCosh",
  kullbackLeiblerDivergence: "klDivergence",
};

/** Reads compile()'s option: a name, a function of tf.losses or tf.metrics, or one of them in an array. */
export function toLoss(value: unknown): LossName | Loss {
  if (Array.isArray(value) && value.length === 1) return toLoss(value[0]);
  const found = BY_FUNCTION.get(value) ?? (typeof value === "function" ? value.name : value);
  if (typeof found === "object" && found !== null) return found as Loss;
  const name = typeof found === "string" ? (SHORT[found] ?? found) : "";
  if ((LOSSES as readonly string[]).includes(name)) return name as LossName;
  throw unsupported(
    `loss ${typeof value === "function" ? `by the function ${value.name || "without a name"}` : JSON.stringify(value)}`,
    `Choose one of ${LOSSES.join(", ")}.`,
  );
}

interface LossRows {
  readonly data: Float64Array;
  readonly logits: { readonly of: string; readonly data: Float64Array } | null;
}

/** ln Σ e^z of a row. */
function logSum(z: Float64Array, at: number, width: number): number {
  let largest = -Infinity,
    sum = 0;
  for (let j = at; j < at + width; j++) largest = Math.max(largest, z[j]);
  for (let j = at; j < at + width; j++) sum += Math.exp(z[j] - largest);
  return largest + Math.log(sum);
}

const EPSILON = 1e-7,
  atLeast = (x: number): number => Math.max(x, EPSILON),
  share = (x: number): number => Math.min(atLeast(x), 1);
const margin: OfNumbers = (y, a) => Math.max(1 - (y === 0 ? -1 : y) * a, 0);

const SUMS: Readonly<Record<string, (loss: Partial<Loss>) => OfNumbers>> = {
  meanAbsolutePercentageError: () => (y, a) => (100 * Math.abs(y - a)) / atLeast(Math.abs(y)),
  meanSquaredLogarithmicError: () => (y, a) => (Math.log1p(atLeast(a)) - Math.log1p(atLeast(y))) ** 2,
  logCosh: () => (y, a) => Math.abs(a - y) + Math.log1p(Math.exp(-2 * Math.abs(a - y))) - Math.LN2,
  hinge: () => margin,
  squaredHinge: () => (y, a) => margin(y, a) ** 2,
  klDivergence: () => (y, a) => share(y) * Math.log(share(y) / share(a)),
  poisson: () => (y, a) => a - y * Math.log(a + EPSILON),
  meanSquaredError: () => (y, a) => (a - y) ** 2,
  meanAbsoluteError: () => (y, a) => Math.abs(a - y),
  halfSquaredError: () => (y, a) => 0.5 * (a - y) ** 2,
  huber:
    ({ delta = 1 }) =>
    (y, a) =>
      Math.abs(a - y) <= delta ? 0.5 * (a - y) ** 2 : delta * (Math.abs(a - y) - 0.5 * delta),
};

/** The loss of each row, from the logits where a cross-entropy has them. @throws UnsupportedError if the host does not know the loss */
export function lossRows(
  loss: Partial<Loss>,
  { data, logits }: LossRows,
  y: ArrayLike<number>,
  width: number,
  fromLogits = loss.fromLogits,
): Float64Array {
  const rows = data.length / width,
    name = loss.name!,
    z = fromLogits ? data : (logits?.data ?? data);
  const row = (of: (at: number, row: number) => number) => Float64Array.from({ length: rows }, (_, r) => of(r * width, r));
  const sum = (at: number, of: OfNumbers, values: Float64Array) => {
    let total = 0;
    for (let j = at; j < at + width; j++) total += of(y[j], values[j]);
    return total;
  };
  switch (name) {
    case "binaryCrossentropy":
      return row((at) => sum(at, logit, z) / width);
    case "sparseCategoricalCrossentropy":
      return row((at, r) => logSum(z, at, width) - z[at + y[r]]);
    case "categoricalCrossentropy":
      return row((at) => {
        const all = logSum(z, at, width);
        return sum(at, (label, one) => label * (all - one), z);
      });
    default: {
      if (!Object.hasOwn(SUMS, name))
        throw unsupported(`evaluate() with loss ${String(name)}`, "Pass the data to fit() as validationData.");
      const of = SUMS[name](loss);
      return row((at) => sum(at, of, data) / (name === "halfSquaredError" || name === "klDivergence" ? 1 : width));
    }
  }
}
