// Products of a plan whose cut may be chosen by measuring, and how a choice is written down. Pure data, so that plans stay
// so: what was measured elsewhere comes in as a map.

import type { ProductShape } from "../../shaders/product-part.wgsl.ts";

/** How products are cut, by the key of the product. */
export type Choices = ReadonlyMap<string, ProductShape>;

/** A product spread over the whole grid: not one of a row program, whose rows decide how it is cut. */
export interface ProductSite {
  /** Says all that the speed of a cut depends on, within one device: form, sizes, where the left operand lies, epilogue. */
  readonly key: string;
  /** How it is cut in this plan. */
  readonly shape: ProductShape;
  /** What else could be tried, the model's choice first. */
  readonly candidates: readonly ProductShape[];
  /** Multiplications and additions. */
  readonly flops: number;
}

/** A cut in words. Equal words, equal cuts. */
export function shapeName({ kind, tileRows, tileCols, lanesX, lanesY, lanesK, unroll, depth, broadcast }: ProductShape): string {
  return `${kind} ${tileRows}×${tileCols} lanes ${lanesX}×${lanesY}×${lanesK} unroll ${unroll} depth ${depth}${broadcast ? " quads" : ""}`;
}

/**
 * The candidate of that name; undefined if none has it. What is read from a cache, where anybody may have written, can only
 * ever choose among cuts that were made for this product and device.
 */
export const namedShape = (name: unknown, candidates: readonly ProductShape[]): ProductShape | undefined =>
  candidates.find((shape) => shapeName(shape) === name);
