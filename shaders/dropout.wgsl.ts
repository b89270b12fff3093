// dropout: 0 with probability `rate`, else value / (1 − rate).
// The mask is the Philox word at (element, step, layer), so value and gradient meet the same mask without storing it.
// Needs PHILOX and the step.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { keyOf, STEP_HIGH_SHIFT, STREAM } from "../src/random.ts";
import { literal } from "./kernel.wgsl.ts";

export interface DropoutVariant {
  readonly rate: number;
  /** Kept when word ≥ threshold. */
  readonly threshold: number;
  readonly layer: number;
  readonly seed: number;
}

export function dropoutFunction(name: string, { rate, threshold, layer, seed }: DropoutVariant): string {
  const [key0, key1] = keyOf(seed);
  return wgsl`
fn ${name}(value: f32, element: u32) -> f32 {
  let counter = vec4u(element >> 2u, step.step, ${layer}u, ${STREAM.dropout}u + (step.step_high << ${STEP_HIGH_SHIFT}u));
  let word = philox4x32(counter, vec2u(${key0}u, ${key1}u))[element & 3u];
  return select(0.0, value * ${literal(1 / (1 - rate))}, word >= ${threshold}u);
}
`;
}
