// The steps of batch and layer normalization on the float32 machine of float32.ts.   R rows   C columns

import type { NormalizationOp } from "../../src/graph/types.ts";

const f = Math.fround;

/** What of the float32 GPU these steps compute with. */
export interface Arithmetic {
  sum(terms: Iterable<number>): number;
  dot(n: number, left: (k: number) => number, right: (k: number) => number): number;
  div(x: number, y: number): number;
  sqrt(x: number): number;
}

export function normalizationStep(machine: Arithmetic, op: NormalizationOp, inputs: readonly Float32Array[], cols: number): number[] {
  const [x, y, z, u, w] = inputs,
    rows = x.length / cols,
    inverse = machine.div(1, rows);
  const root = (variance: number, epsilon: number): number => machine.sqrt(f(variance + f(epsilon)));
  const column = (j: number, term: (i: number) => number): number =>
    machine.sum(Array.from({ length: rows }, (_, r) => term(r * cols + j)));
  const squared = (value: number): number => f(value * value);
  if (op.type === "moment") {
    return Array.from({ length: cols }, (_, j) => {
      if (op.kind === "mean") return column(j, (i) => f(x[i] * inverse));
      if (op.kind === "variance") return column(j, (i) => f(squared(f(x[i] - y[j])) * inverse));
      return column(j, (i) => f(x[i] * y[i]));
    });
  }
  if (op.type === "normalize") {
    return Array.from(x, (value, i) => {
      const j = i % cols;
      switch (op.kind) {
        case "normalize":
          return machine.div(f(value - y[j]), root(z[j], op.epsilon));
        case "affine": {
          const scaled = op.scale ? f(value * y[j]) : value;
          return op.center ? f(scaled + inputs[inputs.length - 1][j]) : scaled;
        }
        case "pullBack":
          return machine.div(f(value - f(f(u[j] + f(y[i] * w[j])) * inverse)), root(z[j], op.epsilon));
        case "rescale":
          return machine.div(value, root(y[j], op.epsilon));
        case "moving":
          return f(f(f(op.momentum) * value) + f(f(1 - op.momentum) * y[j]));
      }
    });
  }
  return Array.from({ length: rows }, (_, r) => {
    const row = (of: Float32Array): number[] => [...of.subarray(r * cols, (r + 1) * cols)],
      mean = (of: number[]): number => machine.div(machine.sum(of), cols);
    const spread = (of: number[]): number => {
      const centre = mean(of);
      return mean(of.map((value) => squared(f(value - centre))));
    };
    if (op.kind === "normalize") {
      const centre = mean(row(x)),
        below = root(spread(row(x)), op.epsilon);
      return row(x).map((value) => machine.div(f(value - centre), below));
    }
    const g = row(x),
      n = row(y),
      below = root(spread(row(z)), op.epsilon),
      sum = machine.sum(g),
      dot = machine.dot(
        cols,
        (k) => g[k],
        (k) => n[k],
      );
    return g.map((value, j) => machine.div(f(value - machine.div(f(sum + f(n[j] * dot)), cols)), below));
  }).flat();
}
