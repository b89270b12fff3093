// row_sum: Σ over the rows of a matrix, the bias gradient of BP3, each sum then handed to the epilogue.
//   in   matrix (B,N)      out  one number a column
// One invocation a column, rows ascending. Rounding: |error| ≤ B·2⁻²⁴·Σ|terms|.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { finishFunction, type Epilogue } from "./epilogue.wgsl.ts";
import { declare, FLAT_INDEX, LANES, type BufferDeclaration } from "./kernel.wgsl.ts";

export const rowSumKernel = (cols: number, buffers: readonly BufferDeclaration[], epilogue: Epilogue): string =>
  wgsl`${declare(buffers)}${FLAT_INDEX}${finishFunction(epilogue, cols)}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let col = flat_index(workgroup, workgroups, lane);
  if (col >= ${cols}u) { return; }
  var sum = 0.0;
  for (var row = 0u; row < step.rows; row++) { sum += matrix[row * ${cols}u + col]; }
  finish(sum, 0u, col);
}
`;
