// Losses and metrics against definitions written out in the test, and at logits where naive formulas overflow.

import { describe, expect, test } from "vitest";
import {
  binaryCrossentropy,
  categoricalCrossentropy,
  halfSquaredError,
  hinge,
  huber,
  klDivergence,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  poisson,
  sparseCategoricalCrossentropy,
  squaredHinge,
  toLoss,
} from "../../src/model/losses.ts";
import type { MetricKind } from "../../src/graph/types.ts";
import { lossGradient, lossRows, metricRows, softmax } from "../../src/reference/losses.ts";
import { sigmoid } from "../../src/reference/activations.ts";
import { normals, randomFor } from "./samples.ts";

const ROWS = 4,
  COLS = 3;
const drawn = normals(ROWS * COLS, randomFor(1), 2),
  a = drawn;
const y = normals(ROWS * COLS, randomFor(2));
const bits = y.map((value) => Number(value > 0));
const classes = Float64Array.of(2, 0, 1, 1);
const oneHot = Float64Array.from({ length: ROWS * COLS }, (_, i) => Number(classes[Math.floor(i / COLS)] === i % COLS));
const rowOf = (x: Float64Array, r: number): number[] => [...x.slice(r * COLS, (r + 1) * COLS)];
const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

/** Shares that sum to one, and numbers above 0. */
const shares = Float64Array.of(0.2, 0.5, 0.3, 0.1, 0.1, 0.8, 0.7, 0.25, 0.05, 1 / 3, 1 / 3, 1 / 3);
const above = a.map((value) => Math.abs(value) / 4 + 0.4),
  smooth = (t: number, s: number, n: number) => t * (1 - s) + s / n;
/** Losses whose answers must be in a range, with answers that are. */
const ANSWERS: Readonly<Record<string, Float64Array>> = {
  klDivergence: above.map((value) => Math.min(value, 0.99)),
  poisson: above,
  meanSquaredLogarithmicError: above,
};

describe.each([
  ["meanAbsoluteError", meanAbsoluteError(), y, (p: number[], t: number[]) => sum(p.map((v, j) => Math.abs(v - t[j]))) / COLS],
  [
    "meanAbsolutePercentageError",
    meanAbsolutePercentageError(),
    y.map((value) => 20 * (value + Math.sign(value))),
    (p: number[], t: number[]) => (100 * sum(p.map((v, j) => Math.abs((v - t[j]) / t[j])))) / COLS,
  ],
  [
    "meanSquaredLogarithmicError",
    meanSquaredLogarithmicError(),
    y.map(Math.abs),
    (p: number[], t: number[]) => sum(p.map((v, j) => Math.log((1 + v) / (1 + t[j])) ** 2)) / COLS,
  ],
  ["logCosh", logCosh(), y, (p: number[], t: number[]) => sum(p.map((v, j) => Math.log(Math.cosh(v - t[j])))) / COLS],
  ["hinge", hinge(), bits, (p: number[], t: number[]) => sum(p.map((v, j) => Math.max(0, t[j] === 1 ? 1 - v : 1 + v))) / COLS],
  [
    "squaredHinge",
    squaredHinge(),
    bits.map((bit) => 2 * bit - 1),
    (p: number[], t: number[]) => sum(p.map((v, j) => Math.max(0, 1 - t[j] * v) ** 2)) / COLS,
  ],
  ["klDivergence", klDivergence(), shares, (p: number[], t: number[]) => sum(p.map((v, j) => t[j] * (Math.log(t[j]) - Math.log(v))))],
  [
    "poisson",
    poisson(),
    y.map((value) => Math.round(Math.abs(3 * value))),
    (p: number[], t: number[]) => sum(p.map((v, j) => v - t[j] * Math.log(v + 1e-7))) / COLS,
  ],
  [
    "binaryCrossentropy",
    binaryCrossentropy({ labelSmoothing: 0.2 }),
    bits,
    (z: number[], t: number[]) =>
      sum(
        z.map(
          (v, j) =>
            -smooth(t[j], 0.2, 2) * Math.log(1 / (1 + Math.exp(-v))) - (1 - smooth(t[j], 0.2, 2)) * Math.log(1 - 1 / (1 + Math.exp(-v))),
        ),
      ) / COLS,
  ],
  [
    "categoricalCrossentropy",
    categoricalCrossentropy({ labelSmoothing: 0.3 }),
    oneHot,
    (z: number[], t: number[]) => -sum(z.map((v, j) => smooth(t[j], 0.3, COLS) * Math.log(Math.exp(v) / sum(z.map(Math.exp))))),
  ],
  ["meanSquaredError", meanSquaredError(), y, (p: number[], t: number[]) => sum(p.map((v, j) => (v - t[j]) ** 2)) / COLS],
  ["halfSquaredError", halfSquaredError(), y, (p: number[], t: number[]) => sum(p.map((v, j) => (v - t[j]) ** 2)) / 2],
  [
    "huber",
    huber({ delta: 0.7 }),
    y,
    (p: number[], t: number[]) =>
      sum(
        p.map((v, j) => {
          const e = Math.abs(v - t[j]);
          return e <= 0.7 ? (e * e) / 2 : 0.7 * e - 0.7 ** 2 / 2;
        }),
      ) / COLS,
  ],
  [
    "binaryCrossentropy",
    binaryCrossentropy(),
    bits,
    (z: number[], t: number[]) =>
      sum(z.map((v, j) => -t[j] * Math.log(1 / (1 + Math.exp(-v))) - (1 - t[j]) * Math.log(1 - 1 / (1 + Math.exp(-v))))) / COLS,
  ],
  [
    "categoricalCrossentropy",
    categoricalCrossentropy(),
    oneHot,
    (z: number[], t: number[]) => -sum(z.map((v, j) => t[j] * Math.log(Math.exp(v) / sum(z.map(Math.exp))))),
  ],
  [
    "sparseCategoricalCrossentropy",
    sparseCategoricalCrossentropy(),
    classes,
    (z: number[], t: number[]) => -Math.log(Math.exp(z[t[0]]) / sum(z.map(Math.exp))),
  ],
] as const)("%s", (name, loss, target, definition) => {
  const a = ANSWERS[name] ?? drawn;
  const targetRow = (r: number): number[] => (target.length === ROWS ? [target[r]] : rowOf(target, r));
  const cross = name.endsWith("Crossentropy") || name.endsWith("crossentropy");
  const probabilities = (z: Float64Array): Float64Array => (name === "binaryCrossentropy" ? z.map(sigmoid) : softmax(z, ROWS, COLS));

  test("each row as its definition says", () => {
    lossRows(loss, a, target, ROWS, COLS).forEach((value, r) => expect(value).toBeCloseTo(definition(rowOf(a, r), targetRow(r)), 12));
  });

  test("the gradient of the mean over rows agrees with differences", () => {
    const gradient = lossGradient(loss, cross ? probabilities(a) : a, target, ROWS, COLS);
    const cost = (x: Float64Array): number => sum([...lossRows(loss, x, target, ROWS, COLS)]) / ROWS;
    a.forEach((value, i) => {
      const at = (x: number): number => cost(a.with(i, x));
      const numeric = (at(value + 1e-5) - at(value - 1e-5)) / 2e-5;
      expect(Math.abs(gradient[i] - numeric)).toBeLessThan(1e-9);
      // Control: without the 1/rows it is another number.
      if (Math.abs(numeric) > 1e-3) expect(Math.abs(gradient[i] * ROWS - numeric)).toBeGreaterThan(1e-9);
    });
  });

  test("logits of ±1000 give finite losses", () => {
    const far = a.map((value) => 1000 * Math.sign(value));
    for (const value of lossRows(loss, far, target, ROWS, COLS)) expect(Number.isFinite(value)).toBe(true);
  });

  test("NaN is not swallowed", () => {
    expect(lossRows(loss, a.with(0, NaN), target, ROWS, COLS)[0]).toBeNaN();
    expect(lossGradient(loss, a.with(0, NaN), target, ROWS, COLS)[0]).toBeNaN();
  });
});

