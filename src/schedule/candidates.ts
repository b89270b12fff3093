// How a product could be cut, for who measures (gpu/autotune.ts, train/engines/canary.ts), and how a choice is written down.

import type { ProductCut } from "../../shaders/product-part.wgsl.ts";
import { blocksFor, chooseVariant, directCuts, directForGpu, GPU_TILES, softwareCost, softwareShapes, type TileLimits } from "./tiles.ts";
import type { ProductSite } from "./tuning.ts";

/** A cut in words. Equal words, equal cuts. */
export function shapeName({ kind, tileRows, tileCols, lanesX, lanesY, lanesK, unroll, depth, broadcast }: ProductCut): string {
  return `${kind} ${tileRows}×${tileCols} lanes ${lanesX}×${lanesY}×${lanesK} unroll ${unroll} depth ${depth}${broadcast ? " quads" : ""}`;
}

/**
 * The candidate of that name; undefined if none has it. What is read from a cache, where anybody may have written, can only
 * ever choose among cuts that were made for this product and device.
 */
export const namedShape = (name: unknown, candidates: readonly ProductCut[]): ProductCut | undefined =>
  candidates.find((shape) => shapeName(shape) === name);

/** What is worth timing on the device at hand, the model's choice first; all of them fit it. */
export function candidates(m: number, n: number, k: number, limits: TileLimits, blocked = false): ProductCut[] {
  const chosen = chooseVariant(m, n, k, limits, blocked);
  const others =
    limits.kind === "software"
      ? [...softwareShapes(limits, blocked)].sort((a, b) => softwareCost(a, m, n, k) - softwareCost(b, m, n, k)).slice(0, 6)
      : [
          ...(blocked ? [] : blocksFor(limits)),
          ...directCuts(m, n, k, limits),
          ...GPU_TILES.slice(0, 3).map(([rows, cols]) => directForGpu(rows, cols, 1, n, limits.lanes)),
        ];
  return [...new Map([chosen, ...others].map((shape) => [shapeName(shape), shape])).values()];
}

export const candidatesFor = ({ product: { m, n, k, limits, blocked } }: ProductSite): ProductCut[] => candidates(m, n, k, limits, blocked);
