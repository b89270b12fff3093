// What the kinds of product share: how operands are read, how a product is cut, and which part of it a workgroup has.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import type { ProductForm } from "../src/graph/types.ts";
import type { BlockWriter } from "./kernel.wgsl.ts";

/** How a product reads an operand, by WGSL expressions. Rows and columns are those of the operand as it is stored. */
export interface Operand {
  /** A u32 that stands for a row, worked out once and then given to `at`: the gathered row, or where it starts. Default: the row. */
  readonly row?: (row: string) => string;
  /** The number at a row, by what `row` gave, and a column. */
  readonly at: (row: string, col: string) => string;
  /**
   * Columns col … col + 3 as a vec4f, col a multiple of 4. Only where the row's length is a multiple of 4. Worth giving for
   * bytes, four of which are one word, and on GPUs for a buffer of vec4f; SwiftShader reads a vec4f as four numbers.
   */
  readonly at4?: (row: string, col: string) => string;
}

/** How a product is cut. */
export interface ProductCut {
  readonly kind: "direct" | "workgroup";
  /** Numbers of `out` that one invocation owns; of kind "workgroup" multiples of 4. */
  readonly tileRows: number;
  readonly tileCols: number;
  /** Invocations of a workgroup along columns and along rows. */
  readonly lanesX: number;
  readonly lanesY: number;
  /** direct: invocations that share a tile, each summing its slice of K. Workgroups have lanesX·lanesY·lanesK invocations. */
  readonly lanesK: number;
  /** direct: terms that one iteration adds; K must be a multiple of it. */
  readonly unroll: number;
  /**
   * direct: four lanes share the reading of `left` by quadBroadcast. Asks for QUAD_BROADCAST at the top of the shader, lanesX
   * and tileRows in multiples of 4, and for an adapter that puts lanes 4i … 4i + 3 into one quad.
   */
  readonly broadcast: boolean;
  /** workgroup: terms that are in workgroup memory at once. */
  readonly depth: number;
}

export interface ProductPart extends ProductCut {
  readonly form: ProductForm;
  /** M and K as WGSL expressions: constants, or step.rows for the batch. For kind "workgroup" they must be uniform. */
  readonly m: string;
  readonly n: number;
  readonly k: string;
  /** direct: what the terms of a slice are summed in; left out: one after the other. */
  readonly blocks?: BlockWriter | null;
}

/** Quads of a staged operand: along its block, and from one k to the next. */
export const quadsOf = (v: ProductCut, side: "left" | "right") => {
  const along = (side === "left" ? v.lanesY * v.tileRows : v.lanesX * v.tileCols) / 4;
  return { along, stride: along + 1 };
};

/** Numbers by four of the workgroup array `staged`: left, then right. */
export const tiledQuads = (v: ProductCut): number => v.depth * (quadsOf(v, "left").stride + quadsOf(v, "right").stride);

/** What is done with one number: a WGSL statement. */
export type Finish = (value: string, row: string, col: string) => string;

/** Writes the statements of one kind. @param bias what is added to a column */
export type ProductWriter = (
  v: ProductPart,
  left: Operand,
  right: Operand,
  bias: ((col: string) => string) | null,
  finish: Finish,
) => string;

/** Numbers side by side as one value; one number is itself. */
export const vector = (values: readonly string[]): string =>
  values.length === 1 ? values[0] : `vec${values.length}f(${values.join(", ")})`;

export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Numbers of `out` that a workgroup owns. */
export const blockOf = (v: ProductCut) => ({ rows: v.lanesY * v.tileRows, cols: v.lanesX * v.tileCols });

export const lanesIn = (v: ProductCut): number => v.lanesX * v.lanesY * v.lanesK;

/** Which block of `out` a workgroup has: block_row, block_col. Blocks go row by row, so that a smaller m leaves out the last. */
export function place(v: ProductPart): string {
  const { rows, cols } = blockOf(v);
  const across = Math.ceil(v.n / cols);
  return wgsl`let m = ${v.m};
  let block_row = workgroup / ${across}u * ${rows}u;
  let block_col = workgroup % ${across}u * ${cols}u;`;
}
