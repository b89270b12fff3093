// The tensor that programs hold: immutable numbers on the host, with the methods that TensorFlow.js chains. Each method reads its
// arguments (tensors, numbers, nested arrays) and calls one function of elementwise.ts, reductions.ts or layout.ts.

import { InputError } from "../index.ts";
import {
  ARITHMETIC,
  binary,
  broadcastPositions,
  broadcastShape,
  COMPARISONS,
  divide,
  IN_FLOATS,
  KEEPING,
  TESTS,
  unary,
  where,
} from "./elementwise.ts";
import { formatTensor } from "./format.ts";
import * as layout from "./layout.ts";
import {
  cast,
  checkAxis,
  checkDtype,
  fromNested,
  pick,
  toNested,
  type TensorDataType,
  type NdArray,
  type Nested,
  type NestedArray,
  type NdNumbers,
} from "./nd-array.ts";
import { cumsum, matMul, reduce, REDUCTIONS, softmax, type Axis } from "./reductions.ts";

/** What functions take in place of a tensor. */
export type TensorLike = Tensor | Nested;

/** The numbers of a tensor, or of what can be made into one. @throws InputError if there are none */
export function read(name: string, value: TensorLike, dtype?: TensorDataType): NdArray {
  if (value instanceof Tensor) return dtype === undefined || value.dtype === dtype ? value.nd : cast(value.nd, dtype);
  const isMissing = value === undefined || value === null;
  if (isMissing) throw new InputError(`${name}: a tensor, a number or an array is needed; got ${String(value)}.`);
  return fromNested(name, value, null, dtype);
}

const arithmetic = (name: keyof typeof ARITHMETIC, a: Tensor, b: TensorLike): Tensor =>
  new Tensor(binary(`${name}()`, a.nd, read(`${name}()`, b), ARITHMETIC[name]));
const comparison = (name: keyof typeof COMPARISONS, a: Tensor, b: TensorLike): Tensor =>
  new Tensor(binary(`${name}()`, a.nd, read(`${name}()`, b), COMPARISONS[name], "bool"));
const floats = (name: keyof typeof IN_FLOATS, a: Tensor): Tensor => new Tensor(unary(a.nd, IN_FLOATS[name], "float32"));

/** Numbers in row-major order with a shape and a data type. It lies on the host: reading takes no waiting, and dispose() frees nothing. */
export class Tensor {
  readonly shape: number[];
  /** @internal */
  readonly nd: NdArray;
  isDisposed = false;

  /** @internal */
  constructor(nd: NdArray) {
    this.nd = nd;
    this.shape = [...nd.shape];
  }

  get dtype(): TensorDataType {
    return this.nd.dtype;
  }
  get size(): number {
    return this.nd.data.length;
  }
  get rank(): number {
    return this.shape.length;
  }

  /** A copy of the numbers, row-major. */
  dataSync(): NdNumbers {
    return this.nd.data.slice();
  }
  /** Resolves with a copy of the numbers, row-major. */
  data(): Promise<NdNumbers> {
    return Promise.resolve(this.dataSync());
  }
  /** The numbers as nested arrays, a scalar as its number. */
  arraySync(): NestedArray {
    return toNested(this.nd);
  }
  /** Resolves with the numbers as nested arrays. */
  array(): Promise<NestedArray> {
    return Promise.resolve(this.arraySync());
  }
  /** Resolves with a buffer of a copy of the numbers. */
  buffer(): Promise<TensorBuffer> {
    return Promise.resolve(this.bufferSync());
  }
  bufferSync(): TensorBuffer {
    return new TensorBuffer(this.shape, this.dtype, this.dataSync());
  }
  toString(verbose = false): string {
    return formatTensor(this.nd, verbose);
  }
  /** Prints the tensor on the console. */
  print(verbose = false): void {
    console.log(this.toString(verbose));
  }
  /** Frees nothing: tensors lie on the host. */
  dispose(): void {
    this.isDisposed = true;
  }
  clone(): Tensor {
    return new Tensor(this.nd);
  }

