// The jobs that a page or this process can run: each a function of plain values and typed arrays, told apart by a name.

import { runJob } from "./job.ts";
import { runTextJob } from "./text-job.ts";

const JOBS = { digits: runJob, text: runTextJob };

export type JobKind = keyof typeof JOBS;
type JobRunner<K extends JobKind> = (typeof JOBS)[K];

/** What to run, and on what. */
export interface Job<K extends JobKind = JobKind> {
  readonly kind: K;
  /** JSON values alone. */
  readonly request: Parameters<JobRunner<K>>[0];
  /** JSON values and typed arrays. */
  readonly data: Parameters<JobRunner<K>>[1];
}

export type HostOf<K extends JobKind> = Parameters<JobRunner<K>>[2];
export type ResultOf<K extends JobKind> = Awaited<ReturnType<JobRunner<K>>>;

/** @throws DeltapropError with a message for the user */
export function startJob<K extends JobKind>({ kind, request, data }: Job<K>, host: HostOf<K>): Promise<ResultOf<K>> {
  const run = JOBS[kind] as (...args: [typeof request, typeof data, typeof host]) => Promise<ResultOf<K>>;
  return run(request, data, host);
}
