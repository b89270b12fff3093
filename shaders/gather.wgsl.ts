// gather: the rows of a mini-batch out of the data set, in the order of the epoch.
//   out[i, c] = data[order[offset + i], c] · scale
// Kernels read a gathered tensor straight from the data set, a number at a time: bytes stay four to a word. Where a step is
// a launch of its own, the rows are copied.

import { literal } from "./kernel.wgsl.ts";

export interface GatherVariant {
  readonly source: "float32" | "uint8" | "uint32";
  readonly scale: number;
}

/** Where row `row` of the mini-batch starts in a data set of `cols` columns. `order` and the result are expressions. */
export const gatheredRow = (order: string, row: string, cols: number): string => `${order}[step.offset + ${row}] * ${cols}u`;

/** Number `index` of the data set as a float. */
export function gatheredNumber(data: string, { source, scale }: GatherVariant, index: string): string {
  switch (source) {
    case "uint8":
      return `f32(i32((${data}[(${index}) >> 2u] >> (((${index}) & 3u) << 3u)) & 0xffu)) * ${literal(scale)}`;
    case "uint32":
      return `f32(${data}[${index}])`;
    case "float32":
      return scale === 1 ? `${data}[${index}]` : `${data}[${index}] * ${literal(scale)}`;
  }
}

/**
 * Four numbers from number `index` on, a multiple of 4, as a vec4f. Shifts are three times faster than unpack4xU8
 * in software, and floats are made of signed numbers faster.
 */
export const gatheredBytes = (data: string, scale: number, index: string): string =>
  `vec4f(vec4i((vec4u(${data}[(${index}) >> 2u]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u))) * ${literal(scale)}`;
