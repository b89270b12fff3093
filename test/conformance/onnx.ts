// ONNX's own node tests, restated as steps of a graph and as models of this library. Source: the package onnx 1.23.1 (Apache-2.0),
// its backend tests of nodes: models, inputs and expected outputs as its test runner gets them, in ONNX's format, as base64.
// The expected numbers are float32, computed by NumPy.
//
// Left out of the tests of these operators, since nothing here computes it: Gemm with a matrix to add; SoftmaxCrossEntropyLoss
// with class weights or ignore_index, and in more than three dimensions.

import { sparseCategoricalCrossentropy } from "../../src/model/losses.ts";
import type { ProductForm, Rows, Op } from "../../src/graph/types.ts";
import cases from "./onnx-node-tests.json";
import { gamma } from "../../src/reference/rounding.ts";
import { readNode, readTensor, type Node, type Tensor } from "./protobuf.ts";

export interface OnnxTest {
  readonly name: string;
  readonly node: Node;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

export const bytesFrom = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

export const ONNX_TESTS: readonly OnnxTest[] = Object.entries(cases).map(([name, { model, inputs, outputs }]) => ({
  name,
  node: readNode(bytesFrom(model)),
  inputs: inputs.map((text) => readTensor(bytesFrom(text))),
  outputs: outputs.map((text) => readTensor(bytesFrom(text))),
}));

/** One step on given numbers with what ONNX expects of it. */
export interface Restated {
  readonly name: string;
  readonly op: Op;
  readonly shapes: Readonly<Record<string, readonly [Rows, number]>>;
  readonly values: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
  readonly batch: number;
  /** Where it is said, one number is expected: all numbers of the output in one. */
  readonly reduced?: "sum" | "mean";
  readonly expected: Float32Array<ArrayBuffer>;
}

const B = "batch";
const product = (numbers: readonly number[]): number => numbers.reduce((all, n) => all * n, 1);

/** The tensor with an axis moved to the end: rows of that axis. */
export function rowsAlong({ shape, data }: Tensor, axis: number): { rows: number; cols: number; data: Float32Array<ArrayBuffer> } {
  const at = axis < 0 ? axis + shape.length : axis,
    cols = shape[at],
    inner = product(shape.slice(at + 1));
  const rows = data.length / cols,
    out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    const start = Math.floor(row / inner) * inner * cols + (row % inner);
    for (let col = 0; col < cols; col++) out[row * cols + col] = data[start + col * inner];
  }
  return { rows, cols, data: out };
}

function elementwise({ name, inputs: [x], outputs: [y] }: OnnxTest, activation: "relu" | "sigmoid" | "tanh"): Restated[] {
  return [
    {
      name,
      op: { type: "activation", activation, inputs: ["x"], outputs: ["y"] },
      batch: 1,
      shapes: { x: [B, x.data.length], y: [B, x.data.length] },
      values: { x: x.data },
      expected: y.data,
    },
  ];
}

const axisOf = ({ attributes }: Node): number => Number(attributes.axis ?? -1);

function softmax({ name, node, inputs: [x], outputs: [y] }: OnnxTest): Restated[] {
  const z = rowsAlong(x, axisOf(node)),
    a = rowsAlong(y, axisOf(node));
  return [
    {
      name,
      op: { type: "softmax", inputs: ["z"], outputs: ["a"] },
      batch: z.rows,
      shapes: { z: [B, z.cols], a: [B, z.cols] },
      values: { z: z.data },
      expected: a.data,
    },
  ];
}

/** −log softmax(z)[label] of each row. */
const crossEntropy = (
  name: string,
  z: ReturnType<typeof rowsAlong>,
  labels: Float32Array<ArrayBuffer>,
  expected: Float32Array<ArrayBuffer>,
): Restated => ({
  name,
  op: { type: "lossRows", loss: sparseCategoricalCrossentropy({ fromLogits: true }), inputs: ["z", "y"], outputs: ["loss"] },
  batch: z.rows,
  shapes: { z: [B, z.cols], y: [B, 1], loss: [B, 1] },
  values: { z: z.data, y: labels },
  expected,
});

