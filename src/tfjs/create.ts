/**
 * Tensors from values, from patterns and at random, under the names of TensorFlow.js.
 * @module
 */

import { InputError } from "../index.ts";
import { RandomSequence, STREAM } from "../random.ts";
import { allocate, checkDtype, checkShape, fromNested, sizeOf, type TensorDataType, type Nested } from "./nd-array.ts";
import { read, Tensor, TensorBuffer, type TensorLike } from "./tensor.ts";

/**
 * A tensor of the values, of their own shape or the one given. @throws InputError on ragged arrays, or values that do not fill the shape
 */
export const tensor = (values: TensorLike, shape?: readonly number[], dtype?: TensorDataType): Tensor =>
  new Tensor(values instanceof Tensor ? read("tensor()", values, dtype) : fromNested("tensor()", values, shape ?? null, dtype));

const ofRank =
  (rank: number) =>
  (values: Nested, shape?: readonly number[], dtype?: TensorDataType): Tensor => {
    const made = fromNested(`tensor${rank}d()`, values, shape ?? null, dtype);
    if (made.shape.length !== rank)
      throw new InputError(
        `tensor${rank}d(): the values are of rank ${made.shape.length}. Give nested ` + `arrays of rank ${rank}, or a shape.`,
      );
    return new Tensor(made);
  };

export const tensor1d = (values: Nested, dtype?: TensorDataType): Tensor => ofRank(1)(values, undefined, dtype);
export const tensor2d = ofRank(2),
  tensor3d = ofRank(3),
  tensor4d = ofRank(4),
  tensor5d = ofRank(5);
export const scalar = (value: number | boolean, dtype?: TensorDataType): Tensor => new Tensor(fromNested("scalar()", value, [], dtype));

/** All of one value. */
export function fill(shape: readonly number[], value: number, dtype: TensorDataType = "float32"): Tensor {
  const checked = checkShape("fill()", shape);
  return new Tensor({ dtype, shape: checked, data: allocate(checkDtype("fill()", dtype), sizeOf(checked)).fill(value) });
}
export const zeros = (shape: readonly number[], dtype: TensorDataType = "float32"): Tensor => fill(shape, 0, dtype);
export const ones = (shape: readonly number[], dtype: TensorDataType = "float32"): Tensor => fill(shape, 1, dtype);
export const zerosLike = (x: Tensor): Tensor => fill(x.shape, 0, x.dtype);
export const onesLike = (x: Tensor): Tensor => fill(x.shape, 1, x.dtype);
/** 1 on the diagonal. */
export function eye(rows: number, columns = rows): Tensor {
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < Math.min(rows, columns); i++) data[i * columns + i] = 1;
  return new Tensor({ dtype: "float32", shape: [rows, columns], data });
}

/** `count` numbers from start to stop, both included. */
export function linspace(start: number, stop: number, count: number): Tensor {
  if (!Number.isSafeInteger(count) || count < 1) throw new InputError(`linspace(): num must be a whole number ≥ 1; got ${count}.`);
  const step = count > 1 ? (stop - start) / (count - 1) : 0;
  return new Tensor({ dtype: "float32", shape: [count], data: Float32Array.from({ length: count }, (_, i) => start + i * step) });
}

/** Numbers from start up to stop, which is left out. */
export function range(start: number, stop: number, step = start < stop ? 1 : -1, dtype: TensorDataType = "float32"): Tensor {
  if (step === 0) throw new InputError("range(): step must not be 0.");
  const count = Math.max(0, Math.ceil((stop - start) / step)),
    data = allocate(checkDtype("range()", dtype), count);
  for (let i = 0; i < count; i++) data[i] = start + i * step;
  return new Tensor({ dtype, shape: [count], data });
}

/** A stream of numbers decided by the seed; without one, another one each time. */
export const randomFrom = (seed: unknown, a = 0): RandomSequence =>
  new RandomSequence(typeof seed === "number" ? Math.abs(Math.trunc(seed * 1000)) : Math.floor(Math.random() * 2 ** 48), STREAM.data, a);

function drawn(shape: readonly number[], dtype: TensorDataType, next: () => number): Tensor {
  const checked = checkShape("random", shape),
    data = allocate(checkDtype("random", dtype), sizeOf(checked));
  for (let i = 0; i < data.length; i++) data[i] = next();
  return new Tensor({ dtype, shape: checked, data });
}

/** Normal numbers. The stream of a seed is deltaprop's, not TensorFlow.js' own. */
export function randomNormal(shape: readonly number[], mean = 0, stddev = 1, dtype: TensorDataType = "float32", seed?: number): Tensor {
  const random = randomFrom(seed);
  return drawn(shape, dtype, () => mean + stddev * random.normal());
}
export const randomStandardNormal = (shape: readonly number[], dtype: TensorDataType = "float32", seed?: number): Tensor =>
  randomNormal(shape, 0, 1, dtype, seed);
/** Normal numbers, none farther than two standard deviations from the mean. */
export function truncatedNormal(shape: readonly number[], mean = 0, stddev = 1, dtype: TensorDataType = "float32", seed?: number): Tensor {
  const random = randomFrom(seed);
  return drawn(shape, dtype, () => {
    for (;;) {
      const value = random.normal();
      if (Math.abs(value) <= 2) return mean + stddev * value;
    }
  });
}
/** Uniform in [minval, maxval). */
export function randomUniform(shape: readonly number[], minval = 0, maxval = 1, dtype: TensorDataType = "float32", seed?: number): Tensor {
  const random = randomFrom(seed);
  return drawn(shape, dtype, () => minval + (maxval - minval) * random.uniform());
}
export const randomUniformInt = (shape: readonly number[], minval: number, maxval: number, seed?: number): Tensor => {
  const random = randomFrom(seed);
  return drawn(shape, "int32", () => Math.floor(minval + (maxval - minval) * random.uniform()));
};

/** Numbers that may be changed until toTensor(). */
export function buffer(shape: readonly number[], dtype: TensorDataType = "float32", values?: ArrayLike<number>): TensorBuffer {
  const checked = checkShape("buffer()", shape),
    data = allocate(checkDtype("buffer()", dtype), sizeOf(checked));
  if (values) data.set(values);
  return new TensorBuffer(checked, dtype, data);
}
