// Kernels that go row by row, alone on the engine: softmax and its pull-back, the rows of every loss, its gradient (BP1),
// and the metrics.

import { describe, expect, it } from "vitest";
import type { MetricKind } from "../../../src/graph/types.ts";
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
  takesLabels,
  type Loss,
} from "../../../src/model/losses.ts";
import { softmax } from "../../../src/reference/losses.ts";
import { itGpu } from "../../support/models.ts";
import { expectCaught, expectStep, normals, randomFor, runStep, useGpu, type StepCase } from "../support.ts";

const gpu = useGpu();
const B = "batch";

/** Rows and columns; 64 rows are one workgroup. */
const SIZES = [
  [1, 1],
  [1, 10],
  [7, 2],
  [63, 3],
  [64, 3],
  [65, 3],
  [5, 1000],
] as const;
/** The batch of the plan and the rows of the mini-batch. */
const SMALLER = [
  [32, 1],
  [65, 64],
] as const;

const probabilities = (rows: number, cols: number, seed: number): Float32Array =>
  Float32Array.from(softmax(Float64Array.from(normals(rows * cols, seed, 2)), rows, cols));

const oneHot = (rows: number, cols: number, seed: number): Float32Array => {
  const random = randomFor(seed),
    out = new Float32Array(rows * cols);
  for (let at = 0; at < out.length; at += cols) out[at + random.below(cols)] = 1;
  return out;
};

const labels = (rows: number, classes: number, seed: number): Float32Array => {
  const random = randomFor(seed);
  return Float32Array.from({ length: rows }, () => random.below(classes));
};

describe("softmax", () => {
  const of = (rows: number, cols: number, z: ArrayLike<number> = normals(rows * cols, 1, 3)): StepCase => ({
    op: { type: "softmax", inputs: ["z"], outputs: ["a"] },
    shapes: { z: [B, cols], a: [B, cols] },
    values: { z },
    batch: rows,
  });

  it.each(SIZES)("%i × %i", async (rows, cols) => {
    await expectStep(gpu, of(rows, cols));
  });

  it.each(SMALLER)("batch %i with %i rows", async (batch, rows) => {
    await expectStep(gpu, { ...of(rows, 10), batch, rows });
  });

  // Without the maximum taken off, e^10000 is infinite and e^−10000 0 in every row.
  it.each([
    ["far apart", [1e4, -1e4, 0, 1e4, 9999, -3]],
    ["all large", [1e4, 1e4, 1e4, 1e4 + 1, 1e4 - 1, 1e4]],
    ["all very negative", [-1e4, -1e4, -1e4 - 2, -1e4, -1e4 + 0.5, -1e4]],
    ["all the same", [3, 3, 3, 3, 3, 3]],
  ])("large logits, %s: finite, and 1 in sum", async (_, z) => {
    const {
      outputs: [a],
    } = await expectStep(gpu, of(1, 6, z));
    expect(a.every((p) => p >= 0 && p <= 1)).toBe(true);
    expect(a.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
  });

  it("one column is certain", async () => {
    const {
      outputs: [a],
    } = await expectStep(gpu, of(3, 1, [-1e4, 0, 1e4]));
    expect([...a]).toEqual([1, 1, 1]);
  });

  itGpu("control: an exponent off by 10⁻⁵, or a last column left out, is caught", async () => {
    await expectCaught(gpu, { ...of(5, 10), wrong: [/exp\((\w+\[[^\]]*\]) - top\) \/ sum/, "exp($1 * 1.00001 - top) / sum"] });
    await expectCaught(gpu, { ...of(5, 10), wrong: ["col < 10u; col++) { sum", "col < 9u; col++) { sum"] });
  });
});

