// Fetches what is done when training goes wrong before it does: when it is needed, the network may be gone.

import { loadRecovery, loadUnsupported } from "../../lazy.ts";

let ahead: Promise<unknown> | null = null;

/** Has it fetched in the background, once. */
export function fetchRecovery(): void {
  if (ahead) return;
  // Chrome would try again when it is needed, but Firefox (153) remembers what it could not load for as long as the page lives.
  if ((globalThis.navigator as Navigator | undefined)?.onLine === false) return;
  // A host that lost its GPU may have none for a while.
  ahead = Promise.allSettled([loadRecovery(), loadUnsupported()]);
}
