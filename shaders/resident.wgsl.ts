// resident: many training steps of a tiny network in one dispatch of one workgroup.
// Weights and intermediates stay in workgroup memory from step to step, optimizer states in `packed`; each part of a step
// is done by all lanes together, with barriers between parts that depend on one another. The table says how many steps, and the numbers of each.
//   packed   weights, then optimizer states, one tensor after the other: weights are read at the start and written back
//            at the end; a state is only ever touched by the lane that owns its element

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { declareBuffers, STEP_STRUCT, type BufferDeclaration } from "./kernel.wgsl.ts";

export interface ResidentProgram {
  readonly lanes: number;
  /** Numbers in workgroup memory. */
  readonly memory: number;
  /** Weights lie at the start of `packed` and of `memory`. */
  readonly weights: number;
  readonly functions: string;
  /** Statements on `lane` and `step`, executed in order, some after a barrier. The step as a whole ends with one. */
  readonly parts: readonly { readonly text: string; readonly barrier: boolean }[];
}

export const residentKernel = (program: ResidentProgram, buffers: readonly BufferDeclaration[]): string =>
  wgsl`${STEP_STRUCT}
struct Table {
  count: u32,
  steps: array<Step>,
}
@group(0) @binding(0) var<storage, read> table: Table;
${declareBuffers(buffers).join("\n")}
var<private> step: Step;
var<workgroup> memory: array<f32, ${program.memory}>;
var<workgroup> partial: array<f32, ${program.lanes}>;
${program.functions}
@compute @workgroup_size(${program.lanes})
fn main(@builtin(local_invocation_index) lane: u32) {
  for (var i = lane; i < ${program.weights}u; i += ${program.lanes}u) { memory[i] = packed[i]; }
  workgroupBarrier();
  for (var number = 0u; number < table.count; number++) {
    step = table.steps[number];
    ${program.parts.map(({ text, barrier }) => `${barrier ? "workgroupBarrier();\n    " : ""}{\n    ${text}\n    }`).join("\n    ")}
    workgroupBarrier();
  }
  for (var i = lane; i < ${program.weights}u; i += ${program.lanes}u) { packed[i] = memory[i]; }
}
`;
