// clip: bounds on gradients, each number by itself or by a factor that was made from a norm.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { literal } from "./kernel.wgsl.ts";

export const clipValueFunction = (name: string, limit: number): string => wgsl`
fn ${name}(g: f32) -> f32 {
  return clamp(g, ${literal(-limit)}, ${literal(limit)});
}
`;

/** limit · power, cut to what float32 holds. */
const scaledLimit = (limit: number, power: number): string => literal(Math.min(limit * power, 3.4e38));

/**
 * min(1, limit / ‖g‖), from sums of squares of norms.wgsl.ts, whose NORM_FUNCTIONS it calls: the factor that brings a norm down to the
 * limit and leaves a smaller one alone. The norm stays in two parts, so that it may be any size.
 */
export const clipFactorFunction = (name: string, limit: number): string => wgsl`
fn ${name}(sums: vec3f) -> f32 {
  let norm = norm_parts(sums);
  // limit / scale as a constant: as a product it could overflow. scale is 2⁸⁰, 1 or 2⁻⁸⁰.
  var over_scale = 1.0;
  var scaled_limit = ${literal(limit)};
  if (norm.y > 1.0) { over_scale = ${literal(2 ** -80)}; scaled_limit = ${scaledLimit(limit, 2 ** -80)}; }
  if (norm.y < 1.0) { over_scale = ${literal(2 ** 80)}; scaled_limit = ${scaledLimit(limit, 2 ** 80)}; }
  return select(1.0, ${literal(limit)} / norm.x * over_scale, norm.x > scaled_limit);
}
`;
