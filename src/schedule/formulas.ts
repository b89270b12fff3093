// The formulas that kernels are written from, by name. A plan is given them: those that most networks need, or all.

import { DERIVATIVE, VALUE, type ActivationTexts } from "../../shaders/activations.wgsl.ts";
import type * as clip from "../../shaders/clip.wgsl.ts";
import { SUMS, type LossFormulas } from "../../shaders/losses.wgsl.ts";
import { formulaOf, type BlockWriter } from "../../shaders/kernel.wgsl.ts";
import type { metricRowStatements } from "../../shaders/metrics.wgsl.ts";
import type * as penalty from "../../shaders/penalty.wgsl.ts";
import type { ProductWriter } from "../../shaders/product-part.wgsl.ts";
import { UPDATES, type UpdateTable } from "../../shaders/update.wgsl.ts";
import { levelsOf } from "../graph/long-sums.ts";

export interface Formulas extends LossFormulas {
  /** σ of z. */
  readonly values: ActivationTexts;
  /** σ′ of z or a. */
  readonly derivatives: ActivationTexts;
  readonly updates: UpdateTable;
  /** Penalties on weights. */
  readonly penalty?: typeof penalty;
  /** Bounds on gradients. */
  readonly clip?: typeof clip;
  /** Writes metrics that few networks use as well. */
  readonly metricRows?: typeof metricRowStatements;
  /** Writes products that are staged in workgroup memory. */
  readonly staged?: ProductWriter;
  /** Puts long sums into blocks of blocks. */
  readonly blocks?: (levels: number) => BlockWriter;
}

/** What a sum of at most so many terms is done in; null: one after the other. */
export function blocksOf({ blocks }: Formulas, terms: number): BlockWriter | null {
  const levels = levelsOf(terms);
  return levels > 0 ? formulaOf({ blocks }, "blocks")(levels) : null;
}

/** What a page loads at once; uncommon.ts has all of them. */
export const COMMON_FORMULAS: Formulas = { values: VALUE, derivatives: DERIVATIVE, losses: SUMS, updates: UPDATES };
