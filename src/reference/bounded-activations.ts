// How far σ and σ′ of a float32 GPU may lie from the exact ones: see rounding.ts. The formulas assumed of the shader are
//   e = exp(−|z|)      sigmoid: z ≥ 0 ? 1/(1+e) : e/(1+e)      softplus: max(z,0) + ln(1+e)      swish: z·sigmoid(z)
//   tanh, 1 − e^(−u) and ln(1+x) in the forms of model/float32-forms.ts, so that no result near 0 loses its digits
//   gelu: z·Φ(z), Φ(−|z|) = e^(−z²/2)·mills      geluTanh: z·sigmoid(2u), u = √(2/π)(z + 0.044715z³)
// Nothing here gives values that are used: only the error of each result is.

import { LEAKY_RELU_SLOPE, type ElementwiseActivation } from "../model/activations.ts";
import { GELU_CUBIC, GELU_SCALE, GELU_TANH_END } from "../model/normal-forms.ts";
import { activate, millsRatio } from "./activations.ts";
import {
  logOnePlus,
  MILLS_ROUNDING,
  monotone,
  ONE_MINUS_EXP_ROUNDING,
  oneMinusExp,
  onePlus,
  roughPower,
  roughTanh,
  SHARE_ROUNDING,
  signsOf,
} from "./float32-forms.ts";
import {
  add,
  exact,
  exponential,
  largest,
  magnitude,
  multiply,
  negate,
  rounded,
  square,
  subtract,
  TINY,
  UNIT,
  type Rough,
} from "./rounding.ts";

const ONE = exact(1);

/**
 * How far 1/(1+e) and e/(1+e) move when e > 0 moves within its error: by δ/(1+e)² both, where dividing two rough numbers
 * would count the change twice. e is never negative, whatever its error, and a share lies between 0 and 1.
 */
function shareMoves({ value, error }: Rough): number {
  return Math.min(error / ((1 + value) * Math.max(1 + value - error, 1)), 1);
}

/** 1/(1+e) or e/(1+e), rounded twice. */
function share(numerator: "one" | "e", e: Rough): Rough {
  const value = (numerator === "one" ? 1 : e.value) / (1 + e.value);
  const moved = shareMoves(e);
  return { value, error: moved + SHARE_ROUNDING * (value + moved) + TINY };
}

export function roughSigmoid(z: Rough): Rough {
  const e = exponential(negate(magnitude(z)));
  const right = share("one", e),
    left = share("e", e);
  // Where z may have either sign the GPU may take either branch.
  if (Math.abs(z.value) <= z.error) return { value: right.value, error: Math.max(right.error, left.error) };
  return z.value > 0 ? right : left;
}

/** k₁ + k·z², from √(2/π)·z·(1 + 0.044715·z²) and its derivative: `cubed` is 1 or 3. */
const geluFactor = (z: Rough, cubed: number): Rough =>
  add(rounded(2 * GELU_SCALE), multiply(rounded(2 * cubed * GELU_SCALE * GELU_CUBIC), square(z)));

/** Where sigmoid(2u) has reached 0 or 1 the shader goes no further. */
const cutAt = ({ value, error }: Rough, end: number): Rough => ({ value: Math.min(Math.max(value, -end), end), error });

function roughGeluTanh(z: Rough): Rough {
  const t = cutAt(z, GELU_TANH_END);
  return multiply(z, roughSigmoid(multiply(t, geluFactor(t, 1))));
}

function roughGeluTanhDerivative(z: Rough): Rough {
  const t = cutAt(z, GELU_TANH_END),
    u = multiply(t, geluFactor(t, 1));
  return multiply(roughSigmoid(u), onePlus(multiply(multiply(roughSigmoid(negate(u)), t), geluFactor(t, 3))));
}

/** Φ(−t)·e^(t²/2), t ≥ 0 exact. */
function roughMills(t: number): Rough {
  const value = millsRatio(t) / Math.sqrt(2 * Math.PI);
  return { value, error: MILLS_ROUNDING * value };
}

/** z·Φ(z), z exact. */
function roughGelu(z: number): Rough {
  const t = Math.abs(z),
    tail = multiply(roughPower(t), roughMills(t));
  return multiply(exact(z), z < 0 ? tail : subtract(ONE, tail));
}

/** Φ(z) + z·φ(z) = e^(−t²/2)·(mills − t/√(2π)) or 1 less that, z exact. */
function roughGeluDerivative(z: number): Rough {
  const t = Math.abs(z);
  const below = multiply(roughPower(t), subtract(roughMills(t), multiply(rounded(1 / Math.sqrt(2 * Math.PI)), exact(t))));
  return z < 0 ? below : subtract(ONE, below);
}