describe("softmax pull-back", () => {
  const of = (rows: number, cols: number): StepCase => ({
    op: { type: "softmaxPullback", inputs: ["a", "g"], outputs: ["delta"] },
    shapes: { a: [B, cols], g: [B, cols], delta: [B, cols] },
    values: { a: probabilities(rows, cols, 1), g: normals(rows * cols, 2) },
    batch: rows,
  });

  it.each(SIZES)("%i × %i", async (rows, cols) => {
    await expectStep(gpu, of(rows, cols));
  });

  it.each(SMALLER)("batch %i with %i rows", async (batch, rows) => {
    await expectStep(gpu, { ...of(rows, 10), batch, rows });
  });

  itGpu("control: the sum off by 10⁻⁵ is caught", async () => {
    await expectCaught(gpu, { ...of(5, 10), wrong: ["- sum)", "- sum * 1.00001)"] });
  });
});

const LOSSES: readonly Loss[] = [
  meanSquaredError(),
  halfSquaredError(),
  huber(),
  huber({ delta: 0.3 }),
  huber({ delta: 5 }),
  binaryCrossentropy(),
  categoricalCrossentropy(),
  sparseCategoricalCrossentropy(),
  binaryCrossentropy({ labelSmoothing: 0.2 }),
  categoricalCrossentropy({ labelSmoothing: 0.1 }),
  meanAbsoluteError(),
  meanAbsolutePercentageError(),
  meanSquaredLogarithmicError(),
  logCosh(),
  hinge(),
  squaredHinge(),
  klDivergence(),
  poisson(),
];

/** Losses of answers above 0. */
const NEEDS_POSITIVE: readonly string[] = ["meanSquaredLogarithmicError", "klDivergence", "poisson"];

function targetsOf(loss: Loss, rows: number, cols: number): Float32Array {
  if (takesLabels(loss)) return labels(rows, cols, 3);
  if (loss.name === "categoricalCrossentropy") return oneHot(rows, cols, 3);
  if (loss.name === "binaryCrossentropy" || loss.name === "hinge") return labels(rows * cols, 2, 3);
  if (loss.name === "squaredHinge") return labels(rows * cols, 2, 3).map((bit) => 2 * bit - 1);
  if (NEEDS_POSITIVE.includes(loss.name)) return normals(rows * cols, 3).map((value) => Math.abs(value) + 1e-3);
  return normals(rows * cols, 3);
}

function lossCase(type: "lossRows" | "lossGradient", loss: Loss, rows: number, cols: number): StepCase {
  const isCross = loss.name.endsWith("Crossentropy");
  const a =
    type === "lossGradient" && isCross
      ? probabilities(rows, cols, 4)
      : NEEDS_POSITIVE.includes(loss.name)
        ? normals(rows * cols, 4).map((value) => Math.abs(value) + 1e-3)
        : normals(rows * cols, 4, 3);
  return {
    op: { type, loss, inputs: ["a", "y"], outputs: ["out"] },
    shapes: { a: [B, cols], y: [B, takesLabels(loss) ? 1 : cols], out: [B, type === "lossRows" ? 1 : cols] },
    values: { a, y: targetsOf(loss, rows, cols) },
    batch: rows,
  };
}

