// product: a matrix product in one of three forms, each number then handed to the epilogue.
//   normal            out (M,N) = left (M,K) · right (K,N)      forward: z = a·W + b
//   right transposed  out (M,N) = left (M,K) · right (N,K)ᵀ     BP2: δ·Wᵀ
//   left transposed   out (M,N) = left (K,M)ᵀ · right (K,N)     BP4: aᵀ·δ, K is the batch
// All f32, row-major. One invocation owns tileRows × tileCols numbers of `out` in registers; neighbouring invocations own
// neighbouring columns, so they read neighbouring addresses of `right` and the same ones of `left`. No workgroup memory.
// Edges: indices are clamped for reading and guarded for writing.
// Rounding: k ascends; |error| ≤ K·2⁻²⁴·Σ|left·right|, plus that of the epilogue.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import type { ProductForm } from "../src/graph/types.ts";

/** Numbers of `out` that one invocation owns. */
export interface ProductTile {
  readonly tileRows: number;
  readonly tileCols: number;
}

/** How an operand is read: WGSL expressions. */
export interface Operand {
  rowStart(row: string): string;
  inRow(start: string, col: string): string;
}

export interface ProductVariant extends ProductTile {
  readonly form: ProductForm;
  readonly n: number;
  /** K as a WGSL expression: a constant, or step.rows for the batch. */
  readonly k: string;
  readonly left: Operand;
  readonly right: Operand;
  readonly bias: ((col: string) => string) | null;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Tiles side by side in a row of tiles. */
export const tilesAcross = ({ n, tileCols }: Pick<ProductVariant, "n" | "tileCols">): number => Math.ceil(n / tileCols);

/**
 * fn name(row, tile, end): computes the tile number `tile` of the rows from `row` on, as far as they are before `end`, and
 * calls `finish(value, row, col)` for each of its numbers.
 */
export function productTileFunction(name: string, finish: string, v: ProductVariant): string {
  const rows = range(v.tileRows), cols = range(v.tileCols), across = tilesAcross(v);
  const { left, right, form } = v;
  const before: string[] = [], inLoop: string[] = [];
  if (form === "leftTransposed") {
    inLoop.push(`let left_start = ${left.rowStart("k")};`, ...rows.map((i) => `let left${i} = ${left.inRow("left_start", `row${i}`)};`));
  } else {
    before.push(...rows.map((i) => `let left_start${i} = ${left.rowStart(`row${i}`)};`));
    inLoop.push(...rows.map((i) => `let left${i} = ${left.inRow(`left_start${i}`, "k")};`));
  }
  if (form === "rightTransposed") {
    before.push(...cols.map((j) => `let right_start${j} = ${right.rowStart(`col${j}`)};`));
    inLoop.push(...cols.map((j) => `let right${j} = ${right.inRow(`right_start${j}`, "k")};`));
  } else {
    inLoop.push(`let right_start = ${right.rowStart("k")};`, ...cols.map((j) => `let right${j} = ${right.inRow("right_start", `col${j}`)};`));
  }
  return wgsl`
fn ${name}(row: u32, tile: u32, end: u32) {
  if (row >= end) { return; }
  ${rows.map((i) => `let row${i} = min(row + ${i}u, end - 1u);`).join("\n  ")}
  ${cols.map((j) => `let col${j} = min(tile + ${j * across}u, ${v.n - 1}u);`).join("\n  ")}
  ${before.join("\n  ")}
  ${rows.flatMap((i) => cols.map((j) => `var sum_${i}_${j} = 0.0;`)).join(" ")}
  for (var k = 0u; k < ${v.k}; k++) {
    ${inLoop.join("\n    ")}
    ${rows.map((i) => cols.map((j) => `sum_${i}_${j} = fma(left${i}, right${j}, sum_${i}_${j});`).join(" ")).join("\n    ")}
  }
  ${v.bias === null ? "" : `${cols.map((j) => `let bias${j} = ${v.bias?.(`col${j}`)};`).join(" ")}
  ${rows.flatMap((i) => cols.map((j) => `sum_${i}_${j} += bias${j};`)).join(" ")}`}
  // Written out for every number of the tile the epilogue would make the shader slow to compile, so it is a loop.
  var sums = array<f32, ${v.tileRows * v.tileCols}>(${rows.flatMap((i) => cols.map((j) => `sum_${i}_${j}`)).join(", ")});
  for (var i = 0u; i < ${v.tileRows}u && row + i < end; i++) {
    for (var j = 0u; j < ${v.tileCols}u && tile + j * ${across}u < ${v.n}u; j++) {
      ${finish}(sums[i * ${v.tileCols}u + j], row + i, tile + j * ${across}u);
    }
  }
}
`;
}
