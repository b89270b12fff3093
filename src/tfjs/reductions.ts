// Reductions over axes, and what works along one: sum, mean, argMax, softmax, cumsum, … and the matrix product. Sums are in float64.

import { InputError } from "../index.ts";
import { allocate, checkAxis, pick, positions, sizeOf, stridesOf, type TensorDataType, type NdArray } from "./nd-array.ts";

export type Axis = number | readonly number[] | null | undefined;

interface ReducedRows {
  /** The numbers with the reduced axes last. */
  readonly data: NdArray["data"];
  readonly length: number;
  /** Of the result, without and with the reduced axes as 1. */
  readonly shape: number[];
  readonly kept: number[];
}

function rowsOver(where: string, array: NdArray, axis: Axis): ReducedRows {
  const { shape } = array,
    all = shape.map((_, i) => i);
  const reduced = axis === undefined || axis === null ? all : [axis].flat().map((one) => checkAxis(where, one, shape.length));
  const others = all.filter((i) => !reduced.includes(i)),
    order = [...others, ...all.filter((i) => reduced.includes(i))];
  const strides = stridesOf(shape),
    inOrder = order.every((from, i) => from === i);
  const { data } = inOrder
    ? array
    : pick(
        array,
        [],
        positions(
          order.map((i) => shape[i]),
          order.map((i) => strides[i]),
        ),
      );
  return {
    data,
    length: sizeOf(reduced.map((i) => shape[i])),
    shape: others.map((i) => shape[i]),
    kept: shape.map((n, i) => (reduced.includes(i) ? 1 : n)),
  };
}

type OfRow = (data: NdArray["data"], from: number, to: number) => number;

export function reduce(where: string, array: NdArray, axis: Axis, keepDims: boolean, dtype: TensorDataType, of: OfRow): NdArray {
  const { data, length, shape, kept } = rowsOver(where, array, axis),
    result = allocate(dtype, sizeOf(shape));
  for (let row = 0; row < result.length; row++) result[row] = of(data, row * length, (row + 1) * length);
  return { dtype, shape: keepDims ? kept : shape, data: result };
}

const fold =
  (start: number, step: (total: number, value: number) => number): OfRow =>
  (data, from, to) => {
    let total = start;
    for (let i = from; i < to; i++) total = step(total, data[i]);
    return total;
  };
const firstBest =
  (better: (value: number, best: number) => boolean): OfRow =>
  (data, from, to) => {
    let best = from;
    for (let i = from + 1; i < to; i++) if (better(data[i], data[best])) best = i;
    return best - from;
  };

const total = fold(0, (sum, x) => sum + x);
const mean: OfRow = (data, from, to) => total(data, from, to) / (to - from);
const variance: OfRow = (data, from, to) => {
  const centre = mean(data, from, to);
  return fold(0, (sum, x) => sum + (x - centre) ** 2)(data, from, to) / (to - from);
};

const same = (dtype: TensorDataType): TensorDataType => dtype,
  counts = (dtype: TensorDataType): TensorDataType => (dtype === "bool" ? "int32" : dtype);
const always = (dtype: TensorDataType) => () => dtype;

/** Each with the type of its result. */
export const REDUCTIONS: Readonly<Record<string, readonly [OfRow, (dtype: TensorDataType) => TensorDataType]>> = {
  sum: [total, counts],
  prod: [fold(1, (product, x) => product * x), counts],
  mean: [mean, always("float32")],
  variance: [variance, always("float32")],
  min: [fold(Infinity, Math.min), same],
  max: [fold(-Infinity, Math.max), same],
  argMax: [firstBest((value, best) => value > best), always("int32")],
  argMin: [firstBest((value, best) => value < best), always("int32")],
  any: [fold(0, (found, x) => Number(found !== 0 || x !== 0)), always("bool")],
  all: [fold(1, (found, x) => Number(found !== 0 && x !== 0)), always("bool")],
  euclidean: [(data, from, to) => Math.sqrt(fold(0, (sum, x) => sum + x * x)(data, from, to)), always("float32")],
  logSumExp: [
    (data, from, to) => {
      const largest = fold(-Infinity, Math.max)(data, from, to);
      return largest + Math.log(fold(0, (sum, x) => sum + Math.exp(x - largest))(data, from, to));
    },
    always("float32"),
  ],
};

/** Softmax along the last axis. */
export function softmax(array: NdArray): NdArray {
  const length = array.shape.at(-1) ?? 1,
    data = new Float32Array(array.data.length);
  for (let at = 0; at < data.length; at += length) {
    const largest = fold(-Infinity, Math.max)(array.data, at, at + length);
    const powers = Array.from({ length }, (_, j) => Math.exp(array.data[at + j] - largest)),
      sum = powers.reduce((s, p) => s + p, 0);
    for (let j = 0; j < length; j++) data[at + j] = powers[j] / sum;
  }
  return { dtype: "float32", shape: array.shape, data };
}

/** Sums from the start of an axis up to each number. */
export function cumsum(array: NdArray, axis: number): NdArray {
  const along = checkAxis("cumsum()", axis, array.shape.length),
    stride = stridesOf(array.shape)[along],
    n = array.shape[along];
  const data = array.data.slice();
  for (let i = 0; i < data.length; i++) if (Math.floor(i / stride) % n > 0) data[i] += data[i - stride];
  return { ...array, data };
}

/** (… M, K)·(… K, N) of rank 2, or of rank 3 with the same batch. @throws InputError if the shapes do not fit */
export function matMul(a: NdArray, b: NdArray): NdArray {
  const [m, k] = a.shape.slice(-2),
    [rows, n] = b.shape.slice(-2),
    batch = a.shape.slice(0, -2);
  if (a.shape.length < 2 || a.shape.length !== b.shape.length || k !== rows || batch.join() !== b.shape.slice(0, -2).join()) {
    throw new InputError(
      `matMul(): shapes [${a.shape.join(", ")}] and [${b.shape.join(", ")}] do not fit: (M, K) takes (K, N). Reshape ` +
        `or transpose one.`,
    );
  }
  const data = new Float32Array(sizeOf(batch) * m * n),
    row = new Float64Array(n);
  for (let i = 0; i < data.length / n; i++) {
    row.fill(0);
    const before = Math.floor(i / m) * k * n;
    for (let x = 0; x < k; x++) {
      const value = a.data[i * k + x];
      for (let j = 0; j < n; j++) row[j] += value * b.data[before + x * n + j];
    }
    data.set(row, i * n);
  }
  return { dtype: "float32", shape: [...batch, m, n], data };
}
