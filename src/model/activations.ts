// The activation functions σ by name. Their formulas are in reference/activations.ts (float64) and
// shaders/activations.wgsl.ts (float32).

import { InputError } from "../errors.ts";
import { show } from "./checks.ts";

/**
 * σ applied to each number by itself. `linear` is the identity; `gelu` is z·Φ(z), the default of PyTorch and Keras, and `geluTanh`
 * its approximation by tanh, PyTorch's `approximate="tanh"`.
 */
export const ELEMENTWISE_ACTIVATIONS = [
  "linear",
  "sigmoid",
  "tanh",
  "relu",
  "leakyRelu",
  "elu",
  "softplus",
  "gelu",
  "geluTanh",
  "swish",
] as const;

/** Activations that work on each number by itself. */
export type ElementwiseActivation = (typeof ELEMENTWISE_ACTIVATIONS)[number];

/** Every σ, softmax among them: it acts on a whole row and is allowed in the last layer only. */
export type ActivationName = ElementwiseActivation | "softmax";

/** The names of all activations. */
export const ACTIVATIONS: readonly ActivationName[] = Object.freeze([...ELEMENTWISE_ACTIVATIONS, "softmax" as const]);

/** σ of a recurrent layer: its σ′ follows from a alone, so that h(t) is all that is kept. */
export const RECURRENT_ACTIVATIONS = ["tanh", "relu", "sigmoid", "linear"] as const;
/** Activations that simpleRNN() takes. */
export type RecurrentActivation = (typeof RECURRENT_ACTIVATIONS)[number];

/**
 * σ of the gates of lstm() and gru(): those, or 0 below and 1 above a straight line, z/6 + ½ for "hardSigmoid" as in Keras 3, z/5 + ½ for
 * "hardSigmoidKeras2" as in Keras 2 and TensorFlow.js.
 */
export type GateActivation = RecurrentActivation | HardActivation;
export type HardActivation = "hardSigmoid" | "hardSigmoidKeras2";

/** Slope of leakyRelu for negative z: 0.2, the default `negative_slope` of `keras.activations.leaky_relu`. */
export const LEAKY_RELU_SLOPE = 0.2;

/**
 * Which of z and a = σ(z) the derivative is computed from. Where a is enough, z need not be kept:
 * σ′ = a(1−a) for sigmoid, 1−a² for tanh, [a>0] for relu, a+1 for elu at z<0, 1−e^(−a) for softplus.
 * gelu, geluTanh and swish are not monotone, so they need z.
 */
export function derivativeSource(name: ElementwiseActivation): "z" | "a" {
  return name === "gelu" || name === "geluTanh" || name === "swish" ? "z" : "a";
}

/** @throws InputError naming the known activations */
export function checkActivation(where: string, name: unknown): ActivationName {
  if ((ACTIVATIONS as readonly unknown[]).includes(name)) return name as ActivationName;
  throw new InputError(`${where}: activation must be one of ${ACTIVATIONS.join(", ")}; got ${show(name)}.`);
}