// By hand: Keras 3 gives the same.
test.each([
  ["mae", [1, 2], [3, 2], 1],
  ["meanAbsolutePercentageError", [1, 2], [2, 2], 25],
  ["mse", [1, 2], [3, 2], 2],
  ["meanSquaredLogarithmicError", [Math.E - 1], [0], (1 - Math.log1p(1e-7)) ** 2],
  ["logCosh", [1e-4], [0], 5e-9 - 1e-16 / 12],
  ["logCosh", [40], [0], 40 - Math.LN2],
  ["hinge", [0.5, -3], [1, 0], 0.25],
  ["squaredHinge", [0.5, -3], [1, -1], 0.125],
  ["klDivergence", [0.25, 0.75], [0.5, 0.5], 0.5 * Math.log(4 / 3)],
  ["klDivergence", [0, 1], [0.5, 0.5], 0.5 * Math.log(0.5e7) + 0.5 * Math.log(0.5)],
  ["poisson", [2], [3], 2 - 3 * Math.log(2 + 1e-7)],
])("%s of answers %j and targets %j", (name, answers, targets, value) => {
  const [loss] = lossRows(toLoss(name), Float64Array.from(answers), Float64Array.from(targets), 1, answers.length);
  expect(Math.abs(loss / value - 1)).toBeLessThan(1e-12);
});

test("losses that jump have the slope between, and those that cut have none beyond", () => {
  const slope = (name: string, a: number, y: number) => lossGradient(toLoss(name), Float64Array.of(a), Float64Array.of(y), 1, 1)[0] + 0;
  expect(slope("mae", 3, 3)).toBe(0);
  expect(slope("meanAbsolutePercentageError", 0, 0)).toBe(0);
  expect(slope("hinge", 1, 1)).toBe(0);
  expect([slope("hinge", 0.5, 0), slope("hinge", 0.5, 1), slope("hinge", -0.5, -1)]).toEqual([1, -1, 1]);
  expect([slope("meanSquaredLogarithmicError", -1, 2), slope("klDivergence", 1e-8, 0.5), slope("klDivergence", 1.5, 0.5)]).toEqual([
    0, 0, 0,
  ]);
  expect([slope("klDivergence", 1, 0.5), slope("klDivergence", 0.5, 0.5)]).toEqual([-0.5, -1]);
});

