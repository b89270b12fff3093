/**
 * `tf.metrics.*`: functions of labels and predictions, one number a row; and what compile() reads of `metrics`.
 * @module
 */

import type { Loss, LossName, MetricName } from "../index.ts";
import { unsupported } from "./missing.ts";
import { read, Tensor, type TensorLike } from "./tensor.ts";

type RowMetric = (y: ArrayLike<number>, a: ArrayLike<number>, at: number, width: number, row: number) => number;

const meanRow =
  (of: (y: number, a: number) => number): RowMetric =>
  (y, a, at, width) => {
    let sum = 0;
    for (let j = at; j < at + width; j++) sum += of(y[j], a[j]);
    return sum / width;
  };
const largest = (a: ArrayLike<number>, at: number, width: number): number => {
  let best = 0;
  for (let j = 1; j < width; j++) if (a[at + j] > a[at + best]) best = j;
  return best;
};

const ROWS = {
  binaryAccuracy: meanRow((y, a) => Number(y === Number(a > 0.5))),
  binaryLogitAccuracy: meanRow((y, z) => Number(y === Number(z > 0))),
  categoricalAccuracy: (y, a, at, width) => Number(largest(y, at, width) === largest(a, at, width)),
  sparseCategoricalAccuracy: (y, a, at, width, row) => Number(Math.floor(y[row]) === largest(a, at, width)),
  meanSquaredError: meanRow((y, a) => (a - y) ** 2),
  meanAbsoluteError: meanRow((y, a) => Math.abs(a - y)),
} satisfies Record<string, RowMetric>;

export type Kind = keyof typeof ROWS;

/** Of each row. */
export const metricRows = (kind: Kind, y: ArrayLike<number>, a: ArrayLike<number>, width: number): Float64Array =>
  Float64Array.from({ length: a.length / width }, (_, row) => ROWS[kind](y, a, row * width, width, row));

const asFunction =
  (kind: Kind) =>
  (labels: TensorLike, predictions: TensorLike): Tensor => {
    const a = read(`tf.metrics.${kind}`, predictions, "float32"),
      y = read(`tf.metrics.${kind}`, labels, "float32");
    const values = metricRows(kind, y.data, a.data, a.shape.at(-1) ?? 1);
    return new Tensor({ dtype: "float32", shape: a.shape.slice(0, -1), data: Float32Array.from(values) });
  };

export const binaryAccuracy = asFunction("binaryAccuracy"),
  categoricalAccuracy = asFunction("categoricalAccuracy");
export const sparseCategoricalAccuracy = asFunction("sparseCategoricalAccuracy");
export const meanSquaredError = asFunction("meanSquaredError"),
  MSE = meanSquaredError,
  mse = meanSquaredError;
export const meanAbsoluteError = asFunction("meanAbsoluteError"),
  MAE = meanAbsoluteError,
  mae = meanAbsoluteError;

const BY_FUNCTION: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [binaryAccuracy, "binaryAccuracy"],
  [categoricalAccuracy, "categoricalAccuracy"],
  [sparseCategoricalAccuracy, "sparseCategoricalAccuracy"],
  [meanSquaredError, "meanSquaredError"],
  [meanAbsoluteError, "meanAbsoluteError"],
]);

export interface Metric {
  /** Its key in logs. */
  readonly key: string;
  readonly kind: Kind;
  readonly core: MetricName;
}

const LONG: Readonly<Record<string, MetricName>> = {
  mse: "meanSquaredError",
  MSE: "meanSquaredError",
  meanSquaredError: "meanSquaredError",
  mae: "meanAbsoluteError",
  MAE: "meanAbsoluteError",
  meanAbsoluteError: "meanAbsoluteError",
};

/** Reads one entry. @param units of the last layer: they decide with the loss which accuracy "accuracy" is */
export function toMetric(value: unknown, given: LossName | Loss, units: number): Metric {
  const name = BY_FUNCTION.get(value) ?? value,
    loss = typeof given === "string" ? given : given.name,
    fromLogits = typeof given !== "string" && given.fromLogits;
  const implied: Kind =
    loss === "binaryCrossentropy" && fromLogits
      ? "binaryLogitAccuracy"
      : units === 1 || loss === "binaryCrossentropy"
        ? "binaryAccuracy"
        : loss === "sparseCategoricalCrossentropy"
          ? "sparseCategoricalAccuracy"
          : "categoricalAccuracy";
  if (name === "accuracy" || name === "acc") return { key: "acc", kind: implied, core: "accuracy" };
  if (name === implied) return { key: implied, kind: implied, core: "accuracy" };
  if (typeof name === "string" && Object.hasOwn(LONG, name)) return { key: name, kind: LONG[name] as Kind, core: LONG[name] };
  throw unsupported(
    `metric ${
      typeof name === "function" ? `by the function ${name.name || "without a name"}` : JSON.stringify(name)
    } with loss ${loss} and ${units} units`,
    `Choose "accuracy", "mse" or "mae"; for these units and loss "accuracy" is ${implied}.`,
  );
}