const WRONG: Record<Loss["name"], { rows: readonly [string, string]; gradient: readonly [string, string] }> = {
  meanSquaredError: { rows: ["error * (error *", "error * (error * 1.0001 *"], gradient: ["(a - y)", "(a - y * 1.00001)"] },
  halfSquaredError: { rows: ["0.5 *", "0.50001 *"], gradient: ["(a - y)", "(a - y * 1.00001)"] },
  huber: { rows: ["abs(p - y) -", "abs(p - y) * 1.00001 -"], gradient: ["clamp(a - y", "clamp(a - y * 1.00001"] },
  binaryCrossentropy: { rows: ["- y) + l", "- y * 1.0001) + l"], gradient: ["(a - y)", "(a - y * 1.00001)"] },
  categoricalCrossentropy: { rows: ["(log_sum +", "(log_sum * 1.00002 +"], gradient: ["(a - y)", "(a - y * 1.00001)"] },
  sparseCategoricalCrossentropy: { rows: ["= log_sum +", "= log_sum * 1.00002 +"], gradient: ["y == col", "y == col + 1u"] },
  meanAbsoluteError: { rows: ["abs(p - y)", "abs(p - y * 1.0001)"], gradient: ["e > 0.0", "e > 0.5"] },
  meanAbsolutePercentageError: { rows: ["100.0 * abs(y - p)", "100.01 * abs(y - p)"], gradient: ["100.0 *", "100.01 *"] },
  meanSquaredLogarithmicError: {
    rows: ["(log_answer - log_wanted) *", "(log_answer - log_wanted * 1.001) *"],
    gradient: ["2.0 * (log_answer", "2.001 * (log_answer"],
  },
  logCosh: { rows: ["s + (l", "s * 1.0001 + (l"], gradient: ["return t", "return 1.0001 * t"] },
  hinge: { rows: ["1.0 - side", "1.0001 - side"], gradient: ["-side", "-1.0001 * side"] },
  squaredHinge: { rows: ["margin * margin", "1.0001 * margin * margin"], gradient: ["-2.0 * side", "-2.0001 * side"] },
  klDivergence: { rows: ["wanted * log(", "wanted * 1.001 * log("], gradient: ["-wanted / a", "-1.0001 * wanted / a"] },
  poisson: { rows: ["p - y * log(", "p - y * 1.001 * log("], gradient: ["1.0 - y /", "1.0 - 1.001 * y /"] },
};

describe.each(LOSSES.map((loss) => [loss.name, loss.delta, loss] as const))("%s, delta %f", (_name, _delta, loss) => {
  // A cross-entropy over one class is no loss, but its kernel must do what the formula says there too.
  it.each(SIZES)("%i × %i", async (rows, cols) => {
    await expectStep(gpu, lossCase("lossRows", loss, rows, cols));
    await expectStep(gpu, lossCase("lossGradient", loss, rows, cols));
  });

  // 1/B must be that of the mini-batch, not of the plan.
  it.each(SMALLER)("batch %i with %i rows", async (batch, rows) => {
    await expectStep(gpu, { ...lossCase("lossRows", loss, rows, 10), batch, rows });
    await expectStep(gpu, { ...lossCase("lossGradient", loss, rows, 10), batch, rows });
  });

  itGpu("control: a wrong constant or sign, or the wrong batch mean, is caught", async () => {
    const { rows, gradient } = WRONG[loss.name];
    await expectCaught(gpu, { ...lossCase("lossRows", loss, 7, 10), wrong: rows });
    await expectCaught(gpu, { ...lossCase("lossGradient", loss, 7, 10), wrong: gradient });
    await expectCaught(gpu, { ...lossCase("lossGradient", loss, 7, 10), batch: 8, rows: 7, wrong: ["* step.inverse_rows", "* 0.125"] });
  });
});

describe("losses at their edges", () => {
  const values = (loss: Loss, a: readonly number[], y: readonly number[]): StepCase => ({
    ...lossCase("lossRows", loss, 1, a.length),
    values: { a, y },
  });

  // ln(1 + e^−|z|), and the maximum taken off: no logarithm of 0 and no e^10000.
  it.each([
    ["binary", binaryCrossentropy(), [1e4, -1e4, 1e4, -1e4, 0], [1, 0, 0, 1, 0.5]],
    ["categorical", categoricalCrossentropy(), [1e4, -1e4, 0], [0, 1, 0]],
    ["categorical, soft targets", categoricalCrossentropy(), [1e4, -1e4, 0], [0.25, 0.25, 0.5]],
    ["sparse", sparseCategoricalCrossentropy(), [1e4, -1e4, 0], [1]],
  ])("%s cross-entropy of logits of ±10⁴ is finite", async (_, loss, z, y) => {
    const {
      outputs: [value],
    } = await expectStep(gpu, values(loss, z, y));
    expect(value[0]).toBeGreaterThan(0);
    expect(Number.isFinite(value[0])).toBe(true);
  });

  // Below, at and above delta on both sides, where parabola and line meet in value and slope.
  it.each([0.3, 1, 5])("huber around delta = %f", async (delta) => {
    const y = [0, 0.25, -0.5];
    const errors = [0, 1, -1, 0.999, -0.999, 1.001, -1.001, 1e3, -1e3, 1e-4].map((part) => part * delta);
    const a = y.flatMap((target) => errors.map((e) => target + e));
    const given = { values: { a, y: y.flatMap((target) => errors.map(() => target)) } };
    await expectStep(gpu, { ...lossCase("lossRows", huber({ delta }), 1, a.length), ...given });
    await expectStep(gpu, { ...lossCase("lossGradient", huber({ delta }), 1, a.length), ...given });
  });
});

