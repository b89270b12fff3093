// The steps of the graph against the textbook: Nielsen's four equations on a 4-3-2 network, worked out here with plain
// nested loops over numbers, and the steps that the equations do not touch one by one.

import { describe, expect, test } from "vitest";
import type { ProductForm, StepScalars } from "../../src/graph/types.ts";
import { dense, dropout } from "../../src/model/layers.ts";
import { sgd } from "../../src/model/optimizers.ts";
import { l1l2 } from "../../src/model/regularizers.ts";
import { dropoutMask } from "../../src/reference/dropout.ts";
import { evaluateStep, runGraph, valueOf } from "../../src/reference/evaluate.ts";
import { multiply } from "../../src/reference/products.ts";
import { normals, oneStep, randomFor, sample } from "./samples.ts";

const SCALARS: StepScalars = { rows: 3, offset: 0, step: 0, learningRate: 0.1, correctedRate: 0.1 };
type Matrix = number[][];

const matrix = (values: ArrayLike<number>, cols: number): Matrix =>
  Array.from({ length: values.length / cols }, (_, r) => Array.from({ length: cols }, (__, c) => values[r * cols + c]));
const sigma = (z: number): number => 1 / (1 + Math.exp(-z));
const sigmaPrime = (z: number): number => Math.exp(-z) / (1 + Math.exp(-z)) ** 2;

/** BP1–BP4 as in Nielsen, ch. 2, for one hidden layer and the quadratic cost; one example at a time, then the mean. */
function nielsen(x: Matrix, y: Matrix, w1: Matrix, b1: number[], w2: Matrix, b2: number[]) {
  const zeros = (rows: number, cols: number): Matrix => Array.from({ length: rows }, () => Array<number>(cols).fill(0));
  const gradW1 = zeros(w1.length, b1.length),
    gradW2 = zeros(w2.length, b2.length);
  const gradB1 = b1.map(() => 0),
    gradB2 = b2.map(() => 0);
  const delta1: Matrix = [],
    delta2: Matrix = [];
  x.forEach((input, r) => {
    const z1 = b1.map((b, j) => input.reduce((sum, value, k) => sum + value * w1[k][j], b));
    const a1 = z1.map(sigma);
    const z2 = b2.map((b, j) => a1.reduce((sum, value, k) => sum + value * w2[k][j], b));
    const d2 = z2.map((z, j) => ((sigma(z) - y[r][j]) * sigmaPrime(z)) / x.length); // BP1
    const d1 = z1.map((z, k) => d2.reduce((sum, d, j) => sum + w2[k][j] * d, 0) * sigmaPrime(z)); // BP2
    d1.forEach((d, j) => (gradB1[j] += d)); // BP3
    d2.forEach((d, j) => (gradB2[j] += d));
    input.forEach((value, k) => d1.forEach((d, j) => (gradW1[k][j] += value * d))); // BP4
    a1.forEach((value, k) => d2.forEach((d, j) => (gradW2[k][j] += value * d)));
    delta1.push(d1);
    delta2.push(d2);
  });
  return { delta1, delta2, grad_w1: gradW1, grad_b1: [gradB1], grad_w2: gradW2, grad_b2: [gradB2] };
}

