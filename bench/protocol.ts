// What the host asks of a page, and what comes back. JSON.

import type { GpuCounts } from "./gpu-counters.ts";

export interface PageRequest {
  readonly kind: "check" | "time";
  readonly bundle: string;
  readonly device: "webgpu" | "wasm";
  readonly workload: string;
  /** check: the first losses. */
  readonly lossSteps: number;
  /** time: how long to measure. */
  readonly seconds: number;
}

export interface CheckResult {
  readonly kind: "check";
  readonly losses: readonly number[];
  /** Per step; null without a GPU. */
  readonly counts: GpuCounts | null;
  readonly peakBytes: number | null;
}

export interface TimeResult {
  readonly kind: "time";
  readonly steps: number;
  readonly seconds: number;
  /** From before the bundle is fetched to the loss of the first step on the CPU. */
  readonly coldMillis: number;
  /** Names of the files that the contender had the page fetch. */
  readonly fetched: readonly string[];
}

export type PageResult = CheckResult | TimeResult;

/** What page.ts puts on its global object. */
export interface PageApi {
  run(request: PageRequest): Promise<PageResult>;
  describeAdapter(): Promise<string>;
}
