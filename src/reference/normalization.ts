// The ops of batch and layer normalization in float64, as graph/types.ts defines each: what kernels are checked against, and the `cpu`
// backend.   R rows   C columns   x (R, C)   μ, v, γ, β and sums (C)

import type { NormalizationOp, OpOf } from "../graph/types.ts";

/** Σ over rows of term(place of the number, its column), for each column. */
function columns(rows: number, cols: number, term: (i: number, j: number) => number): Float64Array {
  const out = new Float64Array(cols);
  for (let row = 0, i = 0; row < rows; row++) for (let j = 0; j < cols; j++, i++) out[j] += term(i, j);
  return out;
}

function moment({ kind }: OpOf<"moment">, [first, second]: readonly Float64Array[], cols: number): Float64Array {
  const rows = first.length / cols;
  switch (kind) {
    case "mean":
      return columns(rows, cols, (i) => first[i] / rows);
    case "variance":
      return columns(rows, cols, (i, j) => (first[i] - second[j]) ** 2 / rows);
    case "product":
      return columns(rows, cols, (i) => first[i] * second[i]);
  }
}

function normalization(op: OpOf<"normalize">, inputs: readonly Float64Array[], cols: number): Float64Array {
  const [first, second, third, fourth, fifth] = inputs;
  switch (op.kind) {
    case "normalize":
      return first.map((x, i) => (x - second[i % cols]) / Math.sqrt(third[i % cols] + op.epsilon));
    case "affine": {
      const scale = op.scale ? second : null,
        center = op.center ? inputs[inputs.length - 1] : null;
      return first.map((x, i) => x * (scale ? scale[i % cols] : 1) + (center ? center[i % cols] : 0));
    }
    case "pullBack": {
      const rows = first.length / cols;
      return first.map((g, i) => (g - (fourth[i % cols] + second[i] * fifth[i % cols]) / rows) / Math.sqrt(third[i % cols] + op.epsilon));
    }
    case "rescale":
      return first.map((g, i) => g / Math.sqrt(second[i % cols] + op.epsilon));
    case "moving":
      return first.map((moving, i) => op.momentum * moving + (1 - op.momentum) * second[i]);
  }
}

const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const varianceOf = (values: Float64Array, mean: number): number => meanOf(values.map((value) => (value - mean) ** 2));

function normalizeRow(x: Float64Array, epsilon: number): Float64Array {
  const mean = meanOf(x),
    root = Math.sqrt(varianceOf(x, mean) + epsilon);
  return x.map((value) => (value - mean) / root);
}

function pullBackRow([g, n, x]: readonly Float64Array[], epsilon: number): Float64Array {
  const root = Math.sqrt(varianceOf(x, meanOf(x)) + epsilon),
    sum = meanOf(g),
    dot = meanOf(g.map((value, j) => value * n[j]));
  return g.map((value, j) => (value - sum - n[j] * dot) / root);
}

function rowNormalization({ kind, epsilon }: OpOf<"normalizeRows">, inputs: readonly Float64Array[], cols: number): Float64Array {
  const out = new Float64Array(inputs[0].length);
  for (let at = 0; at < out.length; at += cols) {
    const row = inputs.map((values) => values.subarray(at, at + cols));
    out.set(kind === "normalize" ? normalizeRow(row[0], epsilon) : pullBackRow(row, epsilon), at);
  }
  return out;
}

/** The one output of such an op. @param cols of all of its tensors */
export function evaluateNormalizationOp(op: NormalizationOp, inputs: readonly Float64Array[], cols: number): Float64Array {
  switch (op.type) {
    case "moment":
      return moment(op, inputs, cols);
    case "normalize":
      return normalization(op, inputs, cols);
    case "normalizeRows":
      return rowNormalization(op, inputs, cols);
  }
}
