// What the command and its page say to each other, and under which names. All paths are relative to the page's own.

import { DeltapropError } from "../errors.ts";
import type { JobRequest, JobResult } from "./job.ts";

/** What stands for NaN and ±Infinity on the way: JSON has no such numbers and would make null of them. */
interface SentNumber {
  readonly notFinite: string;
}

const isSentNumber = (value: unknown): value is SentNumber =>
  typeof value === "object" && value !== null && "notFinite" in value;

/** JSON that keeps NaN and ±Infinity, for `fromJson`. */
export const toJson = (value: unknown): string => JSON.stringify(value, (_, part: unknown) =>
  (typeof part === "number" && !Number.isFinite(part) ? { notFinite: String(part) } satisfies SentNumber : part));

export const fromJson = (json: string): unknown => JSON.parse(json, (_, part: unknown) =>
  (isSentNumber(part) ? Number(part.notFinite) : part));

export const PATHS = {
  job: "job.json", weightsIn: "weights-in", weightsOut: "weights-out",
  trainImages: "train-images", trainLabels: "train-labels", testImages: "test-images", testLabels: "test-labels",
} as const;

/** What the page fetches first. */
export interface JobFile {
  readonly request: JobRequest;
  readonly train: { readonly rows: number; readonly features: number };
  readonly test: { readonly rows: number; readonly features: number };
  readonly hasWeights: boolean;
}

/** The weights do not travel with it: they are posted as safetensors. */
export type Outcome = Omit<JobResult, "weights">;

/** Functions that the command puts into the page; each takes what `toJson` makes. */
export const EVENT_FUNCTION = "deltapropEvent";
export const DONE_FUNCTION = "deltapropDone";
export const FAILED_FUNCTION = "deltapropFailed";
/** The function that the page offers: stop at the next step boundary. */
export const STOP_FUNCTION = "deltapropStop";

export interface SentError {
  readonly name: string;
  readonly message: string;
}

/** An error as it crosses between page and command. Those of the library are meant for the user as they are. */
export const toSent = (error: unknown): SentError =>
  error instanceof Error ? { name: error.name, message: error.message } : { name: "Error", message: String(error) };

export function fromSent({ name, message }: SentError): Error {
  const isOurs = /^(Deltaprop|Input|Format|Unsupported|Gpu)Error$/.test(name);
  return isOurs ? Object.assign(new DeltapropError(message), { name }) : new Error(`in the page: ${name}: ${message}`);
}
