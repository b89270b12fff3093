// gather: the rows of a mini-batch out of the data set, in the order of the epoch.
//   out[i, c] = data[order[offset + i], c] · scale
// Several data sets of one order (x and y) are gathered side by side by one launch. Bytes stay four to a word.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { declare, FLAT_INDEX, LANES, literal, type BufferDeclaration } from "./kernel.wgsl.ts";

export interface GatherSource {
  readonly data: string;
  readonly out: string;
  readonly cols: number;
  readonly type: "float32" | "uint8" | "uint32";
  readonly scale: number;
}

function load({ data, type, scale }: GatherSource): string {
  switch (type) {
    case "uint8": return `f32((${data}[source >> 2u] >> ((source & 3u) * 8u)) & 0xffu) * ${literal(scale)}`;
    case "uint32": return `f32(${data}[source])`;
    case "float32": return scale === 1 ? `${data}[source]` : `${data}[source] * ${literal(scale)}`;
  }
}

export function gatherKernel(sources: readonly GatherSource[], buffers: readonly BufferDeclaration[]): string {
  const width = sources.reduce((sum, { cols }) => sum + cols, 0);
  let start = 0;
  const branches = sources.map((source) => {
    const { out, cols } = source;
    const text = `if (place >= ${start}u && place < ${start + cols}u) {
    let col = place - ${start}u;
    let source = order[step.offset + row] * ${cols}u + col;
    ${out}[row * ${cols}u + col] = ${load(source)};
  }`;
    start += cols;
    return text;
  });
  return wgsl`${declare(buffers)}${FLAT_INDEX}
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let index = flat_index(workgroup, workgroups, lane);
  let row = index / ${width}u;
  let place = index % ${width}u;
  if (row >= step.rows) { return; }
  ${branches.join("\n  ")}
}
`;
}
