// Losses and metrics of each row, and the loss' gradient, in float64: what shaders/losses.wgsl.ts is checked against.
//   a (rows, cols) answers, probabilities or logits; target (rows, cols), or (rows, 1) class indices
//   C = mean over rows of lossRows;  lossGradient holds the 1/rows of that mean, and no other step does.

import { outputOf } from "../graph/metric-kinds.ts";
import type { MetricKind } from "../graph/types.ts";
import { LOSS_EPSILON, smoothing } from "../model/loss-details.ts";
import { matchingActivation, sumsOutputs, takesLabels, type Loss } from "../model/losses.ts";

/** Of one row: its maximum, and ln Σ e^(z−max) from the sum without the maximum's own 1, so that a sum near 1 keeps its digits. */
export function logSumExp(z: Float64Array, at: number, cols: number): { max: number; log: number } {
  const best = argmax(z, at, cols),
    max = z[at + best];
  let rest = 0;
  for (let j = 0; j < cols; j++) if (j !== best) rest += Math.exp(z[at + j] - max);
  return { max, log: Math.log1p(rest) };
}

/** Each row: e^(z−max) / Σ e^(z−max). */
export function softmax(z: Float64Array, rows: number, cols: number): Float64Array {
  const out = new Float64Array(rows * cols);
  for (let at = 0; at < rows * cols; at += cols) {
    const { max, log } = logSumExp(z, at, cols);
    for (let j = at; j < at + cols; j++) out[j] = Math.exp(z[j] - max - log);
  }
  return out;
}

/** The target of output j in the row that starts at `at`: one-hot where the targets are class indices. */
function targetOf(loss: Loss, target: Float64Array, at: number, j: number, cols: number): number {
  if (takesLabels(loss)) return Number(target[at / cols] === j);
  const smooth = smoothing(loss, cols);
  return smooth ? target[at + j] * smooth.scale + smooth.shift : target[at + j];
}

/** Of the hinge losses: 0 counts as −1. */
const signed = (y: number): number => (y === 0 ? -1 : y);
/** max(x, ε) and x cut to [ε, 1]; NaN stays NaN. */
const atLeast = (x: number): number => Math.max(x, LOSS_EPSILON);
const share = (x: number): number => Math.min(atLeast(x), 1);
/** ln cosh e. Near 0 from cosh e − 1 = 2·sinh²(e/2), so that nothing cancels. */
const logCosh = (e: number): number =>
  Math.abs(e) < 1 ? Math.log1p(2 * Math.sinh(e / 2) ** 2) : Math.abs(e) + Math.log1p(Math.exp(-2 * Math.abs(e))) - Math.LN2;

function huberOf(error: number, delta: number): number {
  const size = Math.abs(error);
  return size <= delta ? 0.5 * error * error : delta * (size - 0.5 * delta);
}

/** What one number of a row adds to the row's loss, before a mean over outputs. */
function lossOf(loss: Loss, a: number, y: number, row: ReturnType<typeof logSumExp> | null): number {
  switch (loss.name) {
    case "meanSquaredError":
      return (a - y) ** 2;
    case "halfSquaredError":
      return 0.5 * (a - y) ** 2;
    case "huber":
      return huberOf(a - y, loss.delta);
    case "meanAbsoluteError":
      return Math.abs(a - y);
    case "meanAbsolutePercentageError":
      return (100 * Math.abs(y - a)) / atLeast(Math.abs(y));
    case "meanSquaredLogarithmicError":
      return (Math.log1p(atLeast(a)) - Math.log1p(atLeast(y))) ** 2;
    case "logCosh":
      return logCosh(a - y);
    case "hinge":
      return Math.max(1 - signed(y) * a, 0);
    case "squaredHinge":
      return Math.max(1 - signed(y) * a, 0) ** 2;
    case "klDivergence":
      return share(y) * Math.log(share(y) / share(a));
    case "poisson":
      return a - y * Math.log(a + LOSS_EPSILON);
    case "binaryCrossentropy":
      return a * (Number(a > 0) - y) + Math.log1p(Math.exp(-Math.abs(a)));
    case "categoricalCrossentropy":
    case "sparseCategoricalCrossentropy":
      return y * (row!.log + (row!.max - a));
  }
}

/** The loss of each row; a cross-entropy is given logits. */
export function lossRows(loss: Loss, a: Float64Array, target: Float64Array, rows: number, cols: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    const at = row * cols;
    const whole = matchingActivation(loss) === "softmax" ? logSumExp(a, at, cols) : null;
    if (whole && takesLabels(loss)) return whole.log + (whole.max - a[at + target[row]]);
    let sum = 0;
    for (let j = 0; j < cols; j++) sum += lossOf(loss, a[at + j], targetOf(loss, target, at, j, cols), whole);
    return sumsOutputs(loss) ? sum : sum / cols;
  });
}

