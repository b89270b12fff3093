// exp, log, tanh and the activation functions that most networks have on vectors of four float32 numbers, and their derivatives.
// Each is written so that no digits cancel: near 0 by a series, in the tails by e^x. Not-a-number goes through all of them.
// Polynomials: Moshier, Cephes (single precision).

import type { ElementwiseActivation } from "../model/activations.ts";
import { allBits, f32x4, floats, get, i32x4, set, v128, type Code, type FunctionWriter, type Local } from "./assembler.ts";

const { add, sub, mul, div } = f32x4;
const ONE = floats(1),
  ZERO = floats(0),
  SIGN = allBits(0x80000000);

const EXP_SERIES = [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1];
const LOG_SERIES = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
  3.3333331174e-1,
];
const TANH_SERIES = [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1];
/** ln 2 as the sum of a number with few bits and a small one. */
const LN2_HIGH = 0.693359375,
  LN2_LOW = -2.1219444e-4;
/** e^x is above the largest float32 beyond the first, the last number where it is not, and below the smallest normal one under the second. */
const EXP_MOST = 88.72283172607422,
  EXP_LEAST = -87.3365;

/** Activations that few networks have (uncommon-functions.ts). */
export interface UncommonFunctions {
  activate(math: VectorFunctions, name: ElementwiseActivation, value: Code): Code;
  derivative(math: VectorFunctions, name: ElementwiseActivation, source: Code): Code;
}

/** Writes them into one function. `madd` rounds once where the engine has relaxed SIMD, else twice. */
export class VectorFunctions {
  constructor(
    readonly writer: FunctionWriter,
    readonly fused: boolean,
    readonly uncommon: UncommonFunctions | null = null,
  ) {}

  readonly madd = (a: Code, b: Code, c: Code): Code => (this.fused ? f32x4.relaxedMadd(a, b, c) : add(mul(a, b), c));

  local(name: string): Local {
    return this.writer.scratch(name);
  }

  /** By Horner's rule, the highest power first. */
  series(coefficients: readonly number[], x: Local): Code {
    return coefficients.slice(1).reduce<Code>((sum, coefficient) => this.madd(sum, get(x), floats(coefficient)), floats(coefficients[0]));
  }

  /** e^x; 0 below −87.33, infinity above 88.72. @param rest a small number that x is less than the exponent by rounding */
  exp(value: Code, rest?: Local): Code {
    const x = this.local("exp x"),
      n = this.local("exp n"),
      r = this.local("exp r");
    const fraction = add(this.madd(this.series(EXP_SERIES, r), mul(get(r), get(r)), get(r)), ONE);
    return [
      set(x, value),
      set(n, f32x4.nearest(mul(rest ? add(get(x), get(rest)) : get(x), floats(Math.LOG2E)))),
      set(r, this.madd(get(n), floats(-LN2_LOW), this.madd(get(n), floats(-LN2_HIGH), get(x)))),
      rest ? set(r, add(get(r), get(rest))) : [],
      // 2ⁿ enters through the exponent's bits.
      set(r, i32x4.add(fraction, i32x4.shl(f32x4.toI32(get(n)), 23))),
      set(r, v128.choose(floats(Infinity), get(r), f32x4.gt(get(x), floats(EXP_MOST)))),
      v128.andNot(get(r), f32x4.lt(get(x), floats(EXP_LEAST))),
    ];
  }

