// How far the ops of batch and layer normalization on a float32 GPU may lie from the exact ones: see rounding.ts. Formulas are those of
// shaders/normalization.wgsl.ts, in its order; sums may come in any. What is divided by is √(v + ε), which is at least √ε however v errs: v is a
// sum of squares on any GPU.

import { roundingsOf } from "../graph/long-sums.ts";
import type { NormalizationOp, OpOf } from "../graph/types.ts";
import type { Bounded } from "./compare.ts";
import {
  add,
  divide,
  exact,
  multiply,
  rough,
  rounded,
  square,
  squareRoot,
  SQUARE_ROOT,
  subtract,
  total,
  UNIT,
  type Rough,
} from "./rounding.ts";

const at = ({ values, bounds }: Bounded, i: number): Rough => rough(values[i], bounds[i]);

/** 1/R: a division on the CPU, or one of the GPU, and a rounded 1/T where rows are those of T steps. */
const inverse = (rows: number): Rough => divide(exact(1), exact(rows));

/** x / √(v + ε). */
function overDeviation(x: Rough, v: Rough, epsilon: number): Rough {
  // The root of ε and its own roundings; a moving variance may be whatever the user has set.
  const floor = v.value >= 0 ? Math.sqrt(epsilon) * (1 - 4 * UNIT - SQUARE_ROOT) : 0;
  return divide(x, squareRoot(add(v, rounded(epsilon))), floor);
}

function momentError({ kind }: OpOf<"moment">, [first, second]: readonly Bounded[], column: number, cols: number): number {
  const rows = first.values.length / cols,
    each = inverse(rows);
  const term = (i: number): Rough => {
    const x = at(first, i);
    switch (kind) {
      case "mean":
        return multiply(x, each);
      case "variance":
        return multiply(square(subtract(x, at(second, column))), each);
      case "product":
        return multiply(x, at(second, i));
    }
  };
  return total(
    Array.from({ length: rows }, (_, row) => term(row * cols + column)),
    roundingsOf(rows),
  ).error;
}

function numberError(op: OpOf<"normalize">, inputs: readonly Bounded[], i: number, cols: number): number {
  const [first, second, third, fourth, fifth] = inputs,
    x = at(first, i),
    column = i % cols;
  switch (op.kind) {
    case "normalize":
      return overDeviation(subtract(x, at(second, column)), at(third, column), op.epsilon).error;
    case "affine": {
      const scaled = op.scale ? multiply(x, at(second, column)) : x;
      return (op.center ? add(scaled, at(inputs[inputs.length - 1], column)) : scaled).error;
    }
    case "pullBack": {
      const through = add(at(fourth, column), multiply(at(second, i), at(fifth, column)));
      return overDeviation(subtract(x, multiply(through, inverse(first.values.length / cols))), at(third, column), op.epsilon).error;
    }
    case "rescale":
      return overDeviation(x, at(second, column), op.epsilon).error;
    case "moving":
      return add(multiply(rounded(op.momentum), x), multiply(rounded(1 - op.momentum), at(second, i))).error;
  }
}

const meanOf = (terms: readonly Rough[]): Rough => divide(total(terms), exact(terms.length));
const varianceOf = (x: readonly Rough[]): Rough => {
  const mean = meanOf(x);
  return meanOf(x.map((value) => square(subtract(value, mean))));
};

function rowErrors({ kind, epsilon }: OpOf<"normalizeRows">, rows: readonly Rough[][]): number[] {
  if (kind === "normalize") {
    const [x] = rows,
      mean = meanOf(x),
      variance = varianceOf(x);
    return x.map((value) => overDeviation(subtract(value, mean), variance, epsilon).error);
  }
  const [g, n, x] = rows,
    variance = varianceOf(x),
    sum = total(g),
    dot = total(g.map((value, j) => multiply(value, n[j])));
  return g.map(
    (value, j) => overDeviation(subtract(value, divide(add(sum, multiply(n[j], dot)), exact(g.length))), variance, epsilon).error,
  );
}

/** The errors of the one output of such an op. @param cols of all of its tensors */
export function normalizationErrors(op: NormalizationOp, inputs: readonly Bounded[], cols: number): Float64Array {
  const { length } = inputs[0].values;
  switch (op.type) {
    case "moment":
      return Float64Array.from({ length: cols }, (_, column) => momentError(op, inputs, column, cols));
    case "normalize":
      return Float64Array.from({ length }, (_, i) => numberError(op, inputs, i, cols));
    case "normalizeRows":
      return Float64Array.from(
        Array.from({ length: length / cols }, (_, row) =>
          rowErrors(
            op,
            inputs.map((x) => Array.from({ length: cols }, (__, j) => at(x, row * cols + j))),
          ),
        ).flat(),
      );
  }
}
