// All formulas: those that few networks use beside the common ones. A name without a formula is an error of tsc.

import { DERIVATIVE, VALUE } from "../../shaders/activations.wgsl.ts";
import { clipFactorFunction, clipValueFunction } from "../../shaders/clip.wgsl.ts";
import { SUMS } from "../../shaders/losses.wgsl.ts";
import { NORM_FUNCTIONS } from "../../shaders/norms.wgsl.ts";
import { penaltyGradientFunction, penaltyTermFunction } from "../../shaders/penalty.wgsl.ts";
import {
  adadelta,
  adagrad,
  adamax,
  lion,
  metricRows,
  rmsprop,
  smooth,
  UNCOMMON_DERIVATIVE,
  UNCOMMON_SUMS,
  UNCOMMON_VALUE,
} from "../../shaders/uncommon.wgsl.ts";
import { UPDATES } from "../../shaders/update.wgsl.ts";
import type { Formulas } from "./formulas.ts";
import type { PlanFormulas } from "./norm-writer.ts";
import { Norms } from "./norms.ts";

export const ALL_FORMULAS = {
  values: { ...VALUE, ...UNCOMMON_VALUE },
  derivatives: { ...DERIVATIVE, ...UNCOMMON_DERIVATIVE },
  losses: { ...SUMS, ...UNCOMMON_SUMS },
  smooth,
  metricRows,
  penalty: { penaltyGradientFunction, penaltyTermFunction },
  clip: { clipFactorFunction, clipValueFunction },
  updates: { ...UPDATES, rmsprop, adagrad, adadelta, adamax, lion },
  norms: { write: (factors) => new Norms(factors), functions: NORM_FUNCTIONS },
} satisfies PlanFormulas & { readonly [Table in "values" | "derivatives" | "losses" | "updates"]: Required<Formulas[Table]> };
