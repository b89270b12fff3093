// What the host asks of a page or a process, and what comes back, as text.

import type { GpuCounts } from "./gpu-counters.ts";
import type { RooflineQuestion, RooflineResult } from "./roofline/report.ts";

export interface Question {
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
  /** Of a training; of a product, how far its answer is off (productError). */
  readonly outcome: { readonly losses: readonly number[] } | { readonly productError: number };
  /** Per step or product; null without a GPU. */
  readonly counts: GpuCounts | null;
  readonly peakBytes: number | null;
}

export interface TimeResult {
  readonly kind: "time";
  /** Steps, or products. */
  readonly steps: number;
  readonly seconds: number;
  /** From before the bundle is fetched to the loss of the first step, or the first product, on the CPU. */
  readonly coldMillis: number;
  /** Names of the files that the contender had the page fetch. */
  readonly fetched: readonly string[];
}

export type Result = CheckResult | TimeResult;

export type AnyQuestion = Question | RooflineQuestion;
export type AnyResult = Result | RooflineResult;

const NOT_FINITE = "not finite: ";

/** JSON, which has no NaN: one that became null on its way would pass for 0. */
export const toText = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === "number" && !Number.isFinite(part) ? NOT_FINITE + part : part));

export const fromText = (text: string): unknown =>
  JSON.parse(text, (_, part: unknown) =>
    typeof part === "string" && part.startsWith(NOT_FINITE) ? Number(part.slice(NOT_FINITE.length)) : part,
  );

/** What page.ts puts on its global object. */
export interface PageApi {
  /** @param question an AnyQuestion as text; so is the AnyResult */
  answer(question: string): Promise<string>;
  describeAdapter(): Promise<string>;
}
