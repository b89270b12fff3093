// Where a job runs: in headless Chrome, or in this process (what the CPU computes always does).

import { needsNoGpu } from "./backends.ts";
import type { Say } from "./browser-install.ts";
import { runInChrome } from "./chrome-host.ts";
import type { HostOf, Job, JobKind, ResultOf } from "./jobs.ts";
import { runInNode } from "./node-host.ts";

export type Runtime = "chrome" | "node";

/** @throws DeltapropError with a message for the user */
export function runOn<K extends JobKind>(runtime: Runtime, job: Job<K>, host: HostOf<K>, say: Say): Promise<ResultOf<K>> {
  return needsNoGpu(job.request.backend) || runtime === "node" ? runInNode(job, host) : runInChrome(job, host, say);
}
