// persistent: many training steps of a tiny network in one dispatch of one workgroup.
// Weights and intermediates stay in workgroup memory from step to step; weights are read from their buffer at the start and
// written back at the end. Or, on a software adapter, all lie in buffers, and nothing is copied. Optimizer states stay in theirs:
// one is only ever touched by the lane that owns its element. Each part of a step is done by all lanes together, with barriers
// between parts that depend on one another. The table says how
// many steps, and the numbers of each.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { declareBuffers, STEP_STRUCT, type BufferDeclaration } from "./kernel.wgsl.ts";
import { additionOf, reduceStatements, type Reduction } from "./reduce.wgsl.ts";

export interface PersistentProgram {
  readonly lanes: number;
  /** Numbers in workgroup memory; 0 if all are in buffers. */
  readonly memory: number;
  /** Where weights lie in `memory`, and their number `i` in the buffer. */
  readonly weights: readonly { readonly memory: number; readonly elements: number; readonly buffer: string }[];
  readonly functions: string;
  /** Statements on `lane` and `step`, executed in order, some after a barrier. The step as a whole ends with one. */
  readonly parts: readonly { readonly text: string; readonly barrier: boolean }[];
}

/** Sums of at most so many numbers are not worth a barrier: one lane adds them up. */
const SERIAL = 128;

/**
 * Like reduceStatements(), for a workgroup where barriers are what costs: a reduction of few numbers is done by one lane,
 * each reduction by another one.
 */
export const reduceFewStatements = (reductions: readonly Reduction[], lanes: number): string =>
  reductions
    .map((reduction, i) => {
      const { target, terms, finish } = reduction;
      if (terms.some(({ atMost }) => atMost > SERIAL)) return reduceStatements([reduction], lanes);
      const { type, add } = additionOf(reduction);
      return wgsl`if (lane == ${i % lanes}u) {
      var total = ${type}();
      ${terms
        .map(({ number, elements, f }) => `for (var i = 0u; i < ${elements}; i++) { let v = ${number}; total += ${add(f)}; }`)
        .join("\n      ")}
      ${target} = ${finish};
    }`;
    })
    .join("\n    ");

export function persistentKernel(program: PersistentProgram, buffers: readonly BufferDeclaration[]): string {
  const copies = (copy: (weights: PersistentProgram["weights"][number]) => string) =>
    program.weights
      .map((weights) => `for (var i = lane; i < ${weights.elements}u; i += ${program.lanes}u) { ${copy(weights)} }`)
      .join("\n  ");
  const barrier = program.memory > 0 ? "workgroupBarrier();" : "storageBarrier();";
  return wgsl`${STEP_STRUCT}
struct Table {
  count: u32,
  steps: array<Step>,
}
@group(0) @binding(0) var<storage, read> table: Table;
${declareBuffers(buffers)}var<private> step: Step;
${program.memory > 0 ? `var<workgroup> memory: array<f32, ${program.memory}>;` : ""}
var<workgroup> partial: array<f32, ${program.lanes}>;
${program.functions}
@compute @workgroup_size(${program.lanes})
fn main(@builtin(local_invocation_index) lane: u32) {
  ${copies(({ memory, buffer }) => `memory[${memory}u + i] = ${buffer};`)}
  ${barrier}
  for (var number = 0u; number < table.count; number++) {
    step = table.steps[number];
    ${program.parts.map(({ text, barrier: waits }) => `${waits ? `${barrier}\n    ` : ""}{\n    ${text}\n    }`).join("\n    ")}
    ${barrier}
  }
  ${copies(({ memory, buffer }) => `${buffer} = memory[${memory}u + i];`)}
}
`;
}
