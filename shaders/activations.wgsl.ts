// activation, activation_derivative: σ and σ′ of one number, float32.
// σ′ takes a = σ(z) where that is enough and z otherwise (model/activations.ts says which).
// e^(−|z|) and e^(−2|z|) never overflow, and no large numbers cancel.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { LEAKY_RELU_SLOPE, type ElementwiseActivation } from "../src/model/activations.ts";
import { literal } from "./kernel.wgsl.ts";

// √(2/π) and the cubic coefficient of the tanh form of gelu (Hendrycks and Gimpel 2016), Keras' approximate=True.
const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

const STABLE_TANH = (z: string) => `let e = exp(-2.0 * abs(${z}));
  let t = sign(${z}) * (1.0 - e) / (1.0 + e);`;
const STABLE_SIGMOID = (z: string) => `let e = exp(-abs(${z}));
  let s = select(e, 1.0, ${z} >= 0.0) / (1.0 + e);`;

const VALUE: Record<ElementwiseActivation, string> = {
  linear: "return z;",
  sigmoid: `${STABLE_SIGMOID("z")}
  return s;`,
  tanh: `${STABLE_TANH("z")}
  return t;`,
  relu: "return max(z, 0.0);",
  leakyRelu: `return select(${literal(LEAKY_RELU_SLOPE)} * z, z, z >= 0.0);`,
  elu: "return select(exp(min(z, 0.0)) - 1.0, z, z >= 0.0);",
  softplus: "return max(z, 0.0) + log(1.0 + exp(-abs(z)));",
  gelu: `let u = ${literal(GELU_SCALE)} * (z + ${literal(GELU_CUBIC)} * z * z * z);
  ${STABLE_TANH("u")}
  return 0.5 * z * (1.0 + t);`,
  swish: `${STABLE_SIGMOID("z")}
  return z * s;`,
};

/** σ′ in terms of v, which is a or z as derivativeSource() says. */
const DERIVATIVE: Record<ElementwiseActivation, string> = {
  linear: "return 1.0;",
  sigmoid: "return v * (1.0 - v);",
  tanh: "return 1.0 - v * v;",
  relu: "return select(0.0, 1.0, v > 0.0);",
  leakyRelu: `return select(${literal(LEAKY_RELU_SLOPE)}, 1.0, v > 0.0);`,
  elu: "return select(v + 1.0, 1.0, v > 0.0);",
  softplus: "return 1.0 - exp(-v);",
  gelu: `let u = ${literal(GELU_SCALE)} * (v + ${literal(GELU_CUBIC)} * v * v * v);
  ${STABLE_TANH("u")}
  let slope = ${literal(GELU_SCALE)} * (1.0 + ${literal(3 * GELU_CUBIC)} * v * v);
  return 0.5 * (1.0 + t) + 0.5 * v * (1.0 - t * t) * slope;`,
  swish: `${STABLE_SIGMOID("v")}
  return s + v * s * (1.0 - s);`,
};

/** fn name(z) = σ(z) */
export const activationFunction = (name: string, activation: ElementwiseActivation): string => wgsl`
fn ${name}(z: f32) -> f32 {
  ${VALUE[activation]}
}
`;

/** fn name(v) = σ′ */
export const activationDerivativeFunction = (name: string, activation: ElementwiseActivation): string => wgsl`
fn ${name}(v: f32) -> f32 {
  ${DERIVATIVE[activation]}
}
`;
