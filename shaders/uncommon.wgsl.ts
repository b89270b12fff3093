// Formulas that few networks use, for the tables of activations, losses and updates. A page loads them for such networks alone.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { LEAKY_RELU_SLOPE } from "../src/model/activations.ts";
import { STABLE_SIGMOID, STABLE_TANH, type ActivationTexts } from "./activations.wgsl.ts";
import { literal } from "./kernel.wgsl.ts";
import type { LossTexts } from "./losses.wgsl.ts";
import type { UpdateFormula } from "./update.wgsl.ts";

// √(2/π) and the cubic coefficient of the tanh form of gelu (Hendrycks and Gimpel 2016), Keras' approximate=True.
const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

/** σ of z. */
export const UNCOMMON_VALUE: ActivationTexts = {
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
export const UNCOMMON_DERIVATIVE: ActivationTexts = {
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

/** A parabola up to delta, then a line. */
export const huber: LossTexts = {
  row: ({ delta }) => `select(${literal(delta)} * (abs(p - y) - 0.5f * ${literal(delta)}), 0.5 * (p - y) * (p - y), abs(p - y) <= ${literal(delta)})`,
  gradient: ({ delta }, cols) => `clamp(a - y, ${literal(-delta)}, ${literal(delta)}) * ${literal(1 / cols)}`,
};

export const rmsprop: UpdateFormula = ({ momentum, rho, epsilon, centered }) => {
  const mean = momentum > 0 ? "s2" : "s1";
  return wgsl`s0 = ${literal(rho)} * s0 + ${literal(1 - rho)} * g * g;
  #if ${centered}
  ${mean} = ${literal(rho)} * ${mean} + ${literal(1 - rho)} * g;
  let increment = step.learning_rate * g / sqrt(max(s0 - ${mean} * ${mean}, 0.0) + ${literal(epsilon)});
  #else
  let increment = step.learning_rate * g / sqrt(s0 + ${literal(epsilon)});
  #endif
  #if ${momentum > 0}
  s1 = ${literal(momentum)} * s1 + increment;
  w -= s1;
  #else
  w -= increment;
  #endif`;
};

export const adagrad: UpdateFormula = ({ epsilon }) => wgsl`s0 += g * g;
  w -= step.learning_rate * g / sqrt(s0 + ${literal(epsilon)});`;
