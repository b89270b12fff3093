// What moves numbers without computing any: reshape, transpose, slice, concat, gather, tile, … and one-hot rows.

import { InputError } from "../index.ts";
import { allocate, checkAxis, pick, positions, sizeOf, stridesOf, type TensorDataType, type NdArray } from "./nd-array.ts";
import { upcast } from "./elementwise.ts";

/** One size may be −1: what is left. @throws InputError if the numbers do not fill the shape */
export function reshape(array: NdArray, shape: readonly number[]): NdArray {
  const known = sizeOf(shape.filter((n) => n !== -1)),
    wanted = shape.map((n) => (n === -1 ? array.data.length / known : n));
  if (
    shape.filter((n) => n === -1).length > 1 ||
    sizeOf(wanted) !== array.data.length ||
    !wanted.every((n) => Number.isInteger(n) && n >= 0)
  ) {
    throw new InputError(
      `reshape(): ${array.data.length} values of shape [${array.shape.join(", ")}] do not fill [${shape.join(", ")}]. ` + `Fix the shape.`,
    );
  }
  return { ...array, shape: wanted };
}

export function expandDims(array: NdArray, axis: number): NdArray {
  const at = checkAxis("expandDims()", axis, array.shape.length + 1);
  return { ...array, shape: array.shape.toSpliced(at, 0, 1) };
}

export function squeeze(array: NdArray, axes?: readonly number[]): NdArray {
  const gone = axes?.map((axis) => checkAxis("squeeze()", axis, array.shape.length)) ?? array.shape.flatMap((n, i) => (n === 1 ? [i] : []));
  const bad = gone.find((axis) => array.shape[axis] !== 1);
  if (bad !== undefined)
    throw new InputError(
      `squeeze(): axis ${bad} of shape [${array.shape.join(", ")}] has ${array.shape[bad]} ` + `entries; only axes of 1 can go.`,
    );
  return { ...array, shape: array.shape.filter((_, i) => !gone.includes(i)) };
}

export function transpose(array: NdArray, order: readonly number[] = array.shape.map((_, i) => i).reverse()): NdArray {
  const { shape } = array,
    axes = order.map((axis) => checkAxis("transpose()", axis, shape.length)),
    strides = stridesOf(shape);
  if (new Set(axes).size !== shape.length)
    throw new InputError(`transpose(): perm must name each axis once; got [${order.join(", ")}] ` + `for rank ${shape.length}.`);
  const turned = axes.map((axis) => shape[axis]);
  return pick(
    array,
    turned,
    positions(
      turned,
      axes.map((axis) => strides[axis]),
    ),
  );
}

/** @param sizes −1, or none, for all that is left of an axis */
export function slice(array: NdArray, begin: number | readonly number[], sizes?: number | readonly number[]): NdArray {
  const { shape } = array,
    from = [begin].flat(),
    lengths = sizes === undefined ? [] : [sizes].flat(),
    strides = stridesOf(shape);
  const wanted = shape.map((n, axis) => ((lengths[axis] ?? -1) === -1 ? n - (from[axis] ?? 0) : lengths[axis]));
  shape.forEach((n, axis) => {
    const first = from[axis] ?? 0;
    if (!Number.isInteger(first) || first < 0 || !Number.isInteger(wanted[axis]) || wanted[axis] < 0 || first + wanted[axis] > n) {
      throw new InputError(
        `slice(): axis ${axis} has ${n} entries; ${wanted[axis]} from ${first} on are not among them. Fix begin or ` + `size.`,
      );
    }
  });
  return pick(
    array,
    wanted,
    positions(
      wanted,
      strides,
      shape.reduce((sum, _, axis) => sum + (from[axis] ?? 0) * strides[axis], 0),
    ),
  );
}

/** @throws InputError if the shapes differ elsewhere than at `axis` */
export function concat(arrays: readonly NdArray[], axis: number): NdArray {
  if (arrays.length === 0) throw new InputError("concat(): there must be at least one tensor; got none.");
  const [{ shape }] = arrays,
    along = checkAxis("concat()", axis, shape.length),
    without = (one: readonly number[]) => one.toSpliced(along, 1).join();
  const odd = arrays.find((one) => one.shape.length !== shape.length || without(one.shape) !== without(shape));
  if (odd)
    throw new InputError(
      `concat(): shapes must be equal but for axis ${along}; got [${shape.join(", ")}] and ` + `[${odd.shape.join(", ")}].`,
    );
  const result = shape.with(
      along,
      arrays.reduce((sum, one) => sum + one.shape[along], 0),
    ),
    dtype = arrays.map((one) => one.dtype).reduce(upcast);
  const data = allocate(dtype, sizeOf(result)),
    outer = sizeOf(shape.slice(0, along)),
    inner = sizeOf(shape.slice(along + 1));
  for (let row = 0, at = 0; row < outer; row++) {
    for (const one of arrays) {
      const length = one.shape[along] * inner;
      data.set(one.data.subarray(row * length, (row + 1) * length), at);
      at += length;
    }
  }
  return { dtype, shape: result, data };
}