  add(b: TensorLike): Tensor {
    return arithmetic("add", this, b);
  }
  sub(b: TensorLike): Tensor {
    return arithmetic("sub", this, b);
  }
  mul(b: TensorLike): Tensor {
    return arithmetic("mul", this, b);
  }
  /** a/b; of two int32 tensors rounded down. */
  div(b: TensorLike): Tensor {
    return new Tensor(divide(this.nd, read("div()", b)));
  }
  /** a/b, and 0 where b is 0. */
  divNoNan(b: TensorLike): Tensor {
    return new Tensor(binary("divNoNan()", this.nd, read("divNoNan()", b), (x, y) => (y === 0 ? 0 : x / y), "float32"));
  }
  floorDiv(b: TensorLike): Tensor {
    return arithmetic("floorDiv", this, b);
  }
  mod(b: TensorLike): Tensor {
    return arithmetic("mod", this, b);
  }
  pow(b: TensorLike): Tensor {
    return arithmetic("pow", this, b);
  }
  maximum(b: TensorLike): Tensor {
    return arithmetic("maximum", this, b);
  }
  minimum(b: TensorLike): Tensor {
    return arithmetic("minimum", this, b);
  }
  squaredDifference(b: TensorLike): Tensor {
    return arithmetic("squaredDifference", this, b);
  }
  atan2(b: TensorLike): Tensor {
    return arithmetic("atan2", this, b);
  }

  equal(b: TensorLike): Tensor {
    return comparison("equal", this, b);
  }
  notEqual(b: TensorLike): Tensor {
    return comparison("notEqual", this, b);
  }
  less(b: TensorLike): Tensor {
    return comparison("less", this, b);
  }
  lessEqual(b: TensorLike): Tensor {
    return comparison("lessEqual", this, b);
  }
  greater(b: TensorLike): Tensor {
    return comparison("greater", this, b);
  }
  greaterEqual(b: TensorLike): Tensor {
    return comparison("greaterEqual", this, b);
  }
  logicalAnd(b: TensorLike): Tensor {
    return comparison("logicalAnd", this, b);
  }
  logicalOr(b: TensorLike): Tensor {
    return comparison("logicalOr", this, b);
  }
  logicalXor(b: TensorLike): Tensor {
    return comparison("logicalXor", this, b);
  }
  logicalNot(): Tensor {
    return new Tensor(unary(this.nd, TESTS.logicalNot, "bool"));
  }
  isNaN(): Tensor {
    return new Tensor(unary(this.nd, TESTS.isNaN, "bool"));
  }
  isFinite(): Tensor {
    return new Tensor(unary(this.nd, TESTS.isFinite, "bool"));
  }
  isInf(): Tensor {
    return new Tensor(unary(this.nd, TESTS.isInf, "bool"));
  }
  /** This where the condition holds, else b. */
  where(condition: TensorLike, b: TensorLike): Tensor {
    return new Tensor(where(read("where()", condition, "bool"), this.nd, read("where()", b)));
  }

  abs(): Tensor {
    return new Tensor(unary(this.nd, KEEPING.abs));
  }
  neg(): Tensor {
    return new Tensor(unary(this.nd, KEEPING.neg));
  }
  square(): Tensor {
    return new Tensor(unary(this.nd, KEEPING.square));
  }
  sign(): Tensor {
    return new Tensor(unary(this.nd, KEEPING.sign));
  }
  floor(): Tensor {
    return new Tensor(unary(this.nd, KEEPING.floor));
  }
  ceil(): Tensor {
    return new Tensor(unary(this.nd, KEEPING.ceil));
  }
  round(): Tensor {
    return new Tensor(unary(this.nd, KEEPING.round));
  }
  relu(): Tensor {
    return new Tensor(unary(this.nd, KEEPING.relu));
  }
  sqrt(): Tensor {
    return floats("sqrt", this);
  }
  rsqrt(): Tensor {
    return floats("rsqrt", this);
  }
  reciprocal(): Tensor {
    return floats("reciprocal", this);
  }
  exp(): Tensor {
    return floats("exp", this);
  }
  expm1(): Tensor {
    return floats("expm1", this);
  }
  log(): Tensor {
    return floats("log", this);
  }
  log1p(): Tensor {
    return floats("log1p", this);
  }
  sin(): Tensor {
    return floats("sin", this);
  }
  cos(): Tensor {
    return floats("cos", this);
  }
  tan(): Tensor {
    return floats("tan", this);
  }
  asin(): Tensor {
    return floats("asin", this);
  }
  acos(): Tensor {
    return floats("acos", this);
  }
  atan(): Tensor {
    return floats("atan", this);
  }
  sinh(): Tensor {
    return floats("sinh", this);
  }
  cosh(): Tensor {
    return floats("cosh", this);
  }
  tanh(): Tensor {
    return floats("tanh", this);
  }
  sigmoid(): Tensor {
    return floats("sigmoid", this);
  }
  softplus(): Tensor {
    return floats("softplus", this);
  }
  elu(): Tensor {
    return floats("elu", this);
  }
  leakyRelu(alpha = 0.2): Tensor {
    return new Tensor(unary(this.nd, (x) => (x >= 0 ? x : alpha * x), "float32"));
  }
  /** Numbers below `min` become `min`, above `max` `max`. */
  clipByValue(min: number, max: number): Tensor {
    return new Tensor(unary(this.nd, (x) => Math.max(min, Math.min(max, x))));
  }
  /** Along the last axis. */
  softmax(dim = -1): Tensor {
    if (checkAxis("softmax()", dim, this.rank) !== this.rank - 1)
      throw new InputError(`softmax(): only the last axis; got dim ${dim}. Transpose the tensor.`);
    return new Tensor(softmax(this.nd));
  }

