// How far σ and σ′ of a float32 GPU may lie from the exact ones: see rounding.ts. The formulas assumed of the shader are
//   e = exp(−|z|)      sigmoid: z ≥ 0 ? 1/(1+e) : e/(1+e)      softplus: max(z,0) + log(1+e)
//   e = exp(−2|z|)     tanh: sign(z)·(1−e)/(1+e), so that a small z has an absolute error of a few u
//   elu: exp(z)−1      gelu: ½z(1 + tanh u) or z·sigmoid(2u), u = √(2/π)(z + 0.044715z³)      swish: z·sigmoid(z)
// Nothing here gives values that are used: only the error of each result is.

import { LEAKY_RELU_SLOPE, type ElementwiseActivation } from "../model/activations.ts";
import { GELU_CUBIC, GELU_SCALE } from "./activations.ts";
import {
  add, DIVISION, exact, exponential, largest, logarithm, magnitude, multiply, negate, rounded, scaleExactly,
  square, subtract, TINY, UNIT, type Rough,
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
  return { value, error: moved + (DIVISION + UNIT) * 1.001 * (value + moved) + TINY };
}

export function roughSigmoid(z: Rough): Rough {
  const e = exponential(negate(magnitude(z)));
  const right = share("one", e), left = share("e", e);
  // Where z may have either sign the GPU may take either branch.
  if (Math.abs(z.value) <= z.error) return { value: right.value, error: Math.max(right.error, left.error) };
  return z.value > 0 ? right : left;
}

/** (1−e)/(1+e) = 2/(1+e) − 1, rounded three times. */
function roughTanh(z: Rough): Rough {
  const e = exponential(scaleExactly(magnitude(z), -2));
  const value = Math.tanh(z.value);
  const moved = 2 * shareMoves(e);
  return { value, error: moved + (DIVISION + 2 * UNIT) * 1.001 * (Math.abs(value) + moved) + TINY };
}

/** u = √(2/π)·z·(1 + 0.044715·z²), in this or the multiplied-out form. */
function geluArgument(z: Rough): Rough {
  return multiply(rounded(GELU_SCALE), add(z, multiply(multiply(rounded(GELU_CUBIC), square(z)), z)));
}

const worse = (x: Rough, y: Rough): Rough => (x.error > y.error ? x : y);

function roughGelu(z: Rough): Rough {
  const u = geluArgument(z);
  return worse(multiply(scaleExactly(z, 0.5), add(ONE, roughTanh(u))), multiply(z, roughSigmoid(scaleExactly(u, 2))));
}

/** ½(1+t) + ½z(1−t²)u′ or s + z·s(1−s)·2u′, with u′ = √(2/π)(1 + 3·0.044715z²). */
function roughGeluDerivative(z: Rough): Rough {
  const u = geluArgument(z);
  const slope = multiply(rounded(GELU_SCALE), add(ONE, multiply(rounded(3 * GELU_CUBIC), square(z))));
  const t = roughTanh(u);
  const s = roughSigmoid(scaleExactly(u, 2));
  const byTanh = add(scaleExactly(add(ONE, t), 0.5),
    multiply(multiply(scaleExactly(z, 0.5), subtract(ONE, square(t))), slope));
  const bySigmoid = add(s, multiply(multiply(z, multiply(s, subtract(ONE, s))), scaleExactly(slope, 2)));
  return worse(byTanh, bySigmoid);
}

function roughSwishDerivative(z: Rough): Rough {
  const s = roughSigmoid(z);
  return add(s, multiply(multiply(z, s), subtract(ONE, s)));
}

/** A function that is linear on either side of 0 and does not jump there: `below` is its slope left of 0. */
function piecewise(z: Rough, below: number, rounding: number): Rough {
  const at = (x: number): number => (x > 0 ? x : below * x);
  const value = at(z.value);
  const low = at(z.value - z.error), high = at(z.value + z.error);
  const own = z.value - z.error < 0 ? rounding * below * largest(z) : 0;
  return { value, error: Math.max(high - value, value - low) + own };
}

function roughElu(z: Rough): Rough {
  const right = z.value > -z.error ? z : exact(0);
  const left = z.value - z.error <= 0 ? subtract(exponential(z), ONE) : exact(0);
  return { value: z.value > 0 ? z.value : Math.expm1(z.value), error: Math.max(right.error, left.error) };
}

/** The error of a = σ(z). */
export function activationError(name: ElementwiseActivation, z: Rough): number {
  switch (name) {
    case "linear": return z.error;
    case "sigmoid": return roughSigmoid(z).error;
    case "tanh": return roughTanh(z).error;
    case "relu": return piecewise(z, 0, 0).error;
    // The slope 0.2 is rounded, and so is the product.
    case "leakyRelu": return piecewise(z, LEAKY_RELU_SLOPE, 2.001 * UNIT).error + TINY;
    case "elu": return roughElu(z).error;
    case "softplus": {
      const tail = logarithm(add(ONE, exponential(negate(magnitude(z)))));
      // max(z,0) + ln(1+e^−|z|) moves by at most what z moves: its two parts do not add up.
      const rounding = logarithm(add(ONE, exponential(exact(-Math.max(Math.abs(z.value) - z.error, 0))))).error;
      return z.error + rounding + UNIT * (largest(z) + largest(tail));
    }
    case "gelu": return roughGelu(z).error;
    case "swish": return multiply(z, roughSigmoid(z)).error;
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

/** The error of σ′, from a or z as derivativeSource() says. */
export function derivativeError(name: ElementwiseActivation, source: Rough): number {
  switch (name) {
    case "linear": return 0;
    case "sigmoid": return sigmoidSlopeError(source);
    case "tanh": return subtract(ONE, square(source)).error;
    case "relu": return stepError(source, 0);
    case "leakyRelu": return stepError(source, LEAKY_RELU_SLOPE);
    case "elu": return source.value - source.error > 0 ? 0 : add(source, ONE).error;
    case "softplus": return subtract(ONE, exponential(negate(source))).error;
    case "gelu": return roughGeluDerivative(source).error;
    case "swish": return roughSwishDerivative(source).error;
  }
}
