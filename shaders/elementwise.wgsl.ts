// elementwise: one invocation for each number of a (rows, cols) tensor; the epilogue is all that it does.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { finishFunction, type Epilogue } from "./epilogue.wgsl.ts";
import { declare, FLAT_INDEX, LANES, type BufferDeclaration } from "./kernel.wgsl.ts";

/** `rows` is a WGSL expression: a constant, or step.rows for the batch. */
export const elementwiseKernel = (
  rows: string, cols: number, buffers: readonly BufferDeclaration[], epilogue: Epilogue,
): string => wgsl`${declare(buffers)}${FLAT_INDEX}${finishFunction(epilogue, cols)}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let element = flat_index(workgroup, workgroups, lane);
  let row = element / ${cols}u;
  if (row >= ${rows}) { return; }
  finish(0.0, row, element % ${cols}u);
}
`;