describe("Nielsen's equations on 4-3-2, batch 3, sigmoid, quadratic cost", () => {
  const { graph, values, scalars } = sample({
    rows: 3,
    loss: "halfSquaredError",
    optimizer: sgd(0.5),
    layers: [dense({ units: 3, activation: "sigmoid", inputShape: [4] }), dense({ units: 2, activation: "sigmoid" })],
  });
  const before = new Map(values);
  const order = Array.from(valueOf(values, "order")).slice(2, 5);
  const taken = (name: string, cols: number): Matrix => order.map((row) => matrix(valueOf(values, name), cols)[row]);
  const flat = (name: string): number[] => Array.from(valueOf(before, name));
  const byHand = nielsen(taken("data_x", 4), taken("data_y", 2), matrix(flat("w1"), 3), flat("b1"), matrix(flat("w2"), 2), flat("b2"));
  runGraph(graph, values, scalars);

  test.each([
    ["BP1", "delta2"],
    ["BP2", "delta1"],
    ["BP3", "grad_b1"],
    ["BP3", "grad_b2"],
    ["BP4", "grad_w1"],
    ["BP4", "grad_w2"],
  ] as const)("%s gives %s", (_, name) => {
    const expected = byHand[name].flat();
    const actual = Array.from(valueOf(values, name));
    expect(actual.length).toBe(expected.length);
    actual.forEach((value, i) => expect(Math.abs(value - expected[i])).toBeLessThan(1e-15));
    // Control: the equations at a network with one other weight are not met.
    const w2 = matrix(flat("w2"), 2);
    w2[0][0] += 0.1;
    const other = nielsen(taken("data_x", 4), taken("data_y", 2), matrix(flat("w1"), 3), flat("b1"), w2, flat("b2"))[name].flat();
    expect(actual.some((value, i) => Math.abs(value - other[i]) > 1e-6)).toBe(true);
  });

  test.each(["w1", "b1", "w2", "b2"])("then %s takes a step against its gradient", (name) => {
    const gradient = valueOf(values, `grad_${name}`);
    Array.from(valueOf(values, name)).forEach((value, i) => expect(value).toBe(flat(name)[i] - 0.5 * gradient[i]));
  });

  test("the result is the mean of the rows' losses", () => {
    const rows = Array.from(valueOf(values, "loss_rows"));
    expect(valueOf(values, "results")[0]).toBeCloseTo(rows.reduce((sum, loss) => sum + loss, 0) / 3, 15);
  });
});

// Below, at and one past the four terms that the inner loop takes at once, and single rows and columns.
describe.each(["normal", "rightTransposed", "leftTransposed"] as ProductForm[])("product %s", (form) => {
  test.each([
    [1, 1, 1],
    [1, 5, 3],
    [3, 4, 1],
    [2, 3, 4],
    [5, 9, 7],
    [4, 8, 2],
  ])("%i × %i × %i", (m, k, n) => {
    const random = randomFor(m + 10 * k + 100 * n);
    const [left, right, bias] = [normals(m * k, random), normals(k * n, random), normals(n, random)];
    const leftAt = (i: number, t: number): number => (form === "leftTransposed" ? left[t * m + i] : left[i * k + t]);
    const rightAt = (t: number, j: number): number => (form === "rightTransposed" ? right[j * k + t] : right[t * n + j]);
    const out = multiply({ form, m, k, n }, left, right, bias);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = bias[j];
        for (let t = 0; t < k; t++) sum += leftAt(i, t) * rightAt(t, j);
        expect(Math.abs(out[i * n + j] - sum)).toBeLessThan(1e-13);
      }
    }
  });

  test("zero times NaN is NaN: no factor is skipped", () => {
    expect(multiply({ form, m: 1, k: 1, n: 1 }, Float64Array.of(0), Float64Array.of(NaN))[0]).toBeNaN();
  });
});

