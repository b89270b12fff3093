// activation, activation_derivative: σ and σ′ of one number, float32.
// σ′ takes a = σ(z) where that is enough and z otherwise (model/activations.ts says which).
// e^(−|z|) never overflows, and nothing cancels: small results keep their digits. Conditions are written so that NaN stays NaN.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import type { ElementwiseActivation } from "../src/model/activations.ts";
import { LOG1P, TANH_DENOMINATOR, TANH_END, TANH_NUMERATOR } from "../src/model/float32-forms.ts";
import { literal } from "./kernel.wgsl.ts";

export type ActivationTexts = Readonly<Partial<Record<ElementwiseActivation, string>>>;

/** c₀ + c₁y + c₂y² + … by Horner's rule. */
export const polynomial = (y: string, coefficients: readonly number[]): string =>
  coefficients.reduceRight((inner, c) => (inner === "" ? literal(c) : `(${literal(c)} + ${y} * ${inner})`), "");

/** n / d = tanh(x) for |x| ≤ TANH_END. */
export const TANH_QUOTIENT = `let y = x * x;
  let n = x * ${polynomial("y", [1, ...TANH_NUMERATOR])};
  let d = ${polynomial("y", [1, ...TANH_DENOMINATOR])};`;

/** t = tanh(z), |t| ≤ 1. */
export const STABLE_TANH = (z: string) => `let far = abs(${z}) > ${literal(TANH_END)};
  let x = select(${z}, 0.0, far);
  ${TANH_QUOTIENT}
  let near = n / d;
  let t = select(near, sign(${z}), far || abs(near) > 1.0);`;

export const STABLE_SIGMOID = (z: string) => `let e = exp(-abs(${z}));
  let s = select(e, 1.0, ${z} >= 0.0) / (1.0 + e);`;

/** l = ln(1 + x) for 0 ≤ x ≤ 1: WGSL's log may be off by 2⁻²¹ there. */
export const LOG1P_SERIES = (x: string) => `let ratio = ${x} / (2.0 + ${x});
  let l = ratio * ${polynomial("(ratio * ratio)", [2, ...LOG1P])};`;

/** σ of z; the others are in uncommon.wgsl.ts. */
export const VALUE = {
  linear: "return z;",
  sigmoid: `${STABLE_SIGMOID("z")}
  return s;`,
  tanh: `${STABLE_TANH("z")}
  return t;`,
  relu: "return max(z, 0.0);",
} satisfies ActivationTexts;

/** σ′ in terms of v, which is a or z as derivativeSource() says. */
export const DERIVATIVE = {
  linear: "return 1.0;",
  sigmoid: "return v * (1.0 - v);",
  tanh: "return (1.0 - v) * (1.0 + v);",
  relu: "return select(0.0, 1.0, v > 0.0);",
} satisfies ActivationTexts;

/** fn name(z) = σ(z) */
export const activationFunction = (name: string, formula: string): string => wgsl`
fn ${name}(z: f32) -> f32 {
  ${formula}
}
`;

/** fn name(v) = σ′ */
export const activationDerivativeFunction = (name: string, formula: string): string => wgsl`
fn ${name}(v: f32) -> f32 {
  ${formula}
}
`;
