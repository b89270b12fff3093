// norms: √Σ x² over a tensor that several lanes and workgroups go through, without overflow and underflow of the squares.
//   squares   a private variable, a vec3f, to which each number's square is added
//   partial   one norm a lane in workgroup memory
// Numbers fall into three classes by their size, each with a sum of squares and a fixed power of two as its scale (J. L. Blue,
// "A Portable Fortran Program to Find the Euclidean Norm of a Vector", 1978): x for |x| > 2⁴⁸, scaled by 2⁻⁸⁰; y between; z for
// |z| < 2⁻⁴⁰, scaled by 2⁸⁰. The scales are constants, so sums are added component by component. Lanes and workgroups hand on norms,
// which are numbers of that kind again: √Σ norm² over all of them is the norm of the whole.
// Lanes and workgroups are added in ascending order, so that a run repeats bit for bit.
// Rounding: that of a sum in this order and of a square root for each of at most four levels. A norm beyond 3.4e38 overflows.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { literal } from "./kernel.wgsl.ts";

const SCALE = 2 ** 80,
  LARGE = literal(2 ** 48),
  SMALL = literal(2 ** -40),
  UP = literal(SCALE),
  DOWN = literal(1 / SCALE);

/** squares_of(x): its square, in its class. norm_of(sums): √ of their sum. Where NaN is, the class between has it. */
export const NORM_FUNCTIONS = wgsl`
fn squares_of(x: f32) -> vec3f {
  let is_large = abs(x) > ${LARGE};
  let is_small = abs(x) < ${SMALL};
  let scaled = x * select(select(1.0, ${UP}, is_small), ${DOWN}, is_large);
  let square = scaled * scaled;
  return vec3f(select(0.0, square, is_large), select(square, 0.0, is_large || is_small), select(0.0, square, is_small));
}
fn norm_parts(sums: vec3f) -> vec2f {
  // Of the smaller class the root is scaled: a product of both scales is no float32, and a compiler may make it.
  if (sums.x > 0.0) { let rest = sqrt(sums.y) * ${DOWN}; return vec2f(sqrt(sums.x + rest * rest), ${UP}); }
  if (sums.y > 0.0) { let rest = sqrt(sums.z) * ${DOWN}; return vec2f(sqrt(sums.y + rest * rest), 1.0); }
  // Where sums are NaN, too.
  return vec2f(sqrt(sums.y + sums.z), ${DOWN});
}
fn norm_of(sums: vec3f) -> f32 {
  let parts = norm_parts(sums);
  return parts.x * parts.y;
}
`;

/** @param target where the workgroup's norm goes */
export const squaresStatements = (lanes: number, target: string): string => wgsl`
  // The part itself may have used partial before.
  workgroupBarrier();
  partial[lane] = norm_of(squares);
  workgroupBarrier();
  if (lane == 0u) {
    var total = vec3f();
    for (var i = 0u; i < ${lanes}u; i++) { total += squares_of(partial[i]); }
    ${target} = norm_of(total);
  }`;

/** Every lane of every workgroup ends up with the squares of `count` norms from number `offset` on, summed. */
export const normFactorStatements = (
  lanes: number,
  norms: string,
  offset: number,
  count: number,
  finish: (total: string) => string,
): string => wgsl`{
    var sum = vec3f();
    for (var i = lane; i < ${count}u; i += ${lanes}u) { sum += squares_of(${norms}[${offset}u + i]); }
    partial[lane] = norm_of(sum);
    workgroupBarrier();
    var total = vec3f();
    for (var i = 0u; i < ${lanes}u; i++) { total += squares_of(partial[i]); }
    ${finish("total")}
  }
  `;
