// The activation functions σ and their derivatives σ′ in float64: what shaders/activations.wgsl.ts is checked against.
// Each is written so that it neither overflows nor cancels: an exponential is only ever taken of a number ≤ 0.
// Where σ′ is taken from z and where from a = σ(z) is said by derivativeSource() in model/activations.ts.

import { LEAKY_RELU_SLOPE, type ElementwiseActivation } from "../model/activations.ts";
import { GELU_CUBIC, GELU_SCALE } from "../model/normal-forms.ts";

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

/** z·½(1 + tanh u), where ½(1 + tanh u) is written sigmoid(2u), which does not cancel for u ≪ 0. */
function geluTanh(z: number): number {
  return z * sigmoid(2 * geluArgument(z));
}

/** d/dz of z·s(2u): s + z·2u′·s(1−s), with 1 − s(2u) = s(−2u). */
function geluTanhDerivative(z: number): number {
  const u = geluArgument(z);
  const slope = GELU_SCALE * (1 + 3 * GELU_CUBIC * z * z);
  return sigmoid(2 * u) * (1 + 2 * z * slope * sigmoid(-2 * u));
}

/** φ(t), the density of the standard normal distribution. */
const density = (t: number): number => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);

/**
 * Φ(−t)/φ(t) for t ≥ 0, Mills' ratio: by the series ½ − φ(t)·Σ t^(2k+1)/(2k+1)!! near 0 (Marsaglia 2004), by Laplace's continued
 * fraction 1/(t + 1/(t + 2/(t + …))) further out. Relative error below 10⁻¹³.
 */
export function millsRatio(t: number): number {
  if (t < 2.5) {
    let sum = t,
      term = t;
    for (let k = 3; term > 1e-17 * sum; k += 2) sum += term *= (t * t) / k;
    return 0.5 / density(t) - sum;
  }
  let tail = t;
  for (let k = Math.ceil(20 + 400 / (t * t)); k > 0; k--) tail = t + k / tail;
  return 1 / tail;
}

/** z·Φ(z); Φ(z) = 1 − Φ(−z) for z ≥ 0, so that neither side cancels. */
function gelu(z: number): number {
  const tail = density(z) * millsRatio(Math.abs(z));
  return z < 0 ? z * tail : z * (1 - tail);
}

/** Φ(z) + z·φ(z). */
function geluDerivative(z: number): number {
  const t = Math.abs(z),
    below = density(z) * (millsRatio(t) - t);
  return z < 0 ? below : 1 - below;
}

/** a = σ(z). */
export function activate(name: ElementwiseActivation, z: number): number {
  switch (name) {
    case "linear":
      return z;
    case "sigmoid":
      return sigmoid(z);
    case "tanh":
      return Math.tanh(z);
    // Written with ≤ so that NaN passes through instead of becoming 0.
    case "relu":
      return z <= 0 ? 0 : z;
    case "leakyRelu":
      return z <= 0 ? LEAKY_RELU_SLOPE * z : z;
    case "elu":
      return z <= 0 ? Math.expm1(z) : z;
    case "softplus":
      return softplus(z);
    case "gelu":
      return gelu(z);
    case "geluTanh":
      return geluTanh(z);
    case "swish":
      return z * sigmoid(z);
  }
}

/** σ′, from a = σ(z), or from z where a does not determine it (gelu, geluTanh, swish). At the kink of relu σ′ = 0. */
export function activationDerivative(name: ElementwiseActivation, source: number): number {
  if (Number.isNaN(source)) return NaN;
  switch (name) {
    case "linear":
      return 1;
    case "sigmoid":
      return source * (1 - source);
    case "tanh":
      return (1 - source) * (1 + source);
    case "relu":
      return source > 0 ? 1 : 0;
    case "leakyRelu":
      return source > 0 ? 1 : LEAKY_RELU_SLOPE;
    case "elu":
      return source > 0 ? 1 : source + 1;
    case "softplus":
      return -Math.expm1(-source);
    case "gelu":
      return geluDerivative(source);
    case "geluTanh":
      return geluTanhDerivative(source);
    case "swish":
      return sigmoid(source) * (1 + source * sigmoid(-source));
  }
}
