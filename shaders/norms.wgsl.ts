// norms: the sum of squares of what a workgroup has made, left for others, and the sum of these sums.
//   squares   a private variable to which each number's square is added
//   partial   one number a lane in workgroup memory
// Lanes and workgroups are added in ascending order, so that a run repeats bit for bit.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";

/** The buffer of the sums. */
export const NORMS = "norms";

export const SQUARES = "var<private> squares: f32;\n";

/** @param target where the workgroup's sum goes */
export const squaresStatements = (lanes: number, target: string): string => wgsl`
  // The part itself may have used partial before.
  workgroupBarrier();
  partial[lane] = squares;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < ${lanes}u; i++) { total += partial[i]; }
    ${target} = total;
  }`;

/** Every lane of every workgroup ends up with the sum of `count` sums from number `offset` on. */
export const normFactorStatements = (
  lanes: number, norms: string, offset: number, count: number, finish: (total: string) => string,
): string => wgsl`{
    var sum = 0.0;
    for (var i = lane; i < ${count}u; i += ${lanes}u) { sum += ${norms}[${offset}u + i]; }
    partial[lane] = sum;
    workgroupBarrier();
    var total = 0.0;
    for (var i = 0u; i < ${lanes}u; i++) { total += partial[i]; }
    ${finish("total")}
  }
  `;
