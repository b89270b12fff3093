// How a matrix product is cut: numbers per invocation and invocations per workgroup. Pure arithmetic on the shape.

import type { ProductTile } from "../../shaders/product.wgsl.ts";

const LANES = 32;

/**
 * A tile for an (m, n) product. Up to 16 × 4 numbers an invocation reuse what was read; neighbouring invocations take
 * neighbouring columns. Small products get small tiles, so that there are workgroups enough for every core.
 */
export function chooseTile(m: number, n: number): ProductTile {
  const tileCols = n >= LANES ? 4 : 1;
  const lanesX = Math.min(LANES, Math.ceil(n / tileCols));
  const lanesY = Math.max(1, Math.floor(LANES / lanesX));
  const tileRows = [16, 8, 4, 2].find((rows) => m >= rows * 4) ?? 1;
  return { tileRows, tileCols, lanesX, lanesY };
}