/** The logarithms of all classes: each class in turn is the label. */
function logSoftmax(name: string, x: Tensor, y: Tensor, axis: number): Restated[] {
  const z = rowsAlong(x, axis),
    logs = rowsAlong(y, axis);
  return Array.from({ length: z.cols }, (_, label) =>
    crossEntropy(
      `${name}, class ${label}`,
      z,
      new Float32Array(z.rows).fill(label),
      Float32Array.from({ length: z.rows }, (_, row) => -logs.data[row * z.cols + label]),
    ),
  );
}

function softmaxCrossEntropy({ name, node, inputs: [scores, labels], outputs: [loss, logs] }: OnnxTest): Restated[] {
  const reduction = node.attributes.reduction ?? "mean",
    reduced = reduction === "sum" || reduction === "mean" ? reduction : undefined;
  return [
    { ...crossEntropy(name, rowsAlong(scores, 1), labels.data, loss.data), reduced },
    ...(logs ? logSoftmax(`${name}, logarithms`, scores, logs, 1) : []),
  ];
}

function matrixProduct(
  name: string,
  form: ProductForm,
  a: Tensor,
  b: Tensor,
  bias: Float32Array<ArrayBuffer> | null,
  expected: Float32Array<ArrayBuffer>,
): Restated {
  const [m, n] = [form === "leftTransposed" ? a.shape[1] : a.shape[0], form === "rightTransposed" ? b.shape[0] : b.shape[1]];
  const rows = form === "leftTransposed" ? a.shape[0] : m;
  return {
    name,
    batch: rows,
    expected,
    op: { type: "product", form, inputs: bias ? ["a", "b", "c"] : ["a", "b"], outputs: ["y"] },
    shapes: {
      a: [B, a.shape[1]],
      b: form === "leftTransposed" ? [B, n] : [b.shape[0], b.shape[1]],
      ...(bias ? { c: [1, n] as const } : {}),
      y: form === "leftTransposed" ? [m, n] : [B, n],
    },
    values: { a: a.data, b: b.data, ...(bias ? { c: bias } : {}) },
  };
}