  /** ln x; −infinity at 0, not a number below. */
  log(value: Code): Code {
    const x = this.local("log x"),
      m = this.local("log m"),
      e = this.local("log e"),
      low = this.local("log low"),
      p = this.local("log p");
    return [
      set(x, value),
      // Subnormal numbers are brought into the range of normal ones.
      set(low, f32x4.lt(get(x), floats(2 ** -126))),
      set(m, v128.choose(mul(get(x), floats(2 ** 23)), get(x), get(low))),
      set(e, v128.and(get(low), floats(-23))),
      set(p, i32x4.sub(i32x4.shrU(get(m), 23), allBits(126))),
      set(m, v128.or(v128.and(get(m), allBits(0x7fffff)), allBits(0x3f000000))),
      set(low, f32x4.lt(get(m), floats(Math.SQRT1_2))),
      set(e, add(get(e), f32x4.fromI32(i32x4.add(get(p), get(low))))),
      set(m, sub(add(get(m), v128.and(get(m), get(low))), ONE)),
      set(p, mul(mul(this.series(LOG_SERIES, m), get(m)), mul(get(m), get(m)))),
      set(p, this.madd(mul(get(m), get(m)), floats(-0.5), this.madd(get(e), floats(LN2_LOW), get(p)))),
      set(p, this.madd(get(e), floats(LN2_HIGH), add(get(m), get(p)))),
      set(p, v128.choose(get(p), get(x), v128.and(f32x4.gt(get(x), ZERO), f32x4.lt(get(x), floats(Infinity))))),
      set(p, v128.choose(floats(-Infinity), get(p), f32x4.eq(get(x), ZERO))),
      v128.or(get(p), f32x4.lt(get(x), ZERO)),
    ];
  }

  /** ln(1 + e) for e ≥ 0: what 1 + e rounded away is given back as a factor (Kahan). */
  log1p(value: Code): Code {
    const e = this.local("log1p e"),
      u = this.local("log1p u"),
      d = this.local("log1p d");
    return [
      set(e, value),
      set(u, add(get(e), ONE)),
      set(d, sub(get(u), ONE)),
      set(u, mul(this.log(get(u)), div(get(e), get(d)))),
      v128.choose(get(e), get(u), f32x4.eq(get(d), ZERO)),
    ];
  }

  tanh(value: Code): Code {
    const x = this.local("tanh x"),
      size = this.local("tanh size"),
      square = this.local("tanh square"),
      near = this.local("tanh near");
    const far = sub(ONE, div(floats(2), add(this.exp(add(get(size), get(size))), ONE)));
    return [
      set(x, value),
      set(size, f32x4.abs(get(x))),
      set(square, mul(get(x), get(x))),
      set(near, this.madd(mul(this.series(TANH_SERIES, square), get(square)), get(x), get(x))),
      v128.or(v128.choose(get(near), far, f32x4.lt(get(size), floats(0.625))), v128.and(get(x), SIGN)),
    ];
  }

  /** 1 / (1 + e^(−z)). */
  sigmoid(value: Code): Code {
    const z = this.local("sigmoid z"),
      e = this.local("sigmoid e");
    return [
      set(z, value),
      set(e, this.exp(v128.or(get(z), SIGN))),
      div(v128.choose(get(e), ONE, f32x4.lt(get(z), ZERO)), add(get(e), ONE)),
    ];
  }

  activate(name: ElementwiseActivation, value: Code): Code {
    switch (name) {
      case "linear":
        return value;
      case "sigmoid":
        return this.sigmoid(value);
      case "tanh":
        return this.tanh(value);
      // The first operand is taken where it is not a number.
      case "relu":
        return f32x4.pmax(value, ZERO);
      default:
        return this.#others.activate(this, name, value);
    }
  }

  /** σ′ from a = σ(z), of gelu, geluTanh and swish from z. */
  derivative(name: ElementwiseActivation, source: Code): Code {
    const s = this.local("derivative s");
    switch (name) {
      case "linear":
        return ONE;
      case "sigmoid":
        return [set(s, source), mul(get(s), sub(ONE, get(s)))];
      case "tanh":
        return [set(s, source), mul(sub(ONE, get(s)), add(ONE, get(s)))];
      case "relu":
        return v128.and(f32x4.gt(source, ZERO), ONE);
      default:
        return this.#others.derivative(this, name, source);
    }
  }

  get #others(): UncommonFunctions {
    if (!this.uncommon) throw new Error("wasm: uncommon activations were not loaded");
    return this.uncommon;
  }
}
