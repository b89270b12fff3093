/**
 * The methods of Tensor as functions, under the names of TensorFlow.js: `tf.add(a, b)` is `a.add(b)` for tensors, numbers and arrays.
 * @module
 */

import { read, Tensor, type TensorLike } from "./tensor.ts";
import * as layout from "./layout.ts";
import type { TensorDataType } from "./nd-array.ts";
import type { Axis } from "./reductions.ts";

const as = (name: string, value: TensorLike): Tensor => (value instanceof Tensor ? value : new Tensor(read(`${name}()`, value)));

type OfOne = { [K in keyof Tensor]: Tensor[K] extends () => Tensor ? K : never }[keyof Tensor];
type OfTwo = { [K in keyof Tensor]: Tensor[K] extends (b: TensorLike) => Tensor ? K : never }[keyof Tensor];
const one =
  (name: OfOne) =>
  (x: TensorLike): Tensor =>
    as(name, x)[name]();
const two =
  (name: OfTwo) =>
  (a: TensorLike, b: TensorLike): Tensor =>
    as(name, a)[name](b);
type OfAxis = "sum" | "mean" | "prod" | "min" | "max" | "any" | "all" | "logSumExp";
const over =
  (name: OfAxis) =>
  (x: TensorLike, axis?: Axis, keepDims = false): Tensor =>
    as(name, x)[name](axis, keepDims);

export const add = two("add"),
  sub = two("sub"),
  mul = two("mul"),
  div = two("div"),
  divNoNan = two("divNoNan"),
  floorDiv = two("floorDiv");
export const mod = two("mod"),
  pow = two("pow"),
  maximum = two("maximum"),
  minimum = two("minimum"),
  squaredDifference = two("squaredDifference"),
  atan2 = two("atan2");
export const equal = two("equal"),
  notEqual = two("notEqual"),
  less = two("less"),
  lessEqual = two("lessEqual"),
  greater = two("greater");
export const greaterEqual = two("greaterEqual"),
  logicalAnd = two("logicalAnd"),
  logicalOr = two("logicalOr"),
  logicalXor = two("logicalXor"),
  dot = two("dot");
export const abs = one("abs"),
  neg = one("neg"),
  square = one("square"),
  sign = one("sign"),
  floor = one("floor"),
  ceil = one("ceil"),
  round = one("round");
export const sqrt = one("sqrt"),
  rsqrt = one("rsqrt"),
  reciprocal = one("reciprocal"),
  exp = one("exp"),
  expm1 = one("expm1"),
  log = one("log"),
  log1p = one("log1p");
export const sin = one("sin"),
  cos = one("cos"),
  tan = one("tan"),
  asin = one("asin"),
  acos = one("acos"),
  atan = one("atan");
export const sinh = one("sinh"),
  cosh = one("cosh"),
  tanh = one("tanh"),
  sigmoid = one("sigmoid"),
  softplus = one("softplus"),
  relu = one("relu"),
  elu = one("elu");
export const isNaN = one("isNaN"),
  isFinite = one("isFinite"),
  isInf = one("isInf"),
  logicalNot = one("logicalNot"),
  clone = one("clone");
export const sum = over("sum"),
  mean = over("mean"),
  prod = over("prod"),
  min = over("min"),
  max = over("max"),
  any = over("any"),
  all = over("all");
export const logSumExp = over("logSumExp");

/** The sum of all tensors. */
export const addN = (tensors: readonly TensorLike[]): Tensor =>
  tensors.slice(1).reduce<Tensor>((total, x) => total.add(x), as("addN", tensors[0]));
export const leakyRelu = (x: TensorLike, alpha = 0.2): Tensor => as("leakyRelu", x).leakyRelu(alpha);
export const clipByValue = (x: TensorLike, low: number, high: number): Tensor => as("clipByValue", x).clipByValue(low, high);
export const softmax = (x: TensorLike, dim = -1): Tensor => as("softmax", x).softmax(dim);
export const norm = (x: TensorLike, order: "euclidean" | 2 = "euclidean", axis?: Axis, keepDims = false): Tensor =>
  as("norm", x).norm(order, axis, keepDims);