test("softmax sums to one and survives logits of ±1000", () => {
  const p = softmax(Float64Array.of(1000, -1000, 999, 3, 3, 3), 2, 3);
  expect(p[0]).toBeCloseTo(1 / (1 + Math.exp(-1)), 12);
  expect(p[1]).toBe(0);
  for (const value of p.slice(3)) expect(value).toBeCloseTo(1 / 3, 14);
});

describe("metrics", () => {
  const answers = Float64Array.of(0.1, 0.7, 0.2, /**/ 0.4, 0.4, 0.2);

  test("sparseAccuracy: the first of equal answers counts", () => {
    expect([...metricRows("sparseAccuracy", answers, Float64Array.of(1, 0), 2, 3)]).toEqual([1, 1]);
    expect([...metricRows("sparseAccuracy", answers, Float64Array.of(2, 1), 2, 3)]).toEqual([0, 0]);
  });

  test("categoricalAccuracy compares where the largest numbers are", () => {
    const targets = Float64Array.of(0, 1, 0, /**/ 0, 1, 0);
    expect([...metricRows("categoricalAccuracy", answers, targets, 2, 3)]).toEqual([1, 0]);
  });

  test("binaryAccuracy is a mean over outputs, and ½ counts as 0", () => {
    const targets = Float64Array.of(0, 1, 1, /**/ 0, 0, 0);
    expect([...metricRows("binaryAccuracy", answers, targets, 2, 3)]).toEqual([2 / 3, 1]);
    expect([...metricRows("binaryAccuracy", Float64Array.of(0.5), Float64Array.of(0), 1, 1)]).toEqual([1]);
  });

  test("binaryLogitAccuracy compares with 0, which counts as no", () => {
    const logits = Float64Array.of(1e-300, -1, 0.3, /**/ 0, 5, -1e-300);
    expect([...metricRows("binaryLogitAccuracy", logits, Float64Array.of(1, 0, 0, /**/ 0, 1, 0), 2, 3)]).toEqual([2 / 3, 1]);
  });

  // Four answers larger than the class leave it among five, five do not; equal ones are not larger.
  test("topK: fewer than five answers are larger", () => {
    const seven = Float64Array.of(7, 6, 5, 4, 3, 2, 2);
    expect([0, 4, 5, 6].map((label) => metricRows("sparseTopKAccuracy", seven, Float64Array.of(label), 1, 7)[0])).toEqual([1, 1, 0, 0]);
    expect(metricRows("sparseTopKAccuracy", Float64Array.of(9, 2, 2, 2, 2, 2, 2), Float64Array.of(6), 1, 7)[0]).toBe(1);
    expect(metricRows("topKAccuracy", seven, Float64Array.of(0, 0, 0, 0, 0.9, 0.1, 0), 1, 7)[0]).toBe(1);
    expect(metricRows("topKAccuracy", seven, Float64Array.of(0, 0, 0, 0, 0.1, 0.9, 0), 1, 7)[0]).toBe(0);
  });

  test("counts are of outputs above a half, and ½ is below", () => {
    const of = (kind: MetricKind) => [...metricRows(kind, answers, Float64Array.of(0, 1, 1, /**/ 1, 0.5, 0), 2, 3)];
    expect([of("truePositives"), of("falsePositives"), of("falseNegatives"), of("trueNegatives")]).toEqual([
      [1, 0],
      [0, 0],
      [1, 1],
      [1, 2],
    ]);
  });

  test("cosineSimilarity of worked angles; rows shorter than 10⁻⁷ count as that long", () => {
    const of = (a: readonly number[], y: readonly number[]) =>
      metricRows("cosineSimilarity", Float64Array.from(a), Float64Array.from(y), 1, a.length)[0];
    expect(of([3, 4], [4, 3])).toBeCloseTo(0.96, 14);
    expect([of([1, 0], [0, 5]), of([0, 0], [1, 2])]).toEqual([0, 0]);
    expect(of([1, 1], [-2, -2])).toBeCloseTo(-1, 14);
    expect(of([1e-8, 0], [3, 0])).toBeCloseTo(0.1, 14);
  });

  test("numbers of one output", () => {
    const of = (kind: MetricKind) => [...metricRows(kind, answers, Float64Array.of(1, 2, 3, 4, 5, 6), 2, 3)];
    expect([of("target_1"), of("squaredTarget_2")]).toEqual([
      [2, 5],
      [9, 36],
    ]);
    of("squaredError_0").forEach((value, i) => expect(value).toBeCloseTo([0.81, 12.96][i], 14));
  });

  test("squared and absolute errors are means over outputs", () => {
    expect(metricRows("meanSquaredError", Float64Array.of(1, 2, 3), Float64Array.of(0, 4, 3), 1, 3)[0]).toBeCloseTo(5 / 3, 14);
    expect(metricRows("meanAbsoluteError", Float64Array.of(1, 2, 3), Float64Array.of(0, 4, 3), 1, 3)[0]).toBeCloseTo(1, 14);
  });
});
