// What every kernel shares: the numbers of the step, how buffers are declared, how the parts of a launch stand side by side.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";

/** Of a row: an expression for its number in a column. */
export type NumberAt = (col: string) => string;
/** Of a row: a statement that stores an expression in a column. */
export type StoreAt = (col: string, value: string) => string;

/** How a buffer is bound: its name in the shader, what is in it, and whether it is written. */
export interface BufferDeclaration {
  readonly name: string;
  readonly type: "f32" | "u32" | "f16";
  readonly access: "read" | "read_write";
  /**
   * How many numbers it holds, where that is known, else 0. On SwiftShader a read then takes half as long as one that looks up how
   * long the buffer is, to stay within.
   */
  readonly elements: number;
}

/** Bytes of the Step struct; one sits at every 256 bytes of the step table, chosen by a dynamic offset. */
export const STEP_BYTES = 36;

export const STEP_STRUCT = wgsl`
struct Step {
  rows: u32,             // examples in this mini-batch
  offset: u32,           // where they start in the order of the epoch
  slot: u32,             // which place of the log this step writes
  step: u32,             // number of the weight update modulo 2^32, for dropout
  learning_rate: f32,
  corrected_rate: f32,   // learning rate with Adam's bias corrections
  inverse_rows: f32,     // 1/B, the batch mean; of the whole mini-batch where this is a chunk
  fresh: u32,            // bit 0: carried states and sums count as 0; the rest: row of the whole that comes first
  step_high: u32,        // number of the weight update divided by 2^32
}
`;

/** Comes first in a shader that binds an array<f16>; the device must have "shader-f16". */
export const ENABLE_HALF = "enable f16;\n";

/**
 * to_half: the nearest f16, relative rounding 2⁻¹¹, absolute 2⁻²⁵ below 2⁻¹⁴. What lies beyond ±65504, infinity too, is clamped
 * to it; by comparing, because NaN must stay NaN and clamp() need not keep it.
 */
export const HALF_FUNCTIONS = wgsl`
fn to_half(value: f32) -> f16 {
  return f16(select(value, select(-65504.0, 65504.0, value > 0.0), abs(value) > 65504.0));
}
`;

/** Bindings 1 … n in the order given. */
export const declareBuffers = (buffers: readonly BufferDeclaration[]): string =>
  buffers
    .map(
      ({ name, type, access, elements }, i) =>
        `@group(0) @binding(${i + 1}) var<storage, ${access}> ${name}: array<${type}${elements > 0 ? `, ${elements}` : ""}>;\n`,
    )
    .join("");

/** Workgroup memory that a part uses: numbers of the array `partial`, vec4f of the array `staged`. */
export interface WorkgroupMemory {
  readonly partial: number;
  readonly staged: number;
}

/**
 * The parts of a launch share these arrays, each as long as the part that wants most of it needs it, since a workgroup runs
 * one part only: side by side the arrays of several parts would exceed what a device has.
 */
const declareMemory = (parts: readonly PartText[]): string =>
  (
    [
      ["partial", "f32"],
      ["staged", "vec4f"],
    ] as const
  )
    .map(([name, type]) => {
      const most = Math.max(...parts.map(({ memory }) => memory?.[name] ?? 0));
      return most > 0 ? `var<workgroup> ${name}: array<${type}, ${most}>;\n` : "";
    })
    .join("");

/** What the workgroups of one part do: statements on `workgroup`, their number within the part, and `lane`. */
export interface PartText {
  /** At module scope; names start with the part's prefix. */
  readonly functions: string;
  /** None if left out. */
  readonly memory?: WorkgroupMemory;
  readonly text: string;
  readonly workgroups: number;
}

/**
 * The kernel of a launch: its workgroups are dealt out to the parts in order. Binding 0 is the step, bindings 1 … n are the
 * buffers in the order given.
 * @param functions what several parts call
 */
export function launchKernel(lanes: number, buffers: readonly BufferDeclaration[], functions: string, parts: readonly PartText[]): string {
  let first = 0;
  const branches = parts.map(({ workgroups }, i) => {
    const start = first;
    first += workgroups;
    return `if (workgroup < ${first}u) { part${i}(workgroup - ${start}u, lane); }`;
  });
  return wgsl`${STEP_STRUCT}@group(0) @binding(0) var<uniform> step: Step;
${declareBuffers(buffers)}${declareMemory(parts)}${functions}
${parts
  .map(
    (part, i) => `${part.functions}
fn part${i}(workgroup: u32, lane: u32) {
  ${part.text}
}
`,
  )
  .join("")}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {
  // More than 65,535 workgroups do not fit one dimension, so y carries on where x ends.
  let workgroup = id.y * count.x + id.x;
  ${branches.join("\n  else ")}
}
`;
}

/** A number as a WGSL f32 literal. */
export function literal(value: number): string {
  const text = Math.fround(value).toString();
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

/**
 * An entry of a table of formulas. Those that few networks use are in uncommon.wgsl.ts, which a page loads for such networks.
 * @throws Error where that was not done
 */
export function formulaOf<T extends object, K extends PropertyKey>(table: T, name: K): NonNullable<T[K & keyof T]> {
  const formula = table[name as K & keyof T];
  if (!formula) throw new Error(`the formula of ${String(name)} was not loaded`);
  return formula;
}

/** A variable that terms are added to, and its WGSL type. */
export interface Sum {
  readonly name: string;
  readonly type: string;
}

/** Puts a loop that adds to sums, from one expression to another in steps, into loops over blocks of terms: blocked.wgsl.ts. */
export type BlockWriter = (
  sums: readonly Sum[],
  first: string,
  end: string,
  stride: number,
  loop: (first: string, end: string) => string,
) => string;

/**
 * A loop over `variable` from `first` to `end` in steps of `stride` that adds to one sum.
 * @param blocks null: one term after the other
 * @param body statements on `variable` that add a term to `sum`
 */
export function sumLoop(
  sum: Sum,
  blocks: BlockWriter | null,
  variable: string,
  first: string,
  end: string,
  stride: number,
  body: string,
): string {
  const next = stride === 1 ? `${variable}++` : `${variable} += ${stride}u`;
  const loop = (from: string, to: string) => `for (var ${variable} = ${from}; ${variable} < ${to}; ${next}) { ${body} }`;
  return blocks ? blocks([sum], first, end, stride, loop) : loop(first, end);
}
