// What data, graphs and plans of recurrent networks need, behind one door: pages without a recurrent layer never load it. Normalizations
// need it too, and more.

import * as graph from "../../graph/recurrent.ts";
import { SEQUENCES } from "../../schedule/sequences.ts";
import * as checks from "../data/sequences.ts";
import { loadNormalized } from "../../lazy.ts";
import type { More } from "./more.ts";

/** @throws what the host says where the file of the normalizations cannot be loaded */
export async function more(normalizes: boolean): Promise<More> {
  const all = { graph, checks, SEQUENCES };
  return normalizes ? (await loadNormalized()).withNormalizations(all) : all;
}
