// All formulas that kernels are written from, as a plan takes them: of tests whose networks have any of them.

import { blocks, staged } from "../../src/schedule/blocks.ts";
import type { PlanFormulas } from "../../src/schedule/norm-writer.ts";
import { ALL_FORMULAS } from "../../src/schedule/uncommon.ts";

export const FORMULAS: PlanFormulas = { ...ALL_FORMULAS, staged, blocks };
