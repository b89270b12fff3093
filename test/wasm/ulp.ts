// How far functions of one number are from float64, in ULP of the right answer, over float32 numbers by their bits.

import { setFlagsFromString } from "node:v8";
import { activate } from "../../src/reference/activations.ts";
import {
  allBits,
  assemble,
  f32x4,
  floats,
  FunctionWriter,
  get,
  hasRelaxedMadd,
  I32,
  i32,
  i32x4,
  increase,
  bits,
  loopWhile,
  set,
  v128,
  type Code,
} from "../../src/wasm/assembler.ts";
import { VectorFunctions } from "../../src/wasm/functions.ts";
import { UNCOMMON } from "../../src/wasm/uncommon-writers.ts";
import { expm1 } from "../../src/wasm/uncommon-functions.ts";

interface Measured {
  readonly code: (math: VectorFunctions, x: Code) => Code;
  readonly right: (x: number) => number;
  /** Where the function is used. */
  readonly isIn?: (x: number) => boolean;
  /**
   * At least the largest error, with multiply-adds rounded once and twice. That of geluTanh is the rounding of 2u, which is −76 where the
   * result is about to vanish.
   */
  readonly most: readonly [once: number, twice: number];
}

const logOnePlusExp = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

export const FUNCTIONS: Readonly<Record<string, Measured>> = {
  exp: { code: (math, x) => math.exp(x), right: Math.exp, most: [1.05, 1.05] },
  log: { code: (math, x) => math.log(x), right: Math.log, most: [0.85, 0.85] },
  "log(1 + x), 0 ≤ x ≤ 1": { code: (math, x) => math.log1p(x), right: Math.log1p, isIn: (x) => x >= 0 && x <= 1, most: [2.5, 2.5] },
  "exp(x) − 1, x ≤ 0": { code: (math, x) => expm1(math, x), right: Math.expm1, isIn: (x) => x <= 0, most: [1.25, 1.25] },
  tanh: { code: (math, x) => math.tanh(x), right: Math.tanh, most: [1.4, 1.4] },
  sigmoid: { code: (math, x) => math.sigmoid(x), right: sigmoid, most: [2.5, 2.5] },
  softplus: { code: (math, x) => math.activate("softplus", x), right: logOnePlusExp, most: [2.6, 2.6] },
  gelu: { code: (math, x) => math.activate("gelu", x), right: (x) => activate("gelu", x), most: [7, 7] },
  geluTanh: { code: (math, x) => math.activate("geluTanh", x), right: (x) => activate("geluTanh", x), most: [180, 180] },
  swish: { code: (math, x) => math.activate("swish", x), right: (x) => x * sigmoid(x), most: [3, 3] },
  relu: { code: (math, x) => math.activate("relu", x), right: (x) => Math.max(x, 0), most: [0, 0] },
  // Half an ULP of the product, and a quarter since 0.2 is no float32.
  leakyRelu: { code: (math, x) => math.activate("leakyRelu", x), right: (x) => activate("leakyRelu", x), most: [0.75, 0.75] },
  elu: { code: (math, x) => math.activate("elu", x), right: (x) => activate("elu", x), most: [1.25, 1.25] },
  "softplus′ from a ≥ 0": {
    code: (math, a) => math.derivative("softplus", a),
    right: (a) => -Math.expm1(-a),
    isIn: (a) => a >= 0,
    most: [1.25, 1.25],
  },
};

const COUNT = 1 << 20,
  LEAST_NORMAL = 2 ** -126;

/** ULP of numbers by the exponent field of their float32. */
const PER_ULP = Float64Array.from({ length: 256 }, (_, field) => 2 ** (150 - Math.max(field, 1)));

/** Node 20 has relaxed SIMD behind a flag; newer versions do not know the flag. */
export function allowRelaxedMadd(): void {
  if (!hasRelaxedMadd()) setFlagsFromString("--experimental-wasm-relaxed-simd");
}

export interface Runner {
  /** Computes the function of `COUNT` numbers, the first of these bits, the next `stride` further on. */
  readonly run: (first: number, stride: number) => void;
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** Lanes of ones where all results were the first one; x; x/2; not a number. */
  readonly alike: Uint32Array;
}

const ALIKE = 4;

