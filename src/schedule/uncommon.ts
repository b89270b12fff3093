// Puts the formulas that few networks use into the tables that kernels are written from, and norms to clip by.

import { DERIVATIVE, VALUE } from "../../shaders/activations.wgsl.ts";
import { NORM_FUNCTIONS } from "../../shaders/norms.wgsl.ts";
import { SUMS } from "../../shaders/losses.wgsl.ts";
import { adagrad, huber, rmsprop, UNCOMMON_DERIVATIVE, UNCOMMON_VALUE } from "../../shaders/uncommon.wgsl.ts";
import { UPDATES } from "../../shaders/update.wgsl.ts";
import { NORM_WRITERS } from "./clip-factors.ts";
import { Norms } from "./norms.ts";

export function addUncommonFormulas(): void {
  Object.assign(VALUE, UNCOMMON_VALUE);
  Object.assign(DERIVATIVE, UNCOMMON_DERIVATIVE);
  Object.assign(SUMS, { huber });
  Object.assign(UPDATES, { rmsprop, adagrad });
  NORM_WRITERS.norms = { write: (factors) => new Norms(factors), functions: NORM_FUNCTIONS };
}