describe("single steps", () => {
  const X = { inputs: ["x"], outputs: ["out"] } as const;
  const shapes = { x: ["batch", 2], out: ["batch", 2] } as const;

  test("gather takes the rows that the order names from the offset on, and scales bytes", () => {
    const graph = oneStep(
      { type: "gather", source: "uint8", scale: 1 / 255, inputs: ["x", "order"], outputs: ["out"] },
      { x: [1, 2], order: [1, 1], out: ["batch", 2] },
    );
    const data = Uint8Array.of(0, 255, 51, 102, 153, 204);
    const [out] = evaluateStep(graph.ops[0], [data, Uint32Array.of(1, 2, 0, 1)], graph, { ...SCALARS, rows: 2, offset: 1 });
    [0.6, 0.8, 0, 1].forEach((value, i) => expect(out[i]).toBeCloseTo(value, 14));
  });

  test("dropout drops by its mask, scales the others, and lets no dropped NaN through", () => {
    const graph = oneStep({ type: "dropout", rate: 0.5, layer: 4, ...X }, shapes, 21);
    const mask = dropoutMask(6, 0.5, 21, 0, 4);
    const [out] = evaluateStep(graph.ops[0], [Float64Array.from({ length: 6 }, (_, i) => (mask[i] ? i : NaN))], graph, SCALARS);
    out.forEach((value, i) => expect(value).toBe(mask[i] ? 2 * i : 0));
  });

  test("penalty and its gradient; the sign of 0 is 0", () => {
    const weights = Float64Array.of(-2, 0, 3);
    const w = [1, 3] as const;
    const penalty = oneStep({ type: "penalty", l1: 0.1, l2: 0.01, ...X }, { x: w, out: [1, 1] });
    expect(evaluateStep(penalty.ops[0], [weights], penalty, SCALARS)[0][0]).toBeCloseTo(0.5 + 0.13, 14);
    const slope = oneStep({ type: "penaltyGradient", l1: 0.1, l2: 0.01, inputs: ["x", "w"], outputs: ["out"] }, { x: w, w, out: w });
    const [out] = evaluateStep(slope.ops[0], [[1, 1, 1], weights], slope, SCALARS);
    [1 - 0.1 - 0.04, 1, 1 + 0.1 + 0.06].forEach((value, i) => expect(out[i]).toBeCloseTo(value, 14));
  });

  test("clipFactor is 1 up to the limit and limit over norm beyond, also of a zero gradient", () => {
    const graph = (limit: number) =>
      oneStep({ type: "clipFactor", limit, inputs: ["x", "y"], outputs: ["out"] }, { x: [1, 2], y: [1, 1], out: [1, 1] });
    const factor = (limit: number, x: number[], y: number[]): number =>
      evaluateStep(graph(limit).ops[0], [x, y], graph(limit), SCALARS)[0][0];
    expect(factor(3, [2, 3], [6])).toBeCloseTo(3 / 7, 14);
    expect(factor(8, [2, 3], [6])).toBe(1);
    expect(factor(8, [0, 0], [0])).toBe(1);
  });

  test("clipValue cuts both ends", () => {
    const graph = oneStep({ type: "clipValue", limit: 1, ...X }, shapes);
    expect([...evaluateStep(graph.ops[0], [[-3, -1, 0, 0.5, 1, 9]], graph, SCALARS)[0]]).toEqual([-1, -1, 0, 0.5, 1, 1]);
  });

  test("summarize adds penalties to the mean loss and to nothing else", () => {
    const graph = oneStep(
      { type: "summarize", metrics: 1, inputs: ["x", "m", "p", "q"], outputs: ["out"] },
      { x: ["batch", 1], m: ["batch", 1], p: [1, 1], q: [1, 1], out: [1, 2] },
    );
    const [out] = evaluateStep(graph.ops[0], [[1, 2, 6], [0, 1, 1], [10], [0.5]], graph, SCALARS);
    expect([...out]).toEqual([13.5, 2 / 3]);
  });
});

test("every tensor of a step is kept under its name, and has its shape", () => {
  const { graph, values, scalars } = sample({
    loss: "categoricalCrossentropy",
    metrics: ["accuracy"],
    rows: 4,
    optimizer: { ...sgd({ momentum: 0.9 }), globalClipNorm: 0.1 },
    layers: [
      dense({ units: 6, activation: "tanh", inputShape: [3], kernelRegularizer: l1l2({ l1: 0.1, l2: 0.1 }) }),
      dropout({ rate: 0.5 }),
      dense({ units: 3, activation: "softmax" }),
    ],
  });
  runGraph(graph, values, scalars);
  for (const { name, role, rows, cols } of graph.tensors.values()) {
    if (role !== "data") expect(valueOf(values, name).length, name).toBe((rows === "batch" ? 4 : rows) * cols);
  }
});

test("a smaller last batch uses its own number of rows", () => {
  const { graph, values, scalars } = sample({ rows: 5, loss: "meanSquaredError", layers: [dense({ units: 2, inputShape: [3] })] });
  runGraph(graph, values, { ...scalars, rows: 1 });
  expect(valueOf(values, "z1").length).toBe(2);
});

test("a tensor that nobody supplied is named", () => {
  const { graph, values, scalars } = sample({ loss: "meanSquaredError", layers: [dense({ units: 2, inputShape: [3] })] });
  values.delete("b1");
  expect(() => runGraph(graph, values, scalars)).toThrow('no value for tensor "b1"');
});
