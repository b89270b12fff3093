// Activations, losses, metrics and optimizers that few networks have, penalties and clipping, behind one door.

import type { Uncommon } from "./emission.ts";
import { penaltyCell, penaltySum } from "./penalties.ts";
import { activate, derivative } from "./uncommon-functions.ts";
import { slopeOf, smooth, termOf } from "./uncommon-losses.ts";
import { metric } from "./uncommon-metrics.ts";
import { update } from "./uncommon-optimizers.ts";

export const UNCOMMON: Uncommon = {
  functions: { activate, derivative },
  cell: penaltyCell,
  sum: penaltySum,
  update,
  term: termOf,
  slope: slopeOf,
  smooth,
  metric,
};
