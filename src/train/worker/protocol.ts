// What the page and the worker that trains for it say to each other. Everything here can be cloned to another thread.

import {
  DeltapropError,
  DeviceLostError,
  DivergenceError,
  FormatError,
  GpuError,
  InputError,
  OutOfMemoryError,
  UnsupportedError,
} from "../../errors.ts";
import type { Network, Recipe } from "../../model/network.ts";
import type { Schedule } from "../../model/schedules.ts";
import type { Precision } from "../../schedule/precision.ts";
import type { Backend, Floats } from "../backend/backend.ts";
import type { Dataset } from "../data/data.ts";
import type { History } from "../loop/history.ts";
import type { NamedState } from "../call/callback-list.ts";
import type { Callbacks, CheckedFitOptions, FitOptions } from "../call/fit-options.ts";
import type { Snapshot } from "../recovery/journal.ts";
import type { Position } from "../loop/passes.ts";

/** All that a fit() in another thread begins with. */
export interface WorkerJob {
  readonly network: Network;
  /** As compile() was given it. Its schedule is without a formula: model/rebuild-schedule.ts. */
  readonly recipe: Recipe;
  /** What the learning rate was set to since; null if it was not. */
  readonly assignedRate: Schedule | null;
  readonly backend: Backend["kind"];
  readonly precision: Precision | undefined;
  readonly debug: Backend["debug"];
  readonly autotune: boolean;
  readonly start: Snapshot;
  readonly data: Dataset;
  /** The data are those of a handle: where training by steps stands in them. */
  readonly handle: { readonly position: Position | null } | null;
  readonly validation: Dataset | null;
  readonly checked: CheckedFitOptions;
  readonly options: Pick<FitOptions, "shuffle" | "initialEpoch">;
  /** Where there are stores of checkpoints. They stay with the page. */
  readonly checkpoint: { readonly every: number | undefined } | null;
  readonly resumes: boolean;
  /** Those that the page wants to be told. */
  readonly callbacks: readonly (keyof Callbacks)[];
  /** Of those that have a state, for checkpoints; null where none are written. */
  readonly states: readonly NamedState[] | null;
}

export type ToWorker =
  | { readonly type: "train"; readonly job: WorkerJob }
  | { readonly type: "pause" | "resume" | "stop" | "resetStates" }
  /** What callbacks, or the page otherwise, have set of the model; the schedule is without a formula. */
  | { readonly type: "steer"; readonly assignedRate: Schedule | null; readonly stopped: boolean }
  /** The callback is over, and left these states, if they are asked for; where it threw, training is to end as by an error. */
  | { readonly type: "answer"; readonly id: number; readonly threw: boolean; readonly states: readonly NamedState[] | null }
  /** A callback wants the weights. */
  | { readonly type: "read"; readonly question: number }
  | { readonly type: "stored"; readonly id: number; readonly bytes: Uint8Array | null; readonly error: SentError | null };

/** How it ended, and what the model is now. */
export interface End {
  readonly history: History | null;
  readonly error: SentError | null;
  readonly left: Snapshot | null;
  readonly position: Position | null;
  /** As in Job: a checkpoint may have brought another. */
  readonly assignedRate: Schedule | null;
}

export type ToPage =
  | { readonly type: "ready" }
  | { readonly type: "standing" }
  /** `told`: so many steps were trained. */
  | {
      readonly type: "call";
      readonly id: number;
      readonly name: keyof Callbacks;
      readonly arguments: readonly unknown[];
      readonly told: number;
    }
  /** The states that a checkpoint holds: answered as a callback is. */
  | { readonly type: "adopt"; readonly id: number; readonly states: readonly NamedState[] | null }
  | {
      readonly type: "weights";
      readonly question: number;
      readonly weights: ReadonlyMap<string, Floats> | null;
      readonly error: SentError | null;
    }
  /** Reads from a store of the user's, or writes to it. */
  | {
      readonly type: "store";
      readonly id: number;
      readonly of: "checkpoint" | "resumeFrom";
      readonly arguments: readonly [name: string, bytes?: Uint8Array<ArrayBuffer>];
    }
  | { readonly type: "end"; readonly end: End };

const CLASSES: Readonly<Record<string, { readonly prototype: Error } | undefined>> = {
  DeltapropError,
  InputError,
  FormatError,
  UnsupportedError,
  DivergenceError,
  GpuError,
  OutOfMemoryError,
  DeviceLostError,
};

/** An error as it crosses: its class is found again by its name. */
export interface SentError {
  readonly message: string;
  readonly stack: string | undefined;
  /** Its name, and what else its class keeps beside the message. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export function sendError(error: unknown): SentError {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined, fields: { name: "Error" } };
  return { message: error.message, stack: error.stack, fields: { ...error, name: error.name } };
}

export function receiveError({ message, stack, fields }: SentError): Error {
  const error = Object.setPrototypeOf(new Error(message), (CLASSES[String(fields.name)] ?? Error).prototype) as Error;
  return Object.assign(error, fields, stack === undefined ? {} : { stack });
}
