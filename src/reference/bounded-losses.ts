// How far softmax, losses, their gradients and metrics of a float32 GPU may lie from the exact ones: see rounding.ts.
// Each function takes one row and returns the error of each of its results.
// Notation: p = softmax(z), d the errors of z, η the relative rounding of each e^(z−max).

import { outputOf } from "../graph/metric-kinds.ts";
import type { MetricKind } from "../graph/types.ts";
import { LOSS_EPSILON, smoothing } from "../model/loss-details.ts";
import { sumsOutputs, takesLabels, type Loss } from "../model/losses.ts";
import { atLeastEpsilon, BOUNDED_SUMS } from "./bounded-sums.ts";
import { logOnePlus } from "./float32-forms.ts";
import {
  add,
  divide,
  DIVISION,
  exact,
  exponential,
  exponentialRounding,
  gamma,
  largest,
  magnitude,
  meanOf,
  multiply,
  rounded,
  scaleExactly,
  square,
  squareRoot,
  subtract,
  TINY,
  total,
  UNIT,
  type Rough,
} from "./rounding.ts";

/** ln p and the interval that it lies in for some z within their errors, rounding left out. */
interface SoftmaxBounds {
  readonly logP: readonly number[];
  readonly logLow: readonly number[];
  readonly logHigh: readonly number[];
  readonly max: number;
  /** Σ e^(z−max) less the maximum's own 1, and the largest error of a z. */
  readonly rest: number;
  readonly widest: number;
  /** η, the relative rounding of the sum, and the absolute one of `rest`. */
  readonly powers: readonly number[];
  readonly sumRounding: number;
  readonly restRounding: number;
}

/**
 * p_j is largest when z_j is as large and all others as small as they may be, and the other way round. Any shift gives the
 * same p, so that the maximum's own error does not matter; rounding z − max does, by u|z − max|.
 */
function softmaxBounds(z: readonly Rough[]): SoftmaxBounds {
  const max = Math.max(...z.map(({ value }) => value));
  const widest = Math.max(...z.map(({ error }) => error));
  const e = z.map(({ value }) => Math.exp(value - max));
  const sumOf = (sign: number): number => z.reduce((sum, { error }, j) => sum + e[j] * Math.exp(sign * error), 0);
  const sum = sumOf(0);
  const extreme = (sign: number) => {
    const others = sumOf(-sign);
    return z.map(
      ({ value, error }, j) =>
        value - max + sign * error - Math.log(e[j] * Math.exp(sign * error) + Math.max(others - e[j] * Math.exp(-sign * error), 0)),
    );
  };
  const powers = z.map(({ value }) => {
    const distance = max - value + 2 * widest;
    return 1.001 * (exponentialRounding(distance) + UNIT * distance);
  });
  const sumRounding = gamma(z.length) + powers.reduce((mean, rounding, j) => mean + (e[j] / sum) * Math.exp(2 * widest) * rounding, 0);
  const best = z.findIndex(({ value }) => value === max),
    others = e.filter((_, j) => j !== best);
  const rest = others.reduce((a, b) => a + b, 0);
  // Where another number is the maximum on the GPU, its own powers come before the largest one.
  const restRounding = z.reduce(
    (rounding, _, j) => rounding + (j === best && widest === 0 ? 0 : e[j] * Math.exp(2 * widest) * (powers[j] + gamma(z.length))),
    z.length * TINY,
  );
  return {
    logP: z.map(({ value }) => value - max - Math.log1p(rest)),
    logLow: extreme(-1),
    logHigh: extreme(1),
    max,
    rest,
    widest,
    powers,
    sumRounding,
    restRounding,
  };
}

/** The errors of softmax(z). */
export function softmaxErrors(z: readonly Rough[]): number[] {
  const { logP, logLow, logHigh, powers, sumRounding } = softmaxBounds(z);
  return z.map((_, j) => {
    const moved = Math.max(Math.expm1(logHigh[j] - logP[j]), -Math.expm1(logLow[j] - logP[j]));
    const rounding = Math.exp(logHigh[j] - logP[j]) * Math.expm1(powers[j] + sumRounding + DIVISION);
    return Math.exp(logP[j]) * (moved + rounding) + 2 * TINY;
  });
}

/** The errors of a ⊙ (g − Σ g⊙a). */
export function softmaxPullbackErrors(a: readonly Rough[], g: readonly Rough[]): number[] {
  const dot = total(a.map((value, j) => multiply(value, g[j])));
  return a.map((value, j) => multiply(value, subtract(g[j], dot)).error);
}

