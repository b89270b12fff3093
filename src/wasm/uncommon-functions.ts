// Activation functions that few networks have on vectors of four float32 numbers, and their derivatives: see functions.ts.
// Polynomials of Φ are the kernels' own (model/normal-forms.ts).

import { GELU_CUBIC, GELU_SCALE, GELU_TANH_END, MILLS, MILLS_CENTRE, MILLS_END } from "../model/normal-forms.ts";
import { LEAKY_RELU_SLOPE, type ElementwiseActivation } from "../model/activations.ts";
import { allBits, f32x4, floats, get, set, v128, type Code, type Local } from "./assembler.ts";
import type { VectorFunctions } from "./functions.ts";

const { add, sub, mul, div } = f32x4;
const ONE = floats(1),
  ZERO = floats(0),
  SIGN = allBits(0x80000000);

const EXPM1_SERIES = [1 / 362880, 1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2];
const MILLS_SERIES = [...MILLS].reverse();

/** e^x − 1 for x ≤ 0. */
export function expm1(math: VectorFunctions, value: Code): Code {
  const x = math.local("expm1 x"),
    near = math.local("expm1 near");
  return [
    set(x, value),
    set(near, math.madd(math.series(EXPM1_SERIES, x), mul(get(x), get(x)), get(x))),
    v128.choose(get(near), sub(math.exp(get(x)), ONE), f32x4.gt(get(x), floats(-0.5))),
  ];
}

/** ln(1 + e^z). */
function softplus(math: VectorFunctions, value: Code): Code {
  const z = math.local("softplus z");
  return [set(z, value), add(f32x4.pmax(get(z), ZERO), math.log1p(math.exp(v128.or(get(z), SIGN))))];
}

/**
 * Φ(−|x|) less `slope`·|x|·φ(x): times e^(−t²/2), the square of t = |x| in two parts, the first of them exact.
 * @returns what sets the local, and for x ≥ 0 the rest to 1
 */
function normal(math: VectorFunctions, x: Local, slope: number): Code {
  const t = math.local("normal t"),
    head = math.local("normal head"),
    mills = math.local("normal mills"),
    inverse = math.local("normal inverse");
  const half = floats(-0.5),
    centre = floats(MILLS_CENTRE),
    w = head,
    rest = head;
  return [
    set(t, f32x4.pmin(f32x4.abs(get(x)), floats(MILLS_END))),
    set(inverse, div(ONE, add(get(t), centre))),
    set(w, mul(sub(get(t), centre), get(inverse))),
    set(mills, mul(math.series(MILLS_SERIES, w), get(inverse))),
    slope === 0 ? [] : set(mills, sub(get(mills), mul(get(t), floats(slope)))),
    set(head, v128.and(get(t), allBits(0xfffff000))),
    set(inverse, mul(mul(get(head), get(head)), half)),
    set(rest, mul(mul(sub(get(t), get(head)), add(get(t), get(head))), half)),
    set(mills, mul(math.exp(get(inverse), rest), get(mills))),
    v128.choose(get(mills), sub(ONE, get(mills)), f32x4.lt(get(x), ZERO)),
  ];
}

/** 2u of the tanh form of gelu, u = √(2/π)(z + 0.044715z³). */
const geluArgument = (math: VectorFunctions, z: Local): Code =>
  mul(get(z), math.madd(mul(get(z), get(z)), floats(2 * GELU_SCALE * GELU_CUBIC), floats(2 * GELU_SCALE)));

/** z no further than where sigmoid(2u) is 0 or 1: z³ overflows beyond. */
const cut = (z: Code): Code => f32x4.pmin(f32x4.pmax(z, floats(-GELU_TANH_END)), floats(GELU_TANH_END));

export function activate(math: VectorFunctions, name: ElementwiseActivation, value: Code): Code {
  const z = math.local("activate z"),
    t = math.local("activate t");
  switch (name) {
    case "leakyRelu":
      return [set(z, value), v128.choose(get(z), mul(get(z), floats(LEAKY_RELU_SLOPE)), f32x4.gt(get(z), ZERO))];
    case "elu":
      return [set(z, value), v128.choose(expm1(math, get(z)), get(z), f32x4.le(get(z), ZERO))];
    case "softplus":
      return softplus(math, value);
    case "gelu":
      return [set(z, value), mul(get(z), normal(math, z, 0))];
    case "geluTanh":
      return [set(z, value), set(t, cut(get(z))), mul(get(z), math.sigmoid(geluArgument(math, t)))];
    case "swish":
      return [set(z, value), mul(get(z), math.sigmoid(get(z)))];
    default:
      throw new Error(`wasm: ${name} is a common activation`);
  }
}

/** σ′ from a = σ(z), of gelu, geluTanh and swish from z. */
export function derivative(math: VectorFunctions, name: ElementwiseActivation, source: Code): Code {
  const s = math.local("derivative s"),
    p = math.local("derivative p");
  switch (name) {
    case "leakyRelu":
      return v128.choose(ONE, floats(LEAKY_RELU_SLOPE), f32x4.gt(source, ZERO));
    case "elu":
      return [set(s, source), v128.choose(ONE, add(get(s), ONE), f32x4.gt(get(s), ZERO))];
    case "softplus":
      return f32x4.neg(expm1(math, f32x4.neg(source)));
    // Φ(s) + s·φ(s)
    case "gelu":
      return [set(s, source), normal(math, s, 1 / Math.sqrt(2 * Math.PI))];
    case "geluTanh":
      return [
        set(s, cut(source)),
        set(p, mul(get(s), math.madd(mul(get(s), get(s)), floats(6 * GELU_SCALE * GELU_CUBIC), floats(2 * GELU_SCALE)))),
        mul(math.sigmoid(geluArgument(math, s)), math.madd(get(p), math.sigmoid(f32x4.neg(geluArgument(math, s))), ONE)),
      ];
    case "swish":
      return [set(s, source), set(p, math.sigmoid(get(s))), math.madd(mul(get(s), get(p)), math.sigmoid(f32x4.neg(get(s))), get(p))];
    default:
      throw new Error(`wasm: ${name} is a common activation`);
  }
}
