// Matrix products as workloads: shapes, operands, and whether an answer is right. Pure, seeded, no GPU.
//
// out (M,N) = left · right, K terms each. As stored: left (M,K), transposed (K,M); right (K,N), transposed (N,K).

import type { ProductForm } from "../src/graph/types.ts";
import { uniform } from "./random.ts";

export interface Product {
  readonly kind: "product";
  readonly name: string;
  readonly form: ProductForm;
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

const square = (size: number): Product => ({ kind: "product", name: `product ${size}`, form: "normal", m: size, k: size, n: size });

/** The last three are those of one dense layer in training: 784 features, 128 units, batch 64. */
export const PRODUCTS: readonly Product[] = [
  square(512),
  square(1024),
  square(2048),
  { kind: "product", name: "product x·W 64x784x128", form: "normal", m: 64, k: 784, n: 128 },
  { kind: "product", name: "product delta·Wt 64x128x784", form: "rightTransposed", m: 64, k: 128, n: 784 },
  { kind: "product", name: "product xt·delta 784x64x128", form: "leftTransposed", m: 784, k: 64, n: 128 },
];

export const flopsOf = ({ m, k, n }: Product): number => 2 * m * k * n;

export interface Operands {
  readonly left: Float32Array<ArrayBuffer>;
  /** Rows and columns as stored. */
  readonly leftShape: [number, number];
  readonly right: Float32Array<ArrayBuffer>;
  readonly rightShape: [number, number];
}

/** Numbers in [−1, 1), of both signs: a wrong or missing term shows. */
export function makeOperands({ form, m, k, n }: Product, seed = 1): Operands {
  const next = uniform(seed),
    numbers = (length: number) => Float32Array.from({ length }, () => 2 * next() - 1);
  return {
    left: numbers(m * k),
    leftShape: form === "leftTransposed" ? [k, m] : [m, k],
    right: numbers(k * n),
    rightShape: form === "rightTransposed" ? [n, k] : [k, n],
  };
}

/**
 * How far an answer may be from the float64 product, in units of 2⁻²⁴·Σ|terms|. Any order of summation in float32 stays
 * below K of them, but with terms of random sign below 5 in every answer seen here. Products of operands rounded to half
 * precision are 30 to 1000 off, and so do not pass for float32, which with the bound K they would.
 */
export const PRODUCT_TOLERANCE = 16;
const UNIT = 2 ** -24;
/** Beyond so many terms only some rows are computed again in full; all rows still enter the check by their sums. */
const FULL_CHECK_TERMS = 2 ** 28,
  SAMPLED_ROWS = 64;

/** Which rows are compared number by number: all, or the first, the last and as many at random as can be afforded. */
export function rowsToCompare({ m, k, n }: Product): number[] {
  if (m * k * n <= FULL_CHECK_TERMS) return Array.from({ length: m }, (_, i) => i);
  const next = uniform(m),
    rows = Array.from({ length: SAMPLED_ROWS }, () => Math.floor(next() * m));
  return [...new Set([0, m - 1, ...rows])];
}

/** The rows of one matrix as functions of (row, column), whatever way it is stored. */
const reader = (values: Float32Array, [, cols]: readonly [number, number], transposed: boolean) =>
  transposed ? (row: number, col: number) => values[col * cols + row] : (row: number, col: number) => values[row * cols + col];

/** One row of the product in float64, and Σ|terms| of each of its numbers. */
function rowOf(product: Product, operands: Operands, row: number): { exact: Float64Array; magnitude: Float64Array } {
  const { k, n, form } = product,
    { right } = operands;
  const left = reader(operands.left, operands.leftShape, form === "leftTransposed");
  const exact = new Float64Array(n),
    magnitude = new Float64Array(n);
  // As stored, one term after the other reads neighbours.
  const [stepK, stepN] = form === "rightTransposed" ? [1, k] : [n, 1];
  for (let term = 0; term < k; term++) {
    const factor = left(row, term);
    for (let col = 0; col < n; col++) {
      const value = factor * right[term * stepK + col * stepN];
      exact[col] += value;
      magnitude[col] += Math.abs(value);
    }
  }
  return { exact, magnitude };
}

/** The largest deviation of the compared rows, in units of 2⁻²⁴·Σ|terms|; NaN where the answer has one. */
function worstOfRows(product: Product, operands: Operands, answer: Float32Array): number {
  let worst = 0;
  for (const row of rowsToCompare(product)) {
    const { exact, magnitude } = rowOf(product, operands, row);
    for (let col = 0; col < product.n; col++) {
      const units = Math.abs(answer[row * product.n + col] - exact[col]) / (UNIT * magnitude[col]);
      if (!(units <= worst)) worst = units;
      if (Number.isNaN(worst)) return NaN;
    }
  }
  return worst;
}

/**
 * Every number at once, at the cost of no product: answer·r against left·(right·r) for random signs r (Freivalds, 1977).
 * Deviations of a row add up at random, so they are measured against the root of its squared bounds.
 */
function worstOfSums(product: Product, operands: Operands, answer: Float32Array): number {
  const { m, k, n, form } = product,
    next = uniform(n),
    signs = Float64Array.from({ length: n }, () => (next() < 0.5 ? -1 : 1));
  const left = reader(operands.left, operands.leftShape, form === "leftTransposed");
  const right = reader(operands.right, operands.rightShape, form === "rightTransposed");
  const summed = new Float64Array(k),
    squares = new Float64Array(k);
  for (let term = 0; term < k; term++) {
    for (let col = 0; col < n; col++) {
      summed[term] += right(term, col) * signs[col];
      squares[term] += Math.abs(right(term, col));
    }
  }
  let worst = 0;
  for (let row = 0; row < m; row++) {
    let given = 0,
      exact = 0,
      magnitude = 0;
    for (let col = 0; col < n; col++) given += answer[row * n + col] * signs[col];
    for (let term = 0; term < k; term++) {
      exact += left(row, term) * summed[term];
      magnitude += Math.abs(left(row, term)) * squares[term];
    }
    // magnitude is Σ over the row's n numbers of their Σ|terms|: over √n for the root of a sum of squares.
    const units = (Math.abs(given - exact) * Math.sqrt(n)) / (UNIT * magnitude);
    if (!(units <= worst)) worst = units;
    if (Number.isNaN(worst)) return NaN;
  }
  return worst;
}

/** The largest deviation of an answer (M,N) in units of 2⁻²⁴·Σ|terms|; NaN if a number is none or some are missing. */
export function productError(product: Product, operands: Operands, answer: Float32Array): number {
  if (answer.length !== product.m * product.n) return NaN;
  const rows = worstOfRows(product, operands, answer),
    sums = worstOfSums(product, operands, answer);
  return Math.max(rows, sums);
}
