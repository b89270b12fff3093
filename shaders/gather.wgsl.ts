// gather: the rows of a mini-batch out of the data set, in the order of the epoch.
//   out[i, c] = data[order[offset + i], c] · scale
// Several data sets of one order (x and y) are gathered by one launch, the second after the first. Bytes stay four to a
// word; where rows are whole words, an invocation unpacks a word.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { declare, FLAT_INDEX, LANES, literal, type BufferDeclaration } from "./kernel.wgsl.ts";

export interface GatherSource {
  readonly data: string;
  /** What number `index` of the result is assigned to. */
  readonly store: (index: string) => string;
  readonly cols: number;
  readonly type: "float32" | "uint8" | "uint32";
  readonly scale: number;
}

/** Numbers that one invocation copies: a word's, if rows of bytes start at whole words. */
export const perInvocation = ({ type, cols }: GatherSource): number => (type === "uint8" && cols % 4 === 0 ? 4 : 1);

/** Statements that copy what lies at `column` of `row`; `source` is the row of the data set. */
function copy(gather: GatherSource): string {
  const { data, store, cols, type, scale } = gather;
  const to = `row * ${cols}u + column`;
  if (perInvocation(gather) === 4) {
    return `let word = unpack4xU8(${data}[(source * ${cols}u + column) / 4u]);
    ${[0, 1, 2, 3].map((i) => `${store(`${to} + ${i}u`)} = f32(word[${i}]) * ${literal(scale)};`).join("\n    ")}`;
  }
  const at = `source * ${cols}u + column`;
  const value = {
    uint8: `f32((${data}[(${at}) / 4u] >> (((${at}) % 4u) * 8u)) & 0xffu) * ${literal(scale)}`,
    uint32: `f32(${data}[${at}])`,
    float32: scale === 1 ? `${data}[${at}]` : `${data}[${at}] * ${literal(scale)}`,
  }[type];
  return `${store(to)} = ${value};`;
}

/** Invocations that one row takes. */
export const invocationsPerRow = (sources: readonly GatherSource[]): number =>
  sources.reduce((sum, source) => sum + source.cols / perInvocation(source), 0);

/** Statements of one invocation: what invocation `index` of a mini-batch copies, if there is such a row. */
export function gatherStatements(sources: readonly GatherSource[]): string {
  let start = 0;
  const branches = sources.map((source) => {
    const width = source.cols / perInvocation(source);
    const text = `if (place >= ${start}u && place < ${start + width}u) {
      let column = (place - ${start}u) * ${perInvocation(source)}u;
      ${copy(source)}
    }`;
    start += width;
    return text;
  });
  return wgsl`let row = index / ${start}u;
  let place = index % ${start}u;
  if (row < step.rows) {
    let source = order[step.offset + row];
    ${branches.join("\n    ")}
  }`;
}

export const gatherKernel = (sources: readonly GatherSource[], buffers: readonly BufferDeclaration[]): string =>
  wgsl`${declare(buffers)}${FLAT_INDEX}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let index = flat_index(workgroup, workgroups, lane);
  ${gatherStatements(sources)}
}
`;
