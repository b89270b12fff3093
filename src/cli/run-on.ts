// Where a job runs: in headless Chrome, or in this process (what the CPU computes always does). "auto" asks for WebGPU, which is what
// this command shows, and takes WebAssembly where there is none.

import { UnsupportedError } from "../errors.ts";
import { needsNoGpu, type BackendName } from "./backends.ts";
import type { Say } from "./browser-install.ts";
import { runInChrome } from "./chrome-host.ts";
import { debugLevel } from "./debug-level.ts";
import type { HostOf, Job, JobKind, ResultOf } from "./jobs.ts";
import { runInNode } from "./node-host.ts";

export type Runtime = "chrome" | "node";

const on = <K extends JobKind>(job: Job<K>, backend: BackendName): Job<K> => ({ ...job, request: { ...job.request, backend } });

/** With what the environment says is to be logged. @throws InputError if it says it wrongly */
const debugged = <K extends JobKind>(job: Job<K>): Job<K> => ({ ...job, request: { ...job.request, debug: debugLevel(process.env) } });

/** @throws DeltapropError with a message for the user */
export async function runOn<K extends JobKind>(runtime: Runtime, given: Job<K>, host: HostOf<K>, say: Say): Promise<ResultOf<K>> {
  const job = debugged(given),
    { backend } = job.request;
  const onGpu = (of: Job<K>) => (runtime === "node" ? runInNode(of, host, say) : runInChrome(of, host, say));
  if (needsNoGpu(backend)) return runInNode(job, host, say);
  if (backend !== "auto") return onGpu(job);
  try {
    return await onGpu(on(job, "webgpu"));
  } catch (error) {
    // Where no browser or no adapter can be had, nothing was trained.
    if (!(error instanceof UnsupportedError)) throw error;
    say(`There is no WebGPU here, so this trains on WebAssembly. (${error.message})`);
    return runInNode(on(job, "wasm"), host, say);
  }
}
