// How work is cut: numbers per invocation, invocations per workgroup, rows per workgroup. Pure arithmetic on shapes.

import type { ProductTile } from "../../shaders/product.wgsl.ts";

/** Invocations of a workgroup. */
export const LANES = 32;
/** Rows that one workgroup of a row program takes. */
export const PROGRAM_ROWS = 16;
const MAX_ROWS = 16;

/**
 * A tile for an (m, n) product. Up to 16 × 4 numbers an invocation reuse what was read; neighbouring invocations take
 * neighbouring columns. A small batch is one tile high; larger ones are cut so that there is work for several cores.
 */
export function chooseTile(m: number, n: number): ProductTile {
  const tileCols = n >= MAX_ROWS ? 4 : 1;
  const tileRows = m <= MAX_ROWS ? m : m >= 4 * MAX_ROWS ? MAX_ROWS : MAX_ROWS / 2;
  return { tileRows, tileCols };
}

/** A tile for the rows of one workgroup of a row program: small enough that most invocations have one. */
export function chooseProgramTile(rows: number, n: number): ProductTile {
  const wanted = Math.ceil((rows * n) / LANES);
  const tileCols = n >= LANES ? Math.min(4, Math.ceil(n / LANES)) : 1;
  return { tileRows: Math.max(1, Math.min(rows, Math.ceil(wanted / tileCols))), tileCols };
}
