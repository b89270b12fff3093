// How the lanes of a workgroup go through the rows that it owns, `first` to `end`: number by number or row by row.
// row_sum: BP3, Σ over the rows of a mini-batch.   in matrix (B,N)   out one number a column

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { sumLoop, type BlockWriter } from "./kernel.wgsl.ts";

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
 * `shares` invocations a column, each with a slice of the rows; rows ascend, slices are added in order.
 * Rounding: |error| ≤ (B + shares)·2⁻²⁴·Σ|terms|, with levels of blocks (33·(levels + 1) + shares)·2⁻²⁴·Σ|terms|.
 * @param shares divides lanes; from 2 on it needs `lanes` numbers of the workgroup array `partial`
 * @param blocks what a slice is summed in; null: one after the other
 * @param rows how many, an expression
 * @param matrix the number at `row` and `col`
 */
export const rowSumStatements = (
  lanes: number,
  shares: number,
  blocks: BlockWriter | null,
  rows: string,
  cols: number,
  matrix: string,
  finish: string,
): string => {
  const width = lanes / shares,
    sum = { name: "sum", type: "f32" };
  const add = (first: string, end: string) => sumLoop(sum, blocks, "row", first, end, 1, `sum += ${matrix};`);
  if (shares === 1) {
    return wgsl`
  let col = workgroup * ${lanes}u + lane;
  if (col < ${cols}u) {
    var sum = 0.0;
    ${add("0u", rows)}
    ${finish}(sum, 0u, col);
  }`;
  }
  return wgsl`
  let col = workgroup * ${width}u + lane % ${width}u;
  let share = (${rows} + ${shares - 1}u) / ${shares}u;
  let first = lane / ${width}u * share;
  var sum = 0.0;
  if (col < ${cols}u) {
    ${add("first", `min(first + share, ${rows})`)}
  }
  partial[lane] = sum;
  workgroupBarrier();
  if (lane < ${width}u && col < ${cols}u) {
    for (var share = 1u; share < ${shares}u; share++) { sum += partial[share * ${width}u + lane]; }
    ${finish}(sum, 0u, col);
  }`;
};
