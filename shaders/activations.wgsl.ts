// activation, activation_derivative: σ and σ′ of one number, float32.
// σ′ takes a = σ(z) where that is enough and z otherwise (model/activations.ts says which).
// e^(−|z|) and e^(−2|z|) never overflow, and no large numbers cancel.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import type { ElementwiseActivation } from "../src/model/activations.ts";
import { formulaOf } from "./kernel.wgsl.ts";

export type ActivationTexts = Partial<Record<ElementwiseActivation, string>>;

export const STABLE_TANH = (z: string) => `let e = exp(-2.0 * abs(${z}));
  let t = sign(${z}) * (1.0 - e) / (1.0 + e);`;
export const STABLE_SIGMOID = (z: string) => `let e = exp(-abs(${z}));
  let s = select(e, 1.0, ${z} >= 0.0) / (1.0 + e);`;

/** σ of z; the others are in uncommon.wgsl.ts. */
export const VALUE: ActivationTexts = {
  linear: "return z;",
  sigmoid: `${STABLE_SIGMOID("z")}
  return s;`,
  tanh: `${STABLE_TANH("z")}
  return t;`,
  relu: "return max(z, 0.0);",
};

/** σ′ in terms of v, which is a or z as derivativeSource() says. */
export const DERIVATIVE: ActivationTexts = {
  linear: "return 1.0;",
  sigmoid: "return v * (1.0 - v);",
  tanh: "return 1.0 - v * v;",
  relu: "return select(0.0, 1.0, v > 0.0);",
};

/** fn name(z) = σ(z) */
export const activationFunction = (name: string, activation: ElementwiseActivation): string => wgsl`
fn ${name}(z: f32) -> f32 {
  ${formulaOf(VALUE, activation)}
}
`;

/** fn name(v) = σ′ */
export const activationDerivativeFunction = (name: string, activation: ElementwiseActivation): string => wgsl`
fn ${name}(v: f32) -> f32 {
  ${formulaOf(DERIVATIVE, activation)}
}
`;
