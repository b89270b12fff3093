// σ by the names of TensorFlow.js: which of deltaprop's it is, and its formula for the forward pass on the host.

import { ACTIVATIONS, type ActivationName } from "../index.ts";
import { unsupported } from "./missing.ts";

/** Φ by its series (Marsaglia 2004), to float64's precision; beyond ±8 it is 0 or 1. */
function normalCdf(x: number): number {
  if (Math.abs(x) > 8) return x > 0 ? 1 : 0;
  let term = x,
    sum = x;
  for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) sum += term *= (x * x) / n;
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

const sigmoid = (z: number): number => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

/** deltaprop's name, and σ; null stands for softmax, which acts on a row. */
const KNOWN: Readonly<Record<string, readonly [name: string, of: ((z: number) => number) | null]>> = {
  linear: ["linear", (z) => z],
  relu: ["relu", (z) => Math.max(z, 0)],
  sigmoid: ["sigmoid", sigmoid],
  tanh: ["tanh", Math.tanh],
  elu: ["elu", (z) => (z >= 0 ? z : Math.expm1(z))],
  softplus: ["softplus", (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)))],
  leakyRelu: ["leakyRelu", (z) => (z >= 0 ? z : 0.2 * z)],
  swish: ["swish", (z) => z * sigmoid(z)],
  gelu: ["gelu", (z) => z * normalCdf(z)],
  gelu_new: ["geluTanh", (z) => 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3)))],
  softmax: ["softmax", null],
};

export interface Activation<N extends string = ActivationName> {
  /** As the program wrote it. */
  readonly given: string;
  readonly name: N;
  readonly of: ((z: number) => number) | null;
}

/** @throws UnsupportedError naming the activations that are here */
export function toActivation(where: string, given: string | null | undefined): Activation {
  const [name, of] = Object.hasOwn(KNOWN, given ?? "linear") ? KNOWN[given ?? "linear"] : ["", null];
  if ((ACTIVATIONS as readonly string[]).includes(name)) return { given: given ?? "linear", name: name as ActivationName, of };
  throw unsupported(`${where}: activation ${JSON.stringify(given)}`, `Choose one of ${Object.keys(KNOWN).join(", ")}.`);
}
