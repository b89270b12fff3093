// What graphs and plans of networks with batch or layer normalization need beside what those of sequences do, behind one door: pages without
// such layers never load it.

import * as normalization from "../../graph/normalization.ts";
import { withNormalizations as writing } from "../../schedule/normalization.ts";
import type { More } from "./more.ts";

export const withNormalizations = (recurrent: More): More => ({
  ...recurrent,
  graph: { ...recurrent.graph, ...normalization },
  SEQUENCES: writing(recurrent.SEQUENCES),
});
