// The plain value behind a tensor of deltaprop/tfjs: numbers in row-major order, their shape and data type. Pure functions make one
// from nested arrays and back. The mathematics is in elementwise.ts, reductions.ts and layout.ts; the class is in tensor.ts.

import { InputError, UnsupportedError } from "../index.ts";

/** Data types; TensorFlow.js' "string" and "complex64" are not here. */
export type TensorDataType = "float32" | "int32" | "bool";
export type NdNumbers = Float32Array | Int32Array | Uint8Array;

export interface NdArray {
  readonly dtype: TensorDataType;
  readonly shape: number[];
  /** Row-major. */
  readonly data: NdNumbers;
}

export type Nested = number | boolean | readonly Nested[] | NdNumbers | Uint8ClampedArray;
/** What functions take in place of a tensor. */
export type NdArrayLike = NdArray | Nested;

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Elements from one index to the next, by axis. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

export function allocate(dtype: TensorDataType, length: number): NdNumbers {
  switch (dtype) {
    case "float32":
      return new Float32Array(length);
    case "int32":
      return new Int32Array(length);
    case "bool":
      return new Uint8Array(length);
  }
}

export function checkDtype(where: string, dtype: unknown): TensorDataType {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw new UnsupportedError(
    `${where}: tensors hold float32, int32 or bool; got dtype ${JSON.stringify(dtype)}. Keep texts in arrays of ` + `your own.`,
  );
}

/** @throws InputError if a size is no whole number ≥ 0 */
export function checkShape(where: string, shape: readonly number[]): number[] {
  const isList: boolean = Array.isArray(shape);
  if (!isList || !shape.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw new InputError(`${where}: a shape is an array of whole numbers ≥ 0; got ${JSON.stringify(shape)}.`);
  }
  return [...shape];
}

/** Values of `from` as another type: towards int32 truncated, towards bool "is not 0". */
export function convert(from: ArrayLike<number>, dtype: TensorDataType): NdNumbers {
  const data = allocate(dtype, from.length);
  for (let i = 0; i < data.length; i++)
    data[i] = dtype === "bool" ? Number(from[i] !== 0) : dtype === "int32" ? Math.trunc(from[i]) : from[i];
  return data;
}

export const cast = (array: NdArray, dtype: TensorDataType): NdArray => ({ dtype, shape: array.shape, data: convert(array.data, dtype) });

export const isNdArray = (value: unknown): value is NdArray =>
  typeof value === "object" && value !== null && "dtype" in value && "shape" in value && "data" in value;

const isList = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || ArrayBuffer.isView(value);

function shapeOf(where: string, values: Nested): number[] {
  const shape: number[] = [];
  for (let level: unknown = values; isList(level); level = level[0]) shape.push(level.length);
  const check = (level: unknown, axis: number): void => {
    if (!isList(level) ? axis !== shape.length : axis === shape.length || level.length !== shape[axis]) {
      throw new InputError(`${where}: nested arrays must all be as long as their neighbours, [${shape.join(", ")}] here. Fix the data.`);
    }
    if (isList(level) && (axis < shape.length - 1 || shape.length === 0 || !ArrayBuffer.isView(level))) {
      for (let i = 0; i < level.length; i++) check(level[i], axis + 1);
    }
  };
  check(values, 0);
  return shape;
}

/** The type that TensorFlow.js infers. */
function inferDtype(values: unknown): TensorDataType {
  let first = values;
  while (isList(first)) {
    if (first instanceof Float32Array) return "float32";
    if (first instanceof Int32Array || first instanceof Uint8Array || first instanceof Uint8ClampedArray) return "int32";
    first = first[0];
  }
  if (typeof first === "string") checkDtype("tensor()", "string");
  return typeof first === "boolean" ? "bool" : "float32";
}

function flatten(where: string, values: unknown, into: number[]): number[] {
  if (isList(values)) {
    for (let i = 0; i < values.length; i++) flatten(where, values[i], into);
    return into;
  }
  if (typeof values !== "number" && typeof values !== "boolean") {
    throw new InputError(
      `${where}: values must be numbers or booleans; got ` +
        `${typeof values === "string" ? JSON.stringify(values) : String(values)}. ` +
        "Clean the data first.",
    );
  }
  into.push(Number(values));
  return into;
}

/**
 * Reads numbers, booleans, nested and typed arrays.
 * @param shape that the values are given, or null for their own
 */
export function fromNested(where: string, values: NdArrayLike, shape: readonly number[] | null = null, dtype?: TensorDataType): NdArray {
  if (isNdArray(values)) return dtype === undefined || dtype === values.dtype ? values : cast(values, dtype);
  const type = dtype === undefined ? inferDtype(values) : checkDtype(where, dtype);
  const isFlat = ArrayBuffer.isView(values),
    own = isFlat ? [values.length] : shapeOf(where, values);
  const numbers = isFlat ? values : flatten(where, values, []),
    wanted = shape === null ? own : checkShape(where, shape);
  if (sizeOf(wanted) !== numbers.length) {
    throw new InputError(
      `${where}: shape [${wanted.join(", ")}] takes ${sizeOf(wanted)} values; got ${numbers.length}. Fix the shape or ` + `the data.`,
    );
  }
  return { dtype: type, shape: wanted, data: convert(numbers, type) };
}

export type NestedArray = number | boolean | NestedArray[];

/** As nested arrays; a scalar as its value; bool as 0 and 1, as TensorFlow.js gives it. */
export function toNested({ data, shape }: NdArray): NestedArray {
  const strides = stridesOf(shape);
  const level = (axis: number, at: number): NestedArray =>
    axis === shape.length ? data[at] : Array.from({ length: shape[axis] }, (_, i) => level(axis + 1, at + i * strides[axis]));
  return level(0, 0);
}

/** An axis counted from the front. @throws InputError if there is none */
export function checkAxis(where: string, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    throw new InputError(
      `${where}: axis must be a whole number from ${-rank} to ${rank - 1} for a tensor of rank ${rank}; got ` + `${String(axis)}.`,
    );
  }
  return positive;
}

/** Where in the source each element of a result lies, in the result's row-major order. */
export function positions(shape: readonly number[], strides: readonly number[], start = 0): Uint32Array {
  const found = new Uint32Array(sizeOf(shape)),
    index = shape.map(() => 0);
  for (let i = 0, at = start; i < found.length; i++) {
    found[i] = at;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return found;
}

export function pick({ dtype, data }: NdArray, shape: number[], from: Uint32Array): NdArray {
  const picked = allocate(dtype, from.length);
  for (let i = 0; i < from.length; i++) picked[i] = data[from[i]];
  return { dtype, shape, data: picked };
}