/** −ln p_j = ln(1 + rest) + (max − z_j): what z's errors do to it, and the rounding of the logarithm and of the sums. */
function negativeLog(z: readonly Rough[], j: number, bounds: SoftmaxBounds): Rough {
  const { logP, logLow, logHigh, max, rest, widest, restRounding } = bounds;
  const moved = widest === 0 ? 0 : Math.max(logP[j] - logLow[j], logHigh[j] - logP[j], 0);
  // The GPU's own maximum may differ by `widest`, and with it the number whose logarithm is taken.
  const high = (1 + rest) * Math.exp(2 * widest) - 1;
  const log = logOnePlus(exact(widest === 0 ? rest : high)),
    distance = max - z[j].value + 2 * widest;
  return { value: -logP[j], error: moved + log.error + restRounding + 2.001 * UNIT * (distance + largest(log)) + TINY };
}

/** z·([z > 0] − y) + ln(1 + e^−|z|); its slope in z is σ(z) − y, at most 1 + |y|. */
function binaryError(z: Rough, y: Rough): Rough {
  const size = Math.abs(z.value);
  const log = logOnePlus(exponential(exact(-Math.max(size - z.error, 0))));
  const share = subtract(exact(z.value > 0 ? 1 : 0), y),
    product = multiply({ value: z.value, error: 0 }, share);
  const slope = Math.abs(1 / (1 + Math.exp(-z.value)) - y.value);
  // |σ′| ≤ ¼ bounds how much the slope changes within the interval.
  const moved = (slope + y.error + z.error / 4) * z.error * 1.001 + 3 * UNIT * z.error;
  const value = z.value * share.value + Math.log1p(Math.exp(-size));
  return { value, error: moved + product.error + log.error + 1.001 * UNIT * (largest(product) + largest(log)) };
}

/** ½e² or δ(|e| − ½δ); where the two meet they agree in value and slope, so that the branch taken does not matter. */
function huberRough(e: Rough, delta: number): Rough {
  const size = largest(e);
  const value = Math.abs(e.value) <= delta ? 0.5 * e.value ** 2 : delta * (Math.abs(e.value) - 0.5 * delta);
  const moved = Math.min(size, delta * (1 + UNIT)) * e.error;
  const inner = 0.5 * Math.min(size, delta) ** 2;
  const outer = Math.abs(e.value) + e.error >= delta ? delta * (size + 0.5 * delta) : 0;
  return { value, error: moved + 5 * UNIT * Math.max(inner, outer) + TINY };
}

/** The targets that the loss compares with. */
function smoothed(loss: Loss, y: readonly Rough[]): readonly Rough[] {
  const smooth = smoothing(loss, y.length);
  return smooth ? y.map((value) => add(multiply(value, rounded(smooth.scale)), rounded(smooth.shift))) : y;
}

/** The error of one row's loss. `a` holds logits for a cross-entropy; `y` one class index where the loss takes labels. */
export function lossRowError(loss: Loss, a: readonly Rough[], labels: readonly Rough[]): number {
  const n = a.length,
    { name } = loss,
    y = takesLabels(loss) ? labels : smoothed(loss, labels);
  const errors = () => a.map((value, j) => subtract(value, y[j]));
  switch (name) {
    case "meanSquaredError":
      return meanOf(errors().map(square), n).error;
    case "halfSquaredError":
      return scaleExactly(total(errors().map(square)), 0.5).error;
    case "huber":
      return meanOf(
        errors().map((e) => huberRough(e, loss.delta)),
        n,
      ).error;
    case "binaryCrossentropy":
      return meanOf(
        a.map((z, j) => binaryError(z, y[j])),
        n,
      ).error;
    case "sparseCategoricalCrossentropy":
      return negativeLog(a, y[0].value, softmaxBounds(a)).error;
    case "categoricalCrossentropy": {
      const bounds = softmaxBounds(a);
      const terms = a.map((_, j) => multiply(y[j], negativeLog(a, j, bounds)));
      return total(terms).error;
    }
    default: {
      const terms = a.map((value, j) => BOUNDED_SUMS[name].term(value, y[j]));
      return (sumsOutputs(loss) ? total(terms) : meanOf(terms, n)).error;
    }
  }
}

/** ∂(row's loss)/∂a before a mean over outputs, or ∂/∂z of a cross-entropy. */
function slopeOf(loss: Loss, a: Rough, y: Rough): Rough {
  switch (loss.name) {
    case "meanSquaredError":
      return scaleExactly(subtract(a, y), 2);
    case "huber":
      return clamped(subtract(a, y), rounded(loss.delta));
    case "halfSquaredError":
    case "binaryCrossentropy":
    case "categoricalCrossentropy":
    case "sparseCategoricalCrossentropy":
      return subtract(a, y);
    default:
      return BOUNDED_SUMS[loss.name].slope(a, y);
  }
}

/** The errors of a row's slopes times c, c = 1/rows and where the loss is a mean over outputs 1/cols. */
export function lossGradientErrors(loss: Loss, a: readonly Rough[], labels: readonly Rough[], rows: number): number[] {
  const n = a.length,
    y = takesLabels(loss) ? labels : smoothed(loss, labels);
  return a.map((value, j) => {
    const slope = slopeOf(loss, value, takesLabels(loss) ? exact(Number(y[0].value === j)) : y[j]);
    // Two divisions cover dividing once, by a product, or multiplying by a rounded reciprocal.
    return divide(sumsOutputs(loss) ? slope : divide(slope, exact(n)), exact(rows)).error;
  });
}

