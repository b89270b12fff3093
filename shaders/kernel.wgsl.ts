// What every kernel shares: the numbers of the step, how buffers are declared, how a flat index is formed.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";

/** How a buffer is bound: its name in the shader, what is in it, and whether it is written. */
export interface BufferDeclaration {
  readonly name: string;
  readonly type: "f32" | "u32";
  readonly access: "read" | "read_write";
}

/** Bytes of the Step struct; one sits at every 256 bytes of the step table, chosen by a dynamic offset. */
export const STEP_BYTES = 32;

export const STEP_STRUCT = wgsl`
struct Step {
  rows: u32,             // examples in this mini-batch
  offset: u32,           // where they start in the order of the epoch
  slot: u32,             // which place of the log this step writes
  step: u32,             // number of the weight update, for dropout
  learning_rate: f32,
  corrected_rate: f32,   // learning rate with Adam's bias corrections
  inverse_rows: f32,     // 1/B, the batch mean
  unused: f32,
}
`;

/** Bindings 1 … n in the order given. */
export const declareBuffers = (buffers: readonly BufferDeclaration[]): string[] => buffers.map(({ name, type, access }, i) =>
  `@group(0) @binding(${i + 1}) var<storage, ${access}> ${name}: array<${type}>;`);

/** Binding 0 is the step, bindings 1 … n are the buffers in the order given. */
export function declare(buffers: readonly BufferDeclaration[]): string {
  const lines = declareBuffers(buffers);
  return `${STEP_STRUCT}@group(0) @binding(0) var<uniform> step: Step;\n${lines.join("\n")}\n`;
}

/** Invocations of a workgroup in kernels that map over elements or columns. */
export const LANES = 64;

/**
 * The flat index of an invocation. More than 65,535 workgroups do not fit one dimension, so y carries on where x ends.
 */
export const FLAT_INDEX = wgsl`
fn flat_index(workgroup: vec3u, workgroups: vec3u, lane: u32) -> u32 {
  return (workgroup.y * workgroups.x + workgroup.x) * ${LANES}u + lane;
}
`;

/** A number as a WGSL f32 literal. */
export function literal(value: number): string {
  const text = Math.fround(value).toString();
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}
