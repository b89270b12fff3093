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
import { finishFunction, type Epilogue } from "./epilogue.wgsl.ts";
import { declare, type BufferDeclaration } from "./kernel.wgsl.ts";

export interface ProductTile {
  /** Numbers of `out` that one invocation owns. */
  readonly tileRows: number;
  readonly tileCols: number;
  /** Invocations of a workgroup along columns and along rows. */
  readonly lanesX: number;
  readonly lanesY: number;
}

export interface ProductVariant extends ProductTile {
  readonly form: ProductForm;
  /** M, N, K as WGSL expressions: constants, or step.rows for the batch. */
  readonly m: string;
  readonly n: number;
  readonly k: string;
  readonly bias: boolean;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

export function productKernel(v: ProductVariant, buffers: readonly BufferDeclaration[], epilogue: Epilogue): string {
  const rows = range(v.tileRows), cols = range(v.tileCols);
  const leftAt = (i: number) => (v.form === "leftTransposed" ? `left[k * (${v.m}) + row${i}]` : `left[row${i} * ${v.k} + k]`);
  const rightAt = (j: number) => (v.form === "rightTransposed" ? `right[col${j} * ${v.k} + k]` : `right[k * ${v.n}u + col${j}]`);
  return wgsl`${declare(buffers)}${finishFunction(epilogue, v.n)}
@compute @workgroup_size(${v.lanesX}, ${v.lanesY})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let row = (workgroup.y * ${v.lanesY}u + lane.y) * ${v.tileRows}u;
  let col = workgroup.x * ${v.lanesX * v.tileCols}u + lane.x;
  let m = ${v.m};
  if (row >= m || col >= ${v.n}u) { return; }
  ${rows.map((i) => `let row${i} = min(row + ${i}u, m - 1u);`).join("\n  ")}
  ${cols.map((j) => `let col${j} = min(col + ${j * v.lanesX}u, ${v.n - 1}u);`).join("\n  ")}
  ${rows.flatMap((i) => cols.map((j) => `var sum_${i}_${j} = 0.0;`)).join(" ")}
  for (var k = 0u; k < ${v.k}; k++) {
    ${cols.map((j) => `let right${j} = ${rightAt(j)};`).join(" ")}
    ${rows.map((i) => `let left${i} = ${leftAt(i)};`).join("\n    ")}
    ${rows.map((i) => cols.map((j) => `sum_${i}_${j} = fma(left${i}, right${j}, sum_${i}_${j});`).join(" ")).join("\n    ")}
  }
  #if ${v.bias}
  ${cols.map((j) => `let bias${j} = bias[col${j}];`).join(" ")}
  ${rows.flatMap((i) => cols.map((j) => `sum_${i}_${j} += bias${j};`)).join(" ")}
  #endif
  // Written out for every number of the tile the epilogue would make the shader slow to compile, so it is a loop.
  var sums = array<f32, ${v.tileRows * v.tileCols}>(${rows.flatMap((i) => cols.map((j) => `sum_${i}_${j}`)).join(", ")});
  for (var i = 0u; i < ${v.tileRows}u && row + i < m; i++) {
    for (var j = 0u; j < ${v.tileCols}u && col + j * ${v.lanesX}u < ${v.n}u; j++) {
      finish(sums[i * ${v.tileCols}u + j], row + i, col + j * ${v.lanesX}u);
    }
  }
}
`;
}
