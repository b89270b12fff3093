// Loads what is done when training goes wrong: the GPU is lost, or numbers are not finite.

import { loadRefusals } from "../../gpu/load-refusals.ts";

/** @throws what the host says where the file cannot be loaded, the network gone for example */
export const loadRecovery = () => import("./recovery.ts");

let ahead: Promise<unknown> | null = null;

/** Has it fetched in the background, once: when it is needed the network may be gone. */
export function fetchRecovery(): void {
  if (ahead) return;
  // Chrome would try again when it is needed, but Firefox (153) remembers what it could not load for as long as the page lives.
  if ((globalThis.navigator as Navigator | undefined)?.onLine === false) return;
  // A host that lost its GPU may have none for a while.
  ahead = Promise.allSettled([loadRecovery(), loadRefusals()]);
}
