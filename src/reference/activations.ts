// The activation functions σ and their derivatives σ′ in float64: what shaders/activations.wgsl.ts is checked against.
// Each is written so that it neither overflows nor cancels: an exponential is only ever taken of a number ≤ 0.
// Where σ′ is taken from z and where from a = σ(z) is said by derivativeSource() in model/activations.ts.

import { LEAKY_RELU_SLOPE, type ElementwiseActivation } from "../model/activations.ts";

/** √(2/π) and the cubic coefficient of the tanh form of gelu (Hendrycks and Gimpel 2016). */
export const GELU_SCALE = Math.sqrt(2 / Math.PI);
export const GELU_CUBIC = 0.044715;

/** 1 / (1 + e^(−z)). */
export function sigmoid(z: number): number {
  const e = Math.exp(-Math.abs(z));
  // NaN takes the last branch and stays NaN.
  return z >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/** ln(1 + e^z). */
export function softplus(z: number): number {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}

const geluArgument = (z: number): number => GELU_SCALE * (z + GELU_CUBIC * z * z * z);

/**
 * gelu here is by definition the tanh form, Keras' `gelu(x, approximate=True)`: WGSL has no erf, and two sides that
 * differ by 10⁻³ could not be compared. ½(1 + tanh u) is written sigmoid(2u), which does not cancel for u ≪ 0.
 */
function gelu(z: number): number {
  return z * sigmoid(2 * geluArgument(z));
}

/** d/dz of z·s(2u): s + z·2u′·s(1−s), with 1 − s(2u) = s(−2u). */
function geluDerivative(z: number): number {
  const u = geluArgument(z);
  const slope = GELU_SCALE * (1 + 3 * GELU_CUBIC * z * z);
  return sigmoid(2 * u) + 2 * z * slope * sigmoid(2 * u) * sigmoid(-2 * u);
}

/** a = σ(z). */
export function activate(name: ElementwiseActivation, z: number): number {
  switch (name) {
    case "linear": return z;
    case "sigmoid": return sigmoid(z);
    case "tanh": return Math.tanh(z);
    // Written with ≤ so that NaN passes through instead of becoming 0.
    case "relu": return z <= 0 ? 0 : z;
    case "leakyRelu": return z <= 0 ? LEAKY_RELU_SLOPE * z : z;
    case "elu": return z <= 0 ? Math.expm1(z) : z;
    case "softplus": return softplus(z);
    case "gelu": return gelu(z);
    case "swish": return z * sigmoid(z);
  }
}

/** σ′, from a = σ(z), or from z where a does not determine it (gelu, swish). At the kink of relu σ′ = 0. */
export function activationDerivative(name: ElementwiseActivation, source: number): number {
  if (Number.isNaN(source)) return NaN;
  switch (name) {
    case "linear": return 1;
    case "sigmoid": return source * (1 - source);
    case "tanh": return (1 - source) * (1 + source);
    case "relu": return source > 0 ? 1 : 0;
    case "leakyRelu": return source > 0 ? 1 : LEAKY_RELU_SLOPE;
    case "elu": return source > 0 ? 1 : source + 1;
    case "softplus": return -Math.expm1(-source);
    case "gelu": return geluDerivative(source);
    case "swish": return sigmoid(source) + source * sigmoid(source) * sigmoid(-source);
  }
}
