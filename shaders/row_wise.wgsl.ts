// row_wise: one invocation for each row of the batch does a list of steps on that row, one after the other: softmax,
// loss, metrics, δᴸ. What an earlier step of the list stored, a later one reads back: the invocation is the same.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { declare, FLAT_INDEX, LANES, type BufferDeclaration } from "./kernel.wgsl.ts";

/** `statements` of each step use `row`; `functions` are what they call. */
export const rowWiseKernel = (
  buffers: readonly BufferDeclaration[], functions: string, statements: readonly string[],
): string => wgsl`${declare(buffers)}${FLAT_INDEX}${functions}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = flat_index(workgroup, workgroups, lane);
  if (row >= step.rows) { return; }
  ${statements.map((text) => `{${text}\n  }`).join("\n  ")}
}
`;