/** Its derivative by a, or by z of a cross-entropy that is given probabilities. Where it jumps it is what lies between. */
function gradientOf(loss: Loss, a: number, y: number): number {
  switch (loss.name) {
    case "meanSquaredError":
      return 2 * (a - y);
    case "halfSquaredError":
      return a - y;
    case "huber":
      return Math.min(Math.max(a - y, -loss.delta), loss.delta);
    case "meanAbsoluteError":
      return Math.sign(a - y);
    case "meanAbsolutePercentageError":
      return (100 * Math.sign(a - y)) / atLeast(Math.abs(y));
    case "meanSquaredLogarithmicError":
      return a < LOSS_EPSILON ? 0 : (2 * (Math.log1p(a) - Math.log1p(atLeast(y)))) / (1 + a);
    case "logCosh":
      return Math.tanh(a - y);
    case "hinge":
      return Math.sign(Math.max(1 - signed(y) * a, 0)) * -signed(y);
    case "squaredHinge":
      return Math.max(1 - signed(y) * a, 0) * -2 * signed(y);
    case "klDivergence":
      return a < LOSS_EPSILON || a > 1 ? 0 : -share(y) / a;
    case "poisson":
      return 1 - y / (a + LOSS_EPSILON);
    case "binaryCrossentropy":
    case "categoricalCrossentropy":
    case "sparseCategoricalCrossentropy":
      return a - y;
  }
}

/**
 * BP1 before ⊙σ′: ∇ₐC; for a cross-entropy δᴸ = ∂C/∂z, from the probabilities.
 * @param mean rows that the cost is the mean over: more than `rows` where these are a chunk of the mini-batch
 */
export function lossGradient(loss: Loss, a: Float64Array, target: Float64Array, rows: number, cols: number, mean = rows): Float64Array {
  const out = new Float64Array(rows * cols);
  for (let at = 0; at < rows * cols; at += cols) {
    for (let j = 0; j < cols; j++) {
      out[at + j] = gradientOf(loss, a[at + j], targetOf(loss, target, at, j, cols)) / (sumsOutputs(loss) ? 1 : cols) / mean;
    }
  }
  return out;
}

/** Where the largest number of a row is; the first of equals. */
function argmax(a: Float64Array, at: number, cols: number): number {
  let best = 0;
  for (let j = 1; j < cols; j++) if (a[at + j] > a[at + best]) best = j;
  return best;
}

/** Answers that are larger than a class' leave it among the largest: fewer than K of them. */
const TOP_K = 5;

/** Whether the class is among the five largest; of equals as in TensorFlow, all. */
function inTop(a: Float64Array, at: number, cols: number, wanted: number): number {
  let larger = 0;
  for (let j = 0; j < cols; j++) larger += Number(a[at + j] > a[at + wanted]);
  return Number(larger < TOP_K);
}

/** a·y / (‖a‖·‖y‖), both norms no less than ε. */
function cosine(a: Float64Array, y: Float64Array, at: number, cols: number): number {
  let dot = 0,
    ofA = 0,
    ofY = 0;
  for (let j = at; j < at + cols; j++) {
    dot += a[j] * y[j];
    ofA += a[j] * a[j];
    ofY += y[j] * y[j];
  }
  return dot / (atLeast(Math.sqrt(ofA)) * atLeast(Math.sqrt(ofY)));
}

/** One number of an output of the row: target_3. */
function ofOutput(metric: MetricKind, a: number, y: number): number {
  return metric.startsWith("target") ? y : metric.startsWith("squaredTarget") ? y * y : (a - y) ** 2;
}

/** What a metric is made of, of each row. */
export function metricRows(metric: MetricKind, a: Float64Array, target: Float64Array, rows: number, cols: number): Float64Array {
  const mean = (at: number, of: (a: number, y: number) => number): number => {
    let sum = 0;
    for (let j = at; j < at + cols; j++) sum += of(a[j], target[j]);
    return sum / cols;
  };
  return Float64Array.from({ length: rows }, (_, row) => {
    const at = row * cols;
    switch (metric) {
      case "sparseAccuracy":
        return Number(argmax(a, at, cols) === target[row]);
      case "categoricalAccuracy":
        return Number(argmax(a, at, cols) === argmax(target, at, cols));
      case "binaryAccuracy":
        return mean(at, (p, y) => Number(p > 0.5 === y > 0.5));
      case "binaryLogitAccuracy":
        return mean(at, (z, y) => Number(z > 0 === y > 0.5));
      case "meanSquaredError":
        return mean(at, (p, y) => (p - y) ** 2);
      case "meanAbsoluteError":
        return mean(at, (p, y) => Math.abs(p - y));
      case "topKAccuracy":
        return inTop(a, at, cols, argmax(target, at, cols));
      case "sparseTopKAccuracy":
        return inTop(a, at, cols, target[row]);
      case "truePositives":
        return cols * mean(at, (p, y) => Number(p > 0.5 && y > 0.5));
      case "trueNegatives":
        return cols * mean(at, (p, y) => Number(!(p > 0.5) && !(y > 0.5)));
      case "falsePositives":
        return cols * mean(at, (p, y) => Number(p > 0.5 && !(y > 0.5)));
      case "falseNegatives":
        return cols * mean(at, (p, y) => Number(!(p > 0.5) && y > 0.5));
      case "cosineSimilarity":
        return cosine(a, target, at, cols);
      default: {
        const j = at + outputOf(metric);
        return ofOutput(metric, a[j], target[j]);
      }
    }
  });
}
