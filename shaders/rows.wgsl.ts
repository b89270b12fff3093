// How the lanes of a workgroup go through the rows that it owns, `first` to `end`: number by number or row by row.
// row_sum: BP3, Σ over the rows of a mini-batch.   in matrix (B,N)   out one number a column

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";

/** `body` on `element`, `row` and `col`, for each number of the rows of a tensor with `cols` columns. */
export const eachNumber = (lanes: number, cols: number, body: string): string => wgsl`
  for (var element = first * ${cols}u + lane; element < end * ${cols}u; element += ${lanes}u) {
    let row = element / ${cols}u;
    let col = element % ${cols}u;
    ${body}
  }`;

/** `statements` on `row`, one after the other for each row. What an earlier one stored, a later one reads back. */
export const eachRow = (lanes: number, statements: readonly string[]): string => wgsl`
  for (var row = first + lane; row < end; row += ${lanes}u) {
    ${statements.map((text) => `{${text}\n  }`).join("\n  ")}
  }`;

/**
 * One invocation a column, rows ascending. Rounding: |error| ≤ B·2⁻²⁴·Σ|terms|.
 * @param matrix the number at `row` and `col`
 */
export const rowSumStatements = (lanes: number, cols: number, matrix: string, finish: string): string => wgsl`
  let col = workgroup * ${lanes}u + lane;
  if (col < ${cols}u) {
    var sum = 0.0;
    for (var row = 0u; row < step.rows; row++) { sum += ${matrix}; }
    ${finish}(sum, 0u, col);
  }`;
