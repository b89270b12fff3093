// The formulas that kernels are written from, by name. A plan is given them: those that most networks need, or all.

import { DERIVATIVE, VALUE, type ActivationTexts } from "../../shaders/activations.wgsl.ts";
import { SUMS, type LossTable } from "../../shaders/losses.wgsl.ts";
import type { ProductWriter } from "../../shaders/product-part.wgsl.ts";
import { UPDATES, type UpdateTable } from "../../shaders/update.wgsl.ts";

export interface Formulas {
  /** σ of z. */
  readonly values: ActivationTexts;
  /** σ′ of z or a. */
  readonly derivatives: ActivationTexts;
  readonly losses: LossTable;
  readonly updates: UpdateTable;
  /** Writes products that are staged in workgroup memory. */
  readonly staged?: ProductWriter;
}

/** What a page loads at once; uncommon.ts has all of them. */
export const COMMON_FORMULAS: Formulas = { values: VALUE, derivatives: DERIVATIVE, losses: SUMS, updates: UPDATES };
