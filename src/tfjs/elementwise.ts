// Arithmetic, comparisons and functions of single numbers, with broadcasting. Sums and products are made in float64 and rounded once
// to the type of the result, which is the one that TensorFlow.js gives.

import { InputError } from "../index.ts";
import { allocate, positions, stridesOf, type TensorDataType, type NdArray } from "./nd-array.ts";

/** Shapes aligned at their last axis; sizes are equal, or one of them is 1. @throws InputError otherwise */
export function broadcastShape(where: string, a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i, axis = Math.max(a.length, b.length) - i) => {
    const m = a[a.length - axis] ?? 1,
      n = b[b.length - axis] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new InputError(
        `${where}: shapes [${a.join(", ")}] and [${b.join(", ")}] do not broadcast: sizes must be equal or 1, counted ` +
          `from ` +
          "the last axis. Reshape one of them.",
      );
    }
    return m === 1 ? n : m;
  });
}

/** Positions of the numbers of `array` when it is repeated to `shape`. */
export function broadcastPositions(array: Pick<NdArray, "shape">, shape: readonly number[]): Uint32Array {
  const strides = stridesOf(array.shape),
    missing = shape.length - array.shape.length;
  return positions(
    shape,
    shape.map((_, axis) => (axis < missing || array.shape[axis - missing] === 1 ? 0 : strides[axis - missing])),
  );
}

const RANK: Readonly<Record<TensorDataType, number>> = { bool: 0, int32: 1, float32: 2 };
/** The type that holds both. */
export const upcast = (a: TensorDataType, b: TensorDataType): TensorDataType => (RANK[a] > RANK[b] ? a : b);

type BinaryFunction = (a: number, b: number) => number;

export function binary(where: string, a: NdArray, b: NdArray, of: BinaryFunction, dtype = upcast(a.dtype, b.dtype)): NdArray {
  const shape = broadcastShape(where, a.shape, b.shape),
    same = a.shape.join() === b.shape.join();
  const atA = same ? null : broadcastPositions(a, shape),
    atB = same ? null : broadcastPositions(b, shape);
  const data = allocate(dtype, atA?.length ?? a.data.length);
  for (let i = 0; i < data.length; i++) data[i] = of(a.data[atA ? atA[i] : i], b.data[atB ? atB[i] : i]);
  return { dtype, shape, data };
}

const modulo: BinaryFunction = (a, b) => {
  const rest = a % b;
  return (a < 0 && b < 0) || (a >= 0 && b >= 0) ? rest : (rest + b) % b;
};

/** Of two numbers, in the type that holds both. */
export const ARITHMETIC = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  pow: (a, b) => a ** b,
  maximum: (a, b) => Math.max(a, b),
  minimum: (a, b) => Math.min(a, b),
  mod: modulo,
  squaredDifference: (a, b) => (a - b) ** 2,
  floorDiv: (a, b) => Math.floor(a / b),
  atan2: (a, b) => Math.atan2(a, b),
} satisfies Record<string, BinaryFunction>;

/** Of two numbers, in bool. */
export const COMPARISONS = {
  equal: (a, b) => Number(a === b),
  notEqual: (a, b) => Number(a !== b),
  less: (a, b) => Number(a < b),
  lessEqual: (a, b) => Number(a <= b),
  greater: (a, b) => Number(a > b),
  greaterEqual: (a, b) => Number(a >= b),
  logicalAnd: (a, b) => Number(a !== 0 && b !== 0),
  logicalOr: (a, b) => Number(a !== 0 || b !== 0),
  logicalXor: (a, b) => Number((a !== 0) !== (b !== 0)),
} satisfies Record<string, BinaryFunction>;

/** Division; of two int32 tensors it is rounded down, as in TensorFlow.js. */
export function divide(a: NdArray, b: NdArray): NdArray {
  if (a.dtype === "int32" && b.dtype === "int32") return binary("div()", a, b, ARITHMETIC.floorDiv);
  return binary("div()", a, b, (x, y) => x / y, "float32");
}

/** Half to even, as IEEE 754 rounds and TensorFlow.js does. */
function roundHalfEven(x: number): number {
  const down = Math.floor(x),
    rest = x - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

/** Of one number, in its own type. */
export const KEEPING = {
  abs: Math.abs,
  neg: (x: number) => -x,
  square: (x: number) => x * x,
  sign: (x: number) => (x > 0 ? 1 : x < 0 ? -1 : 0),
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  relu: (x: number) => (x > 0 ? x : 0),
} as const;

/** Of one number, in float32. */
export const IN_FLOATS = {
  sqrt: Math.sqrt,
  rsqrt: (x: number) => 1 / Math.sqrt(x),
  reciprocal: (x: number) => 1 / x,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  softplus: (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  elu: (x: number) => (x >= 0 ? x : Math.expm1(x)),
} as const;

/** Of one number, in bool. */
export const TESTS = {
  isNaN: (x: number) => Number(Number.isNaN(x)),
  isFinite: (x: number) => Number(Number.isFinite(x)),
  isInf: (x: number) => Number(Math.abs(x) === Infinity),
  logicalNot: (x: number) => Number(x === 0),
} as const;

export function unary(a: NdArray, of: (x: number) => number, dtype: TensorDataType = a.dtype): NdArray {
  const data = allocate(dtype, a.data.length);
  for (let i = 0; i < data.length; i++) data[i] = of(a.data[i]);
  return { dtype, shape: a.shape, data };
}

/** a where the condition holds, else b; all three broadcast. */
export function where(condition: NdArray, a: NdArray, b: NdArray): NdArray {
  const shape = broadcastShape("where()", broadcastShape("where()", condition.shape, a.shape), b.shape),
    dtype = upcast(a.dtype, b.dtype);
  const atC = broadcastPositions(condition, shape),
    atA = broadcastPositions(a, shape),
    atB = broadcastPositions(b, shape);
  const data = allocate(dtype, atC.length);
  for (let i = 0; i < data.length; i++) data[i] = condition.data[atC[i]] !== 0 ? a.data[atA[i]] : b.data[atB[i]];
  return { dtype, shape, data };
}
