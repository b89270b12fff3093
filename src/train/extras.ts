// What only some networks need, loaded for those when they are compiled.

import { loadResident } from "../gpu/load-resident.ts";
import { elementsOf, type Network } from "../model/network.ts";
import { MAX_RESIDENT_WEIGHTS } from "../schedule/launch.ts";
import type { Backend } from "./backend.ts";

const loadRecurrent = () => import("./recurrent.ts");

export interface Extras {
  /** For networks with recurrent layers. */
  readonly recurrent?: Awaited<ReturnType<typeof loadRecurrent>>;
  /** For those whose training may stay on the device from step to step. */
  readonly resident?: Awaited<ReturnType<typeof loadResident>>;
}

/** @throws what the host says where a file cannot be loaded, the network gone for example */
export async function loadExtras({ sequences, parameters }: Network, { residentBytes }: Backend): Promise<Extras> {
  if (sequences) return { recurrent: await loadRecurrent() };
  const weights = parameters.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  return residentBytes > 0 && weights <= MAX_RESIDENT_WEIGHTS ? { resident: await loadResident() } : {};
}
