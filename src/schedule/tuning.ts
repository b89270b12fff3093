// Products of a plan whose cut may be chosen by measuring, and how a choice is written down. Pure data, so that plans stay
// so: what was measured elsewhere comes in as a map.

import type { ProductCut } from "../../shaders/product-part.wgsl.ts";
import type { TileLimits } from "./tiles.ts";

/** How products are cut, by the key of the product. */
export type Choices = ReadonlyMap<string, ProductCut>;

/** A product spread over the whole grid: not one of a row program, whose rows decide how it is cut. */
export interface ProductSite {
  /** Says all that the speed of a cut depends on, within one device: form, sizes, where the left operand lies, epilogue. */
  readonly key: string;
  /** How it is cut in this plan. */
  readonly shape: ProductCut;
  /** What the model cuts it by; candidates.ts says how else it could be cut. */
  readonly product: { readonly m: number; readonly n: number; readonly k: number; readonly limits: TileLimits; readonly blocked: boolean };
  /** Multiplications and additions. */
  readonly flops: number;
}