function roughSwishDerivative(z: Rough): Rough {
  return multiply(roughSigmoid(z), onePlus(multiply(z, roughSigmoid(negate(z)))));
}

/** `slope`: the most that the function rises or falls by, a little more than that, so that what its rounding changes is in it. */
const moving = (z: Rough, slope: number, at: Rough): number => at.error + slope * z.error;

/** A function that is linear on either side of 0 and does not jump there: `below` is its slope left of 0. */
function piecewise(z: Rough, below: number, rounding: number): Rough {
  const at = (x: number): number => (x > 0 ? x : below * x);
  const value = at(z.value);
  const low = at(z.value - z.error),
    high = at(z.value + z.error);
  const own = z.value - z.error < 0 ? rounding * below * largest(z) : 0;
  return { value, error: Math.max(high - value, value - low) + own };
}

function eluError(z: Rough): number {
  return monotone((x) => activate("elu", x), z, signsOf(z).below ? ONE_MINUS_EXP_ROUNDING : 0).error;
}

/** max(z,0) + ln(1+e^−|z|) moves by at most what z moves: its two parts do not add up. */
function softplusError(z: Rough): number {
  const moved = monotone((x) => activate("softplus", x), z, 0).error;
  const tail = logOnePlus(exponential(exact(-Math.max(Math.abs(z.value) - z.error, 0))));
  return moved + tail.error + UNIT * (Math.max(z.value + z.error, 0) + largest(tail));
}

/** The error of a = σ(z). */
export function activationError(name: ElementwiseActivation, z: Rough): number {
  switch (name) {
    case "linear":
      return z.error;
    case "sigmoid":
      return roughSigmoid(z).error;
    case "tanh":
      return roughTanh(z).error;
    case "relu":
      return piecewise(z, 0, 0).error;
    // The slope 0.2 is rounded, and so is the product.
    case "leakyRelu":
      return piecewise(z, LEAKY_RELU_SLOPE, 2.001 * UNIT).error + TINY;
    case "elu":
      return eluError(z);
    case "softplus":
      return softplusError(z);
    // |σ′| ≤ 1.13.
    case "gelu":
      return moving(z, 1.14, roughGelu(z.value));
    case "geluTanh":
      return roughGeluTanh(z).error;
    case "swish":
      return multiply(z, roughSigmoid(z)).error;
  }
}

/** 1 or 0 (leakyRelu 0.2) by the sign of the source: if that is uncertain, so is the whole step between them. */
function stepError(source: Rough, below: number): number {
  const jumps = source.value > 0 ? source.value - source.error <= 0 : source.value + source.error > 0;
  return (jumps ? 1 - below : 0) + UNIT * below;
}

/** a(1−a) moves by |1−2a|·δ + δ², less than its two factors move by themselves. */
function sigmoidSlopeError(a: Rough): number {
  const moved = Math.abs(1 - 2 * a.value) * a.error + a.error * a.error;
  return moved + 2.001 * UNIT * largest(a) * (Math.abs(1 - a.value) + a.error) + TINY;
}

/** (1−a)(1+a) moves by 2|a|·δ + δ². */
function tanhSlopeError({ value, error }: Rough): number {
  const moved = 2 * Math.abs(value) * error + error * error;
  return moved + 3.001 * UNIT * (Math.abs(1 - value * value) + moved) + TINY;
}

/** The error of σ′, from a or z as derivativeSource() says. */
export function derivativeError(name: ElementwiseActivation, source: Rough): number {
  switch (name) {
    case "linear":
      return 0;
    case "sigmoid":
      return sigmoidSlopeError(source);
    case "tanh":
      return tanhSlopeError(source);
    case "relu":
      return stepError(source, 0);
    case "leakyRelu":
      return stepError(source, LEAKY_RELU_SLOPE);
    case "elu":
      return source.value - source.error > 0 ? 0 : add(source, ONE).error;
    case "softplus":
      return oneMinusExp(source).error;
    // |σ″| ≤ √(2/π) for gelu, 0.84 for its tanh form and ½ for swish.
    case "gelu":
      return moving(source, 0.81, roughGeluDerivative(source.value));
    case "geluTanh":
      return moving(source, 0.85, roughGeluTanhDerivative(exact(source.value)));
    case "swish":
      return moving(source, 0.51, roughSwishDerivative(exact(source.value)));
  }
}