export const argMax = (x: TensorLike, axis = 0): Tensor => as("argMax", x).argMax(axis);
export const argMin = (x: TensorLike, axis = 0): Tensor => as("argMin", x).argMin(axis);
export const moments = (x: TensorLike, axis?: Axis, keepDims = false): { mean: Tensor; variance: Tensor } =>
  as("moments", x).moments(axis, keepDims);
export const cumsum = (x: TensorLike, axis = 0): Tensor => as("cumsum", x).cumsum(axis);
export const topk = (x: TensorLike, k = 1): { values: Tensor; indices: Tensor } => as("topk", x).topk(k);
export const matMul = (a: TensorLike, b: TensorLike, transposeA = false, transposeB = false): Tensor =>
  as("matMul", a).matMul(b, transposeA, transposeB);
/** a where the condition holds, else b. */
export const where = (condition: TensorLike, a: TensorLike, b: TensorLike): Tensor => as("where", a).where(condition, b);

export const cast = (x: TensorLike, dtype: TensorDataType): Tensor => as("cast", x).cast(dtype);
export const reshape = (x: TensorLike, shape: readonly number[]): Tensor => as("reshape", x).reshape(shape);
export const expandDims = (x: TensorLike, axis = 0): Tensor => as("expandDims", x).expandDims(axis);
export const squeeze = (x: TensorLike, axes?: readonly number[]): Tensor => as("squeeze", x).squeeze(axes);
export const transpose = (x: TensorLike, perm?: readonly number[]): Tensor => as("transpose", x).transpose(perm);
export const slice = (x: TensorLike, begin: number | readonly number[], size?: number | readonly number[]): Tensor =>
  as("slice", x).slice(begin, size);
export const slice1d = (x: TensorLike, begin: number, size: number): Tensor => slice(x, [begin], [size]);
export const slice2d = slice,
  slice3d = slice,
  slice4d = slice;
export const split = (x: TensorLike, parts: number | readonly number[], axis = 0): Tensor[] => as("split", x).split(parts, axis);
export const unstack = (x: TensorLike, axis = 0): Tensor[] => as("unstack", x).unstack(axis);
export const gather = (x: TensorLike, indices: TensorLike, axis = 0): Tensor => as("gather", x).gather(indices, axis);
export const tile = (x: TensorLike, reps: readonly number[]): Tensor => as("tile", x).tile(reps);
export const reverse = (x: TensorLike, axis?: number | readonly number[]): Tensor => as("reverse", x).reverse(axis);
export const broadcastTo = (x: TensorLike, shape: readonly number[]): Tensor => as("broadcastTo", x).broadcastTo(shape);
export const concat = (tensors: readonly TensorLike[], axis = 0): Tensor =>
  new Tensor(
    layout.concat(
      tensors.map((x) => read("concat()", x)),
      axis,
    ),
  );
export const concat1d = (tensors: readonly TensorLike[]): Tensor => concat(tensors, 0);
export const concat2d = concat,
  concat3d = concat,
  concat4d = concat;
export const stack = (tensors: readonly TensorLike[], axis = 0): Tensor =>
  new Tensor(
    layout.stack(
      tensors.map((x) => read("stack()", x)),
      axis,
    ),
  );
/** Rows with `onValue` where the index says and `offValue` elsewhere. @throws InputError unless depth is a whole number ≥ 1 */
export const oneHot = (indices: TensorLike, depth: number, onValue = 1, offValue = 0, dtype: TensorDataType = "int32"): Tensor =>
  new Tensor(layout.oneHot(read("oneHot()", indices, "int32"), depth, onValue, offValue, dtype));
/** Counts of predictions by class, (classes, classes): rows are the labels. */
function confusion(labels: TensorLike, predictions: TensorLike, classes: number): Tensor {
  const rows = read("confusionMatrix()", labels, "int32").data,
    columns = read("confusionMatrix()", predictions, "int32").data;
  const counts = new Int32Array(classes * classes);
  rows.forEach((label, i) => counts[label * classes + columns[i]]++);
  return new Tensor({ dtype: "int32", shape: [classes, classes], data: counts });
}
/** `tf.math.confusionMatrix`. */
export const math = { confusionMatrix: confusion } as const;
