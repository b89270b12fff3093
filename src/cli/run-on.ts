// Where a job runs: in headless Chrome, or in this process (the CPU always does).

import type { Say } from "./browser-install.ts";
import { runInChrome } from "./chrome-host.ts";
import type { JobData, JobHost, JobRequest, JobResult } from "./job.ts";
import { runInNode } from "./node-host.ts";

export type Runtime = "chrome" | "node";

/** @throws DeltapropError with a message for the user */
export function runOn(
  runtime: Runtime, request: JobRequest, data: JobData, host: JobHost, say: Say,
): Promise<JobResult> {
  return request.backend === "cpu" || runtime === "node"
    ? runInNode(request, data, host) : runInChrome(request, data, host, say);
}