const transposed = ({ shape: [rows, cols], data }: Tensor): Tensor => ({
  shape: [cols, rows],
  data: Float32Array.from({ length: data.length }, (_, i) => data[(i % rows) * cols + Math.floor(i / rows)]),
});
const times = (factor: number, data: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> => data.map((value) => factor * value);

/** α·A·B + β·C. There is no product with both transposed here: then A is transposed by the test. */
function gemm({ name, node: { attributes }, inputs: [a, b, c], outputs: [y] }: OnnxTest): Restated[] {
  const { alpha = 1, beta = 1, transA = 0, transB = 0 } = attributes as Record<string, number>;
  const n = y.shape[1],
    both = transA === 1 && transB === 1,
    left = both ? transposed(a) : a;
  // A bias of one number is that of all columns; only a product that is not transposed on the left takes one.
  const bias = c && (c.data.length === n ? c.data : new Float32Array(n).fill(c.data[0]));
  const form = transB === 1 ? "rightTransposed" : transA === 1 ? "leftTransposed" : "normal";
  const scaled = { ...left, data: times(alpha, left.data) };
  if (form === "normal") return [matrixProduct(name, form, scaled, b, bias ? times(beta, bias) : null, y.data)];
  const without = y.data.map((value, i) => value - beta * (bias ? bias[i % n] : 0));
  return [matrixProduct(`${name}, without C`, form, scaled, b, null, without)];
}

/** Every matrix of a stack times its partner; vectors are rows on the left and columns on the right. */
function matmul({ name, inputs: [a, b], outputs: [y] }: OnnxTest): Restated[] {
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape,
    right = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  const [m, k] = left.slice(-2),
    n = right[right.length - 1],
    depth = Math.max(left.length, right.length) - 2;
  const stackOf = (shape: readonly number[]) => [...Array<number>(depth + 2 - shape.length).fill(1), ...shape.slice(0, -2)];
  const [leftStack, rightStack] = [stackOf(left), stackOf(right)],
    stack = leftStack.map((size, i) => Math.max(size, rightStack[i]));
  const matrixAt = (data: Float32Array<ArrayBuffer>, of: readonly number[], place: readonly number[], size: number) => {
    const at = of.reduce((index, length, i) => index * length + (length === 1 ? 0 : place[i]), 0);
    return data.slice(at * size, (at + 1) * size);
  };
  return Array.from({ length: product(stack) }, (_, i) => {
    const place = stack.map((size, axis) => Math.floor(i / product(stack.slice(axis + 1))) % size);
    return matrixProduct(
      `${name}, matrix ${i}`,
      "normal",
      { shape: [m, k], data: matrixAt(a.data, leftStack, place, m * k) },
      { shape: [k, n], data: matrixAt(b.data, rightStack, place, k * n) },
      null,
      y.data.slice(i * m * n, (i + 1) * m * n),
    );
  });
}

/** The steps that a test is restated as; none for RNN, which is a model (rnnRuns). */
export function restate(test: OnnxTest): Restated[] {
  switch (test.node.op) {
    case "Relu":
      return elementwise(test, "relu");
    case "Sigmoid":
      return elementwise(test, "sigmoid");
    case "Tanh":
      return elementwise(test, "tanh");
    case "Softmax":
      return softmax(test);
    case "LogSoftmax":
      return logSoftmax(test.name, test.inputs[0], test.outputs[0], axisOf(test.node));
    case "SoftmaxCrossEntropyLoss":
      return softmaxCrossEntropy(test);
    case "Gemm":
      return gemm(test);
    case "MatMul":
      return matmul(test);
    default:
      return [];
  }
}

/** The largest distance of an output from what ONNX expects, in units of its bound; infinite where one is no number. */
export function worstRatio({ reduced, expected }: Restated, output: ArrayLike<number>, bounds: ArrayLike<number>): number {
  const numbers = Array.from(output),
    errors = Array.from(bounds),
    sum = (terms: readonly number[]) => terms.reduce((all, term) => all + term, 0);
  const share = reduced === "mean" ? 1 / numbers.length : 1,
    size = sum(numbers.map(Math.abs)) * share;
  const [values, allowed] = reduced
    ? [[sum(numbers) * share], [sum(errors) * share + gamma(numbers.length + 1) * size]]
    : [numbers, errors];
  if (values.length !== expected.length) return Infinity;
  const ratios = values.map((value, i) => (value === expected[i] ? 0 : Math.abs(value - expected[i]) / allowed[i]));
  return ratios.every((ratio) => ratio >= 0) ? Math.max(...ratios) : Infinity;
}

/** One direction of an RNN as a simpleRNN of this library: x (B, T, F), h(t) of all steps forward in the direction's time. */
export interface RnnRun {
  readonly name: string;
  readonly shape: readonly [batch: number, steps: number, features: number, units: number];
  readonly x: Float32Array<ArrayBuffer>;
  /** kernel (F, H), recurrent kernel (H, H), bias (H): ONNX's transposed, and its two biases in one. */
  readonly weights: readonly Float32Array<ArrayBuffer>[];
  /** h(T), (B, H). */
  readonly last: Float32Array<ArrayBuffer>;
}

/** ONNX: X (T, B, F), or (B, T, F) with layout 1; W (directions, H, F), R (directions, H, H), B (directions, 2H); the last output is h(T). */
export function rnnRuns({ name, node: { attributes }, inputs: [X, W, R, biases], outputs }: OnnxTest): RnnRun[] {
  const batchFirst = attributes.layout === 1,
    [first, second, features] = X.shape,
    [directions, units] = W.shape;
  const [steps, batch] = batchFirst ? [second, first] : [first, second],
    last = outputs[outputs.length - 1].data;
  return Array.from({ length: directions }, (_, d) => {
    const backward = attributes.direction === "reverse" || d === 1;
    const x = new Float32Array(batch * steps * features);
    for (let b = 0; b < batch; b++)
      for (let t = 0; t < steps; t++) {
        const from = backward ? steps - 1 - t : t,
          at = (batchFirst ? b * steps + from : from * batch + b) * features;
        x.set(X.data.subarray(at, at + features), (b * steps + t) * features);
      }
    const matrix = ({ data }: Tensor, cols: number) =>
      transposed({ shape: [units, cols], data: data.slice(d * units * cols, (d + 1) * units * cols) }).data;
    const bias = Float32Array.from({ length: units }, (_, j) =>
      biases ? biases.data[d * 2 * units + j] + biases.data[(d * 2 + 1) * units + j] : 0,
    );
    const start = batchFirst ? 0 : d * batch * units;
    return {
      name: `${name}, direction ${d}`,
      shape: [batch, steps, features, units],
      x,
      weights: [matrix(W, features), matrix(R, units), bias],
      last: last.slice(start, start + batch * units),
    };
  });
}