  sum(axis?: Axis, keepDims = false): Tensor {
    return this.#reduce("sum", axis, keepDims);
  }
  mean(axis?: Axis, keepDims = false): Tensor {
    return this.#reduce("mean", axis, keepDims);
  }
  prod(axis?: Axis, keepDims = false): Tensor {
    return this.#reduce("prod", axis, keepDims);
  }
  min(axis?: Axis, keepDims = false): Tensor {
    return this.#reduce("min", axis, keepDims);
  }
  max(axis?: Axis, keepDims = false): Tensor {
    return this.#reduce("max", axis, keepDims);
  }
  any(axis?: Axis, keepDims = false): Tensor {
    return this.#reduce("any", axis, keepDims);
  }
  all(axis?: Axis, keepDims = false): Tensor {
    return this.#reduce("all", axis, keepDims);
  }
  logSumExp(axis?: Axis, keepDims = false): Tensor {
    return this.#reduce("logSumExp", axis, keepDims);
  }
  /** The Euclidean norm, the only one here. */
  norm(order: "euclidean" | 2 = "euclidean", axis?: Axis, keepDims = false): Tensor {
    if (order !== "euclidean" && order !== 2)
      throw new InputError(`norm(): only the Euclidean norm; got ${JSON.stringify(order)}. Use abs() with sum() or max().`);
    return this.#reduce("euclidean", axis, keepDims);
  }
  /** Where the largest number is, the first of equals. */
  argMax(axis = 0): Tensor {
    return this.#reduce("argMax", axis, false);
  }
  argMin(axis = 0): Tensor {
    return this.#reduce("argMin", axis, false);
  }
  /** Mean and variance, the sum of squares divided by the count. */
  moments(axis?: Axis, keepDims = false): { mean: Tensor; variance: Tensor } {
    return { mean: this.#reduce("mean", axis, keepDims), variance: this.#reduce("variance", axis, keepDims) };
  }
  cumsum(axis = 0): Tensor {
    return new Tensor(cumsum(this.nd, axis));
  }

  #reduce(name: string, axis: Axis, keepDims: boolean): Tensor {
    const [of, dtypeOf] = REDUCTIONS[name];
    return new Tensor(reduce(`${name}()`, this.nd, axis, keepDims, dtypeOf(this.dtype), of));
  }

  matMul(b: TensorLike, transposeA = false, transposeB = false): Tensor {
    const turned = (array: NdArray, turn: boolean) =>
      turn ? layout.transpose(array, [...array.shape.keys()].slice(0, -2).concat(array.shape.length - 1, array.shape.length - 2)) : array;
    return new Tensor(matMul(turned(this.nd, transposeA), turned(read("matMul()", b), transposeB)));
  }
  /** The product of vectors and matrices. */
  dot(b: TensorLike): Tensor {
    const other = read("dot()", b),
      left = this.rank === 1 ? this.reshape([1, -1]) : this,
      right = other.shape.length === 1 ? layout.reshape(other, [-1, 1]) : other;
    return new Tensor(
      layout.reshape(matMul(left.nd, right), [
        ...(this.rank === 1 ? [] : this.shape.slice(0, 1)),
        ...(other.shape.length === 1 ? [] : other.shape.slice(1)),
      ]),
    );
  }