export async function runnerOf(code: Measured["code"], fused = hasRelaxedMadd()): Promise<Runner> {
  const writer = new FunctionWriter([I32, I32], "run"),
    [first, stride] = [writer.parameter(0), writer.parameter(1)];
  const at = writer.integer(),
    word = writer.vector(),
    step = writer.vector(),
    y = writer.vector();
  const alike = Array.from({ length: ALIKE }, () => writer.vector()),
    after = 8 * COUNT;
  const times = (count: number): Code => i32x4.splat(i32.mul(get(stride), i32.const(count)));
  const isAlike = [
    f32x4.eq(get(y), v128.loadSplat(i32.const(0), 4 * COUNT)),
    f32x4.eq(get(y), get(word)),
    f32x4.eq(get(y), f32x4.mul(get(word), floats(0.5))),
    f32x4.ne(get(y), get(y)),
  ];
  writer.body = [
    set(at, i32.const(0)),
    set(step, times(4)),
    alike.map((flag) => set(flag, allBits(0xffffffff))),
    // first + stride·(0, 1, 2, 3)
    set(
      word,
      i32x4.add(
        i32x4.splat(get(first)),
        v128.choose(
          times(1),
          v128.choose(times(2), v128.and(times(3), bits(0, 0, 0, 0xffffffff)), bits(0, 0, 0xffffffff, 0)),
          bits(0, 0xffffffff, 0, 0),
        ),
      ),
    ),
    loopWhile(i32.ltU(get(at), i32.const(4 * COUNT)), [
      set(y, code(new VectorFunctions(writer, fused, UNCOMMON.functions), get(word))),
      v128.store(get(at), get(word)),
      v128.store(get(at), get(y), 4 * COUNT),
      alike.map((flag, i) => set(flag, v128.and(get(flag), isAlike[i]))),
      set(word, i32x4.add(get(word), get(step))),
      increase(at, 16),
    ]),
    alike.map((flag, i) => v128.store(i32.const(after), get(flag), 16 * i)),
  ];
  const memory = new WebAssembly.Memory({ initial: (8 * COUNT) / 65536 + 1 });
  const { instance } = await WebAssembly.instantiate(assemble([writer], false), { env: { memory } });
  const [x, results] = [0, 4 * COUNT].map((offset) => new Float32Array(memory.buffer, offset, COUNT));
  return { run: instance.exports.run as Runner["run"], x, y: results, alike: new Uint32Array(memory.buffer, after, 4 * ALIKE) };
}

const one = new Float32Array(1),
  word = new Uint32Array(one.buffer);

/** Infinite where one is not a number or infinite and the other is not. A result below the smallest normal number may be 0. */
export function ulps(found: number, right: number, x: number): number {
  if (found === right || (found !== found && right !== right)) return 0;
  one[0] = Math.abs(right);
  // Rounded to infinity, and so is the result.
  if (word[0] === 0x7f800000) return Math.abs(found) === Infinity && found > 0 === right > 0 ? 0 : Infinity;
  const error = Math.abs(found - right);
  // What is taken for 0 within may be multiplied by x afterwards.
  if (error <= LEAST_NORMAL * Math.max(1, Math.abs(x))) return 0;
  return error * PER_ULP[word[0] >>> 23] || Infinity;
}

export interface Most {
  readonly ulps: number;
  readonly x: number;
}

/** The largest error, with multiply-adds rounded once and twice, over every `stride`-th of all float32 numbers, beginning with 0. */
export async function largestErrors({ code, right, isIn = () => true }: Measured, stride: number): Promise<[once: Most, twice: Most]> {
  const runners = [await runnerOf(code, true), await runnerOf(code, false)],
    [a, b] = runners,
    { x } = a,
    most = [0, 0],
    where = [NaN, NaN];
  const look = (i: number): void => {
    const value = x[i];
    if (value === value && !isIn(value)) return;
    const answer = value === value ? right(value) : NaN,
      once = ulps(a.y[i], answer, value),
      twice = ulps(b.y[i], answer, value);
    if (!(once <= most[0])) [most[0], where[0]] = [once, value];
    if (!(twice <= most[1])) [most[1], where[1]] = [twice, value];
  };
  for (let first = 0; first < 2 ** 32; first += stride * COUNT) {
    for (const { run } of runners) run(first | 0, stride);
    const count = Math.min(COUNT, Math.ceil((2 ** 32 - first) / stride));
    if (stride === 1 && runners.every(isSimple)) [0, count - 1].forEach(look);
    else for (let i = 0; i < count; i++) look(i);
  }
  return [
    { ulps: most[0], x: where[0] },
    { ulps: most[1], x: where[1] },
  ];
}

/**
 * Whether the results of neighbouring numbers are all the same, or all x, or all x/2: the error is then largest at one of the ends, since the
 * functions, and what x and x/2 differ from them by, rise or fall throughout.
 */
const isSimple = ({ alike }: Runner): boolean =>
  Array.from({ length: ALIKE }, (_, i) => alike.subarray(4 * i, 4 * i + 4)).some((lanes) => lanes.every((lane) => lane === 0xffffffff));
