// All formulas: those that few networks use beside the common ones. A name without a formula is an error of tsc.

import { DERIVATIVE, VALUE } from "../../shaders/activations.wgsl.ts";
import * as clip from "../../shaders/clip.wgsl.ts";
import { SUMS } from "../../shaders/losses.wgsl.ts";
import { NORM_FUNCTIONS } from "../../shaders/norms.wgsl.ts";
import * as penalty from "../../shaders/penalty.wgsl.ts";
import { adagrad, rmsprop, smooth, UNCOMMON_DERIVATIVE, UNCOMMON_SUMS, UNCOMMON_VALUE } from "../../shaders/uncommon.wgsl.ts";
import { UPDATES } from "../../shaders/update.wgsl.ts";
import type { Formulas } from "./formulas.ts";
import type { PlanFormulas } from "./norm-writer.ts";
import { Norms } from "./norms.ts";

export const ALL_FORMULAS = {
  values: { ...VALUE, ...UNCOMMON_VALUE }, derivatives: { ...DERIVATIVE, ...UNCOMMON_DERIVATIVE }, losses: { ...SUMS, ...UNCOMMON_SUMS }, smooth,
  penalty, clip, updates: { ...UPDATES, rmsprop, adagrad }, norms: { write: (factors) => new Norms(factors), functions: NORM_FUNCTIONS },
} satisfies PlanFormulas & { readonly [Table in "values" | "derivatives" | "losses" | "updates"]: Required<Formulas[Table]> };