describe("metrics", () => {
  const of = (metric: MetricKind, a: ArrayLike<number>, y: ArrayLike<number>, rows: number): StepCase => {
    const cols = a.length / rows;
    return {
      op: { type: "metricRows", metric, inputs: ["a", "y"], outputs: ["out"] },
      shapes: { a: [B, cols], y: [B, y.length / rows], out: [B, 1] },
      values: { a, y },
      batch: rows,
    };
  };
  const random = (metric: MetricKind, rows: number, cols: number): StepCase =>
    of(
      metric,
      /Logit|itives|atives|cosine/.test(metric) ? normals(rows * cols, 5) : probabilities(rows, cols, 5),
      metric.startsWith("sparse")
        ? labels(rows, cols, 6)
        : /categorical|topK/.test(metric)
          ? oneHot(rows, cols, 6)
          : /binary|itives|atives/.test(metric)
            ? labels(rows * cols, 2, 6)
            : normals(rows * cols, 6),
      rows,
    );

  describe.each([
    "sparseAccuracy",
    "categoricalAccuracy",
    "binaryAccuracy",
    "binaryLogitAccuracy",
    "meanSquaredError",
    "meanAbsoluteError",
    "topKAccuracy",
    "sparseTopKAccuracy",
    "truePositives",
    "trueNegatives",
    "falsePositives",
    "falseNegatives",
    "cosineSimilarity",
    "target_0",
    "squaredTarget_0",
    "squaredError_0",
  ] as const)("%s", (metric) => {
    it.each(SIZES)("%i × %i", async (rows, cols) => {
      await expectStep(gpu, random(metric, rows, cols));
    });

    it.each(SMALLER)("batch %i with %i rows", async (batch, rows) => {
      await expectStep(gpu, { ...random(metric, rows, 10), batch, rows });
    });
  });

  it.each(["target_6", "squaredTarget_9", "squaredError_8"] as const)("%s of ten outputs", async (metric) => {
    const {
        outputs: [out],
      } = await expectStep(gpu, of(metric, normals(30, 1), normals(30, 2), 3)),
      at = Number(metric.split("_")[1]);
    const a = normals(30, 1),
      y = normals(30, 2);
    [0, 1, 2].forEach((row) =>
      expect(out[row]).toBeCloseTo(
        { target_6: y[10 * row + at], squaredTarget_9: y[10 * row + at] ** 2, squaredError_8: (a[10 * row + at] - y[10 * row + at]) ** 2 }[
          metric
        ],
        5,
      ),
    );
  });

  // ‖a‖ and ‖y‖ count as 10⁻⁷ at the least: 10⁻⁸·3 / (10⁻⁷·3) is 0.1.
  it("cosineSimilarity of short rows does not divide by 0", async () => {
    const {
      outputs: [out],
    } = await expectStep(gpu, of("cosineSimilarity", [0, 0, 1e-8, 0, 3, 4], [1, 2, 3, 0, 4, 3], 3));
    expect([...out].map((value, i) => Math.abs(value - [0, 0.1, 0.96][i]) < 1e-6)).toEqual([true, true, true]);
  });

  // The first of several largest answers counts; NumPy's argmax does the same.
  it.each([
    ["sparseAccuracy", [0.4, 0.4, 0.2], [0], 1],
    ["sparseAccuracy", [0.4, 0.4, 0.2], [1], 0],
    ["sparseAccuracy", [0, -0, 0], [0], 1],
    ["sparseAccuracy", [1, 1, 1], [2], 0],
    ["categoricalAccuracy", [0.2, 0.4, 0.4], [0, 0.5, 0.5], 1],
    ["categoricalAccuracy", [0.4, 0.2, 0.4], [0, 0, 1], 0],
    ["binaryAccuracy", [0.5], [0], 1],
    ["binaryAccuracy", [0.5], [1], 0],
    ["binaryAccuracy", [0.50001], [1], 1],
    // Four larger answers leave a class among five, five do not; equal ones do not count.
    ["topKAccuracy", [6, 5, 4, 3, 2, 1], [0, 0, 0, 0, 1, 0], 1],
    ["topKAccuracy", [6, 5, 4, 3, 2, 1], [0, 0, 0, 0, 0, 1], 0],
    ["sparseTopKAccuracy", [6, 5, 4, 3, 2, 1], [5], 0],
    ["sparseTopKAccuracy", [6, 5, 4, 3, 2, 2], [5], 1],
    ["sparseTopKAccuracy", [1, 2], [0], 1],
    ["truePositives", [0.6, 0.6, 0.5, 0.2], [1, 0, 1, 0], 1],
    ["falsePositives", [0.6, 0.6, 0.5, 0.2], [1, 0, 1, 0], 1],
    ["falseNegatives", [0.6, 0.6, 0.5, 0.2], [1, 0, 1, 1], 2],
    ["trueNegatives", [0.6, 0.6, 0.5, 0.2], [1, 0, 0, 0], 2],
    ["binaryLogitAccuracy", [0], [0], 1],
    ["binaryLogitAccuracy", [-0], [1], 0],
    ["binaryLogitAccuracy", [1e-30], [1], 1],
  ] as const)("%s of the tie %j and %j is %i", async (metric, a, y, wanted) => {
    const {
      outputs: [out],
    } = await runStep(gpu, of(metric, a, y, 1));
    expect([...out]).toEqual([wanted]);
  });

  itGpu("control: the last of several largest, another threshold, a wrong constant are caught", async () => {
    const tie = of("sparseAccuracy", [0.4, 0.4, 0.2], [0], 1);
    const {
      outputs: [out],
    } = await runStep(gpu, { ...tie, wrong: [/\] > w/, "] >= w"] });
    expect([...out]).toEqual([0]);
    await expectCaught(gpu, { ...of("binaryAccuracy", [0.51], [1], 1), wrong: ["a > 0.5", "a > 0.52"] });
    await expectCaught(gpu, { ...of("binaryLogitAccuracy", [0.2], [1], 1), wrong: ["a > 0.0", "a > 0.5"] });
    await expectCaught(gpu, { ...random("meanSquaredError", 5, 10), wrong: ["error * (error *", "error * (error * 1.0001 *"] });
    await expectCaught(gpu, { ...random("meanAbsoluteError", 5, 10), wrong: ["abs(a - y)", "abs(a)"] });
    await expectCaught(gpu, { ...random("topKAccuracy", 65, 10), wrong: ["larger < 5u", "larger < 4u"] });
    await expectCaught(gpu, { ...random("sparseTopKAccuracy", 65, 10), wrong: ["> least", ">= least"] });
    await expectCaught(gpu, { ...random("truePositives", 5, 10), wrong: ["a > 0.5", "a > 0.6"] });
    await expectCaught(gpu, { ...random("falsePositives", 5, 10), wrong: ["!(y", "(y"] });
    await expectCaught(gpu, { ...random("falseNegatives", 5, 10), wrong: ["!(a", "(a"] });
    await expectCaught(gpu, { ...random("trueNegatives", 5, 10), wrong: ["!(y", "(y"] });
    await expectCaught(gpu, { ...random("cosineSimilarity", 5, 10), wrong: ["square_y += y * y", "square_y += 1.0001 * y * y"] });
    await expectCaught(gpu, { ...random("squaredError_1", 5, 10), wrong: ["(a - y) *", "(a - 1.0001 * y) *"] });
    await expectCaught(gpu, { ...random("categoricalAccuracy", 5, 10), wrong: ["best == wanted", "best != wanted"] });
  });
});