export const stack = (arrays: readonly NdArray[], axis: number): NdArray =>
  concat(
    arrays.map((one) => expandDims(one, axis)),
    axis,
  );

/** Entries of an axis by number, the axis replaced by the shape of the indices. @throws InputError on an index that is not there */
export function gather(array: NdArray, indices: NdArray, axis: number): NdArray {
  const { shape } = array,
    along = checkAxis("gather()", axis, shape.length),
    n = shape[along];
  const bad = [...indices.data].find((i) => !Number.isInteger(i) || i < 0 || i >= n);
  if (bad !== undefined)
    throw new InputError(`gather(): indices must be whole numbers from 0 to ${n - 1}, the entries of axis ${along}; ` + `got ${bad}.`);
  const inner = sizeOf(shape.slice(along + 1)),
    outer = sizeOf(shape.slice(0, along)),
    count = indices.data.length;
  const from = new Uint32Array(outer * count * inner);
  for (let i = 0; i < from.length; i++) {
    const row = Math.floor(i / (count * inner)),
      entry = indices.data[Math.floor(i / inner) % count];
    from[i] = (row * n + entry) * inner + (i % inner);
  }
  return pick(array, [...shape.slice(0, along), ...indices.shape, ...shape.slice(along + 1)], from);
}

export function tile(array: NdArray, times: readonly number[]): NdArray {
  if (times.length !== array.shape.length)
    throw new InputError(`tile(): reps must have one number an axis, ${array.shape.length}; got ` + `[${times.join(", ")}].`);
  return times.reduce(
    (tiled, n, axis) =>
      n === 1
        ? tiled
        : concat(
            Array.from({ length: n }, () => tiled),
            axis,
          ),
    array,
  );
}

export function reverse(array: NdArray, axis?: number | readonly number[]): NdArray {
  const { shape } = array,
    axes = axis === undefined ? shape.map((_, i) => i) : [axis].flat().map((one) => checkAxis("reverse()", one, shape.length));
  const strides = stridesOf(shape),
    start = axes.reduce((sum, one) => sum + (shape[one] - 1) * strides[one], 0);
  return pick(
    array,
    shape,
    positions(
      shape,
      strides.map((stride, i) => (axes.includes(i) ? -stride : stride)),
      start,
    ),
  );
}

/** @param depth classes; an index outside of them gives a row of `off`, as in TensorFlow.js */
export function oneHot(indices: NdArray, depth: number, on: number, off: number, dtype: TensorDataType): NdArray {
  if (!Number.isSafeInteger(depth) || depth < 1) throw new InputError(`oneHot(): depth must be a whole number ≥ 1; got ${depth}.`);
  const data = allocate(dtype, indices.data.length * depth).fill(off);
  indices.data.forEach((label, i) => {
    if (label >= 0 && label < depth) data[i * depth + label] = on;
  });
  return { dtype, shape: [...indices.shape, depth], data };
}

/** The k largest along the last axis, with where they are; of equals the first comes first. */
export function topk(array: NdArray, k: number): { values: NdArray; indices: NdArray } {
  const n = array.shape.at(-1) ?? 1,
    rows = array.data.length / n,
    shape = [...array.shape.slice(0, -1), k];
  if (!(k >= 0 && k <= n)) throw new InputError(`topk(): k must be from 0 to ${n}, the entries of the last axis; got ${k}.`);
  const values = allocate(array.dtype, rows * k),
    indices = new Int32Array(rows * k);
  for (let row = 0; row < rows; row++) {
    const order = Array.from({ length: n }, (_, i) => i)
      .sort((a, b) => array.data[row * n + b] - array.data[row * n + a] || a - b)
      .slice(0, k);
    order.forEach((from, i) => {
      indices[row * k + i] = from;
      values[row * k + i] = array.data[row * n + from];
    });
  }
  return { values: { dtype: array.dtype, shape, data: values }, indices: { dtype: "int32", shape, data: indices } };
}
