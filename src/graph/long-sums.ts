// Sums over the rows of huge mini-batches: where a float32 sum of so many terms would lose digits, it is done in blocks of blocks.
// A sum of n terms one after the other errs by up to n·2⁻²⁴, and does so where terms are alike; blocks of 32 terms, 32 blocks of those
// and so on err by up to 33·2⁻²⁴ a level. The order is fixed by the plan. It is not a compensated sum: WGSL may reassociate those away.

import type { ProductForm } from "./types.ts";

/** Sums of at most so many terms are done one after the other. */
export const LONG = 4096;
/** Terms of a block, and blocks of a block. */
export const BLOCK = 32;
/** Lanes that share a sum at the most, whose sums are added one after the other. */
const SHARES = 64;

/** Levels of blocks above the terms, in a sum of at most so many; 0: one after the other. */
export const levelsOf = (terms: number): number => (terms <= LONG ? 0 : Math.ceil(Math.log(terms) / Math.log(BLOCK) - 1e-9) - 1);

/** How many roundings a term meets at the most in a sum over rows. */
export const roundingsOf = (terms: number): number =>
  terms <= LONG ? Math.max(terms - 1, 0) : (BLOCK + 1) * (levelsOf(terms) + 1) + SHARES;

/** How many roundings a term of a product meets at the most. BP4 (leftTransposed) sums over rows: in blocks if they are many. */
export const productRoundings = (form: ProductForm, terms: number, hasBias: boolean): number =>
  (form === "leftTransposed" ? roundingsOf(terms) + 1 : terms) + Number(hasBias);
