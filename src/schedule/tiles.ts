// How a matrix product is cut: numbers per invocation and invocations per workgroup. Pure arithmetic on the shape.

import type { ProductTile } from "../../shaders/product.wgsl.ts";

const LANES_X = 16;
const LANES = 32;
const MAX_ROWS = 16;

/**
 * A tile for an (m, n) product. Up to 16 × 4 numbers an invocation reuse what was read; neighbouring invocations take
 * neighbouring columns. A small batch is one tile high; larger ones are cut so that there is work for several cores.
 */
export function chooseTile(m: number, n: number): ProductTile {
  const tileCols = n >= MAX_ROWS ? 4 : 1;
  const lanesX = Math.min(LANES_X, Math.ceil(n / tileCols));
  const tileRows = m <= MAX_ROWS ? m : m >= 4 * MAX_ROWS ? MAX_ROWS : MAX_ROWS / 2;
  const lanesY = Math.min(Math.max(1, Math.floor(LANES / lanesX)), Math.ceil(m / tileRows));
  return { tileRows, tileCols, lanesX, lanesY };
}
