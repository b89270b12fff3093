// clip: bounds on gradients, each number by itself or by a factor that was made from a norm.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { literal } from "./kernel.wgsl.ts";

export const clipValueFunction = (name: string, limit: number): string => wgsl`
fn ${name}(g: f32) -> f32 {
  return clamp(g, ${literal(-limit)}, ${literal(limit)});
}
`;

/** min(1, limit / ‖g‖): the factor that brings a norm down to the limit and leaves a smaller one alone. */
export const clipFactorFunction = (name: string, limit: number): string => wgsl`
fn ${name}(sum_of_squares: f32) -> f32 {
  let norm = sqrt(sum_of_squares);
  return select(1.0, ${literal(limit)} / norm, norm > ${literal(limit)});
}
`;