  reshape(shape: readonly number[]): Tensor {
    return new Tensor(layout.reshape(this.nd, shape));
  }
  reshapeAs(other: Tensor): Tensor {
    return this.reshape(other.shape);
  }
  flatten(): Tensor {
    return this.reshape([-1]);
  }
  as1D(): Tensor {
    return this.reshape([-1]);
  }
  as2D(rows: number, columns: number): Tensor {
    return this.reshape([rows, columns]);
  }
  as3D(a: number, b: number, c: number): Tensor {
    return this.reshape([a, b, c]);
  }
  as4D(a: number, b: number, c: number, d: number): Tensor {
    return this.reshape([a, b, c, d]);
  }
  asScalar(): Tensor {
    return this.reshape([]);
  }
  asType(dtype: TensorDataType): Tensor {
    return this.cast(dtype);
  }
  expandDims(axis = 0): Tensor {
    return new Tensor(layout.expandDims(this.nd, axis));
  }
  squeeze(axes?: readonly number[]): Tensor {
    return new Tensor(layout.squeeze(this.nd, axes));
  }
  transpose(perm?: readonly number[]): Tensor {
    return new Tensor(layout.transpose(this.nd, perm));
  }
  slice(begin: number | readonly number[], size?: number | readonly number[]): Tensor {
    return new Tensor(layout.slice(this.nd, begin, size));
  }
  concat(others: Tensor | readonly Tensor[], axis = 0): Tensor {
    return new Tensor(
      layout.concat(
        [this, ...(others instanceof Tensor ? [others] : others)].map(({ nd }) => nd),
        axis,
      ),
    );
  }
  stack(other: Tensor, axis = 0): Tensor {
    return new Tensor(layout.stack([this.nd, other.nd], axis));
  }
  unstack(axis = 0): Tensor[] {
    const along = checkAxis("unstack()", axis, this.rank);
    return this.split(this.shape[along], along).map((part) => part.squeeze([along]));
  }
  /** Into so many equal parts, or parts of these sizes. */
  split(parts: number | readonly number[], axis = 0): Tensor[] {
    const along = checkAxis("split()", axis, this.rank),
      n = this.shape[along];
    const sizes = typeof parts === "number" ? Array.from({ length: parts }, () => n / parts) : parts;
    let at = 0;
    return sizes.map((size) => {
      const begin = this.shape.map((_, i) => (i === along ? at : 0));
      at += size;
      return this.slice(begin, this.shape.with(along, size));
    });
  }
  gather(indices: TensorLike, axis = 0): Tensor {
    return new Tensor(layout.gather(this.nd, read("gather()", indices, "int32"), axis));
  }
  tile(reps: readonly number[]): Tensor {
    return new Tensor(layout.tile(this.nd, reps));
  }
  reverse(axis?: number | readonly number[]): Tensor {
    return new Tensor(layout.reverse(this.nd, axis));
  }
  broadcastTo(shape: readonly number[]): Tensor {
    return new Tensor(pick(this.nd, broadcastShape("broadcastTo()", this.shape, shape), broadcastPositions(this.nd, shape)));
  }
  topk(k = 1): { values: Tensor; indices: Tensor } {
    const { values, indices } = layout.topk(this.nd, k);
    return { values: new Tensor(values), indices: new Tensor(indices) };
  }
  cast(dtype: TensorDataType): Tensor {
    return new Tensor(cast(this.nd, checkDtype("cast()", dtype)));
  }
  toFloat(): Tensor {
    return this.cast("float32");
  }
  toInt(): Tensor {
    return this.cast("int32");
  }
  toBool(): Tensor {
    return this.cast("bool");
  }
}

/** Numbers that may be changed until toTensor() copies them. */
export class TensorBuffer {
  readonly values: NdNumbers;

  constructor(
    readonly shape: number[],
    readonly dtype: TensorDataType,
    values: NdNumbers,
  ) {
    this.values = values;
  }

  get size(): number {
    return this.values.length;
  }
  get rank(): number {
    return this.shape.length;
  }
  set(value: number, ...index: number[]): void {
    this.values[this.#at(index)] = value;
  }
  get(...index: number[]): number {
    return this.values[this.#at(index)];
  }
  toTensor(): Tensor {
    return new Tensor({ dtype: this.dtype, shape: this.shape, data: this.values.slice() });
  }

  #at(index: readonly number[]): number {
    if (index.length !== this.shape.length || index.some((i, axis) => !(i >= 0 && i < this.shape[axis]))) {
      throw new InputError(`buffer: index [${index.join(", ")}] is outside of shape [${this.shape.join(", ")}].`);
    }
    return index.reduce((at, i, axis) => at * this.shape[axis] + i, 0);
  }
}

export type Scalar = Tensor;
export type Tensor1D = Tensor;
export type Tensor2D = Tensor;
export type Tensor3D = Tensor;
export type Tensor4D = Tensor;
