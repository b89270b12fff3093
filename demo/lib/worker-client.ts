// A room's worker, called as if it were an object of the page (comlink over postMessage). An error in the worker that nobody
// caught is told once, and every later call rejects.

import { wrap, type Remote } from "comlink";

export { proxy, transfer } from "comlink";
export type { Remote } from "comlink";

export interface WorkerClient<T> {
  readonly remote: Remote<T>;
  dispose(): void;
}

/**
 * @param worker as new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }) makes it, written out where it is
 * needed, because Vite looks for these very words
 * @param onFailure the worker could not be loaded or threw outside of a call
 */
export function connect<T>(worker: Worker, onFailure: (reason: string) => void): WorkerClient<T> {
  worker.addEventListener("error", (event) => onFailure(event.message || "worker"));
  worker.addEventListener("messageerror", () => onFailure("messageerror"));
  return { remote: wrap<T>(worker), dispose: () => worker.terminate() };
}