/** x cut to ±limit: what lies beyond on both ends of its interval is as certain as the limit. */
export function clamped(x: Rough, limit: Rough): Rough {
  const cut = (value: number): number => Math.min(Math.max(value, -limit.value), limit.value);
  const value = cut(x.value);
  const moved = Math.max(cut(x.value + x.error) - value, value - cut(x.value - x.error));
  return { value, error: moved + (largest(x) >= limit.value - limit.error ? limit.error : 0) };
}

/** Which numbers of a row may be its (first) largest on the GPU. */
function possibleMaxima(a: readonly Rough[]): number[] {
  return a
    .map((_, j) => j)
    .filter(
      (j) =>
        !a.some(({ value, error }, i) => {
          const low = value - error,
            high = a[j].value + a[j].error;
          return i < j ? low >= high : i > j && low > high;
        }),
    );
}

/** 0 if every possible maximum says the same about the row, else 1. */
function accuracyError(a: readonly Rough[], targets: readonly number[]): number {
  const hits = possibleMaxima(a).map((j) => targets.includes(j));
  return (hits.includes(true) && hits.includes(false)) || targets.length > 1 ? 1 : 0;
}

/** 0 if every class that may be meant is for certain among the five largest, or for certain not; else 1. */
function topError(a: readonly Rough[], wanted: readonly number[]): number {
  const said = wanted.flatMap((c) => {
    const others = a.filter((_, j) => j !== c),
      least = a[c];
    const larger = (sign: number) => others.filter(({ value, error }) => value + sign * error > least.value - sign * least.error).length;
    return [larger(-1) < 5, larger(1) < 5];
  });
  return said.includes(true) && said.includes(false) ? 1 : 0;
}

/** The error of how many outputs are, for example, true positives: those that may be counted otherwise. */
function countError(a: readonly Rough[], y: readonly Rough[]): number {
  const uncertain = ({ value, error }: Rough) => (value > 0.5 ? value - error <= 0.5 : value + error > 0.5);
  return a.filter((value, j) => uncertain(value) || uncertain(y[j])).length;
}

function cosineError(a: readonly Rough[], y: readonly Rough[]): number {
  const norm = (of: readonly Rough[]) => atLeastEpsilon(squareRoot(total(of.map(square))));
  return divide(total(a.map((value, j) => multiply(value, y[j]))), multiply(norm(a), norm(y)), LOSS_EPSILON ** 2 * (1 - 4 * UNIT)).error;
}

/** The error of a number of one output: target_3. */
function outputError(metric: MetricKind, a: Rough, y: Rough): number {
  if (metric.startsWith("target")) return y.error;
  return square(metric.startsWith("squaredTarget") ? y : subtract(a, y)).error;
}

/** The error of what a metric is made of, of one row. */
export function metricRowError(metric: MetricKind, a: readonly Rough[], y: readonly Rough[]): number {
  const n = a.length;
  switch (metric) {
    case "sparseAccuracy":
      return accuracyError(a, [y[0].value]);
    case "categoricalAccuracy":
      return accuracyError(a, possibleMaxima(y));
    case "binaryAccuracy":
    case "binaryLogitAccuracy": {
      const threshold = metric === "binaryAccuracy" ? 0.5 : 0;
      const uncertain = (x: Rough, least: number): boolean => (x.value > least ? x.value - x.error <= least : x.value + x.error > least);
      const hits = a.map((value, j): Rough => ({
        value: Number(value.value > threshold === y[j].value > 0.5),
        error: uncertain(value, threshold) || uncertain(y[j], 0.5) ? 1 : 0,
      }));
      // Whole numbers are summed without rounding.
      const sum = { value: 0, error: 0 };
      for (const { value, error } of hits) {
        sum.value += value;
        sum.error += error;
      }
      return n === 1 ? sum.error : divide(sum, exact(n)).error;
    }
    case "meanSquaredError":
      return meanOf(
        a.map((value, j) => square(subtract(value, y[j]))),
        n,
      ).error;
    case "meanAbsoluteError":
      return meanOf(
        a.map((value, j) => magnitude(subtract(value, y[j]))),
        n,
      ).error;
    case "topKAccuracy":
      return topError(a, possibleMaxima(y));
    case "sparseTopKAccuracy":
      return topError(a, [y[0].value]);
    case "truePositives":
    case "trueNegatives":
    case "falsePositives":
    case "falseNegatives":
      return countError(a, y);
    case "cosineSimilarity":
      return cosineError(a, y);
    default:
      return outputError(metric, a[outputOf(metric)], y[outputOf(metric)]);
  }
}
