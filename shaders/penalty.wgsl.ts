// penalty: l1·Σ|w| + l2·Σw² as a term of a sum, and its gradient added to that of the data.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { literal } from "./kernel.wgsl.ts";

/** What one weight adds to the penalty. l2 comes before the square: so nothing overflows that is not too large itself. */
export const penaltyTermFunction = (name: string, l1: number, l2: number): string => wgsl`
fn ${name}(w: f32) -> f32 {
  return ${literal(l1)} * abs(w) + (${literal(l2)} * w) * w;
}
`;

/** g + l1·sign(w) + 2·l2·w */
export const penaltyGradientFunction = (name: string, l1: number, l2: number): string => wgsl`
fn ${name}(g: f32, w: f32) -> f32 {
  return g + ${literal(l1)} * sign(w) + ${literal(2 * l2)} * w;
}
`;
