// What fit() takes, and what is wrong with it.

import { InputError } from "../errors.ts";
import { checkCount, checkFlag, checkOptions, show } from "../model/checks.ts";
import type { CheckpointStore } from "../storage/checkpoint-store.ts";
import type { DeviceLoss } from "./backend.ts";
import type { Features, Targets } from "./data.ts";
import { isHandle, type LabelledDatasetHandle } from "./dataset.ts";
import type { Lengths } from "./shape.ts";

/** Loss and metrics by name; validation's with "val_" before the name. */
export type Logs = Record<string, number>;

/** What fit() tells of a lost device. */
export interface DeviceLostInfo extends DeviceLoss {
  /** Steps trained before it, over all fit() of this compile(): training goes on behind them. */
  readonly step: number;
  /** 1, or more where the device before was lost, too, with nothing saved in between. */
  readonly recovery: number;
}

/** What fit() tells of the checkpoint that it goes on from. */
export interface ResumeInfo {
  /** The epoch under way, counted from 0. */
  readonly epoch: number;
  /** Its mini-batches that were trained before. */
  readonly batch: number;
  /** Mini-batches that were trained before, over all epochs. */
  readonly steps: number;
}

/** Functions of yours that fit() calls. An error that one throws comes out of fit(), and training stops at a step boundary. */
export interface Callbacks {
  /** Before all others, where `resumeFrom` held a checkpoint. */
  onResume?(info: ResumeInfo): void | Promise<void>;
  onTrainBegin?(): void | Promise<void>;
  /** Before its first mini-batch: not for the epoch in whose middle a checkpoint was taken. */
  onEpochBegin?(epoch: number): void | Promise<void>;
  /**
   * After each mini-batch, `batch` counting from 0 within the epoch; `logs` are that mini-batch's and `size`, its rows.
   * Batches run ahead on the GPU and are reported in order, a few at a time. It must not be async: fit() then rejects
   * with an InputError.
   */
  onBatchEnd?(batch: number, logs: Logs): void;
  /** Averages over the epoch, and validation's where there is any. */
  onEpochEnd?(epoch: number, logs: Logs): void | Promise<void>;
  onTrainEnd?(): void | Promise<void>;
  /**
   * The GPU was lost: the driver was reset, its process crashed, the machine slept. fit() waits for this function, takes another
   * device, and goes on as if nothing had happened; other callbacks are told of no step twice.
   */
  onDeviceLost?(info: DeviceLostInfo): void | Promise<void>;
}

export interface CheckpointOptions {
  readonly store: CheckpointStore;
  readonly every?: number;
}

export type OnNaN = "stop" | "rollback" | "ignore";

/** What fit() takes. */
export interface FitOptions {
  /** Passes over the data, a whole number ≥ 1; default 1. */
  epochs?: number;
  /**
   * Mini-batches to train in place of epochs, a whole number ≥ 1: they go through the data as often as it takes, each pass
   * in a new order if shuffled. To callbacks, validation and history all of them are one epoch, as with Keras'
   * steps_per_epoch. With a handle the next fit() by steps of this model goes on where this one stopped, within a pass too,
   * so that N steps and then M are the same as N + M; it starts a new pass after compile() and where shuffle or
   * validationSplit changed. With arrays each call starts at the first row.
   */
  steps?: number;
  /** Rows of a mini-batch, a whole number ≥ 1; the last one of an epoch may be smaller; default 32. */
  batchSize?: number;
  /** Share of the rows in [0, 1), the last ones, kept for validation after each epoch; default 0. */
  validationSplit?: number;
  /** [x, y] to validate on instead, of the shapes of fit()'s own x and y and with the same scale; or a handle. */
  validationData?: readonly [Features, Targets] | LabelledDatasetHandle;
  /** A new random order in each epoch, decided by the model's seed; default true. Must be false with a stateful layer. */
  shuffle?: boolean;
  /** What one stored unit of x is worth, other than 0: 1 / 255 for pixels; required for a Uint8Array, else default 1. */
  scale?: number;
  /**
   * Of sequences of unequal length, padded at the end to the network's steps: how many steps of each row are no padding; default
   * all. Padded steps leave states, losses and gradients alone; means are over the others. (validationData: by a handle.)
   */
  lengths?: Lengths;
  /** Stops at a step boundary, in validation too; fit() then resolves with what was trained. */
  signal?: AbortSignal;
  /**
   * What to do when loss or weights are no finite numbers any more: "stop" (default) rejects with a DivergenceError that names step
   * and tensor; "rollback" leaves out the mini-batches that led there and goes on, three times at most, with a line on the
   * console; "ignore" trains on. With both of the first the model is as it was before the step that made the first such number.
   */
  onNaN?: OnNaN;
  /**
   * Saves all that training goes on from, every so many mini-batches and at the end: weights, optimizer, step, schedule, order and
   * place in the data, history. Training waits only where the store is slower than that; where it fails, a line on the console says
   * so and training goes on. `every` is a whole number ≥ 1, by default the mini-batches of an epoch.
   */
  checkpoint?: CheckpointOptions;
  /**
   * Goes on from the newest checkpoint of this store that is whole, in the middle of an epoch too, and ends as if nothing had been
   * interrupted, bit for bit on the same adapter; from the start where the store holds none. Model, data and options must be those of
   * the fit() that saved it, but for `epochs`. A damaged one is never used: fit() rejects with a FormatError and the model unchanged.
   */
  resumeFrom?: CheckpointStore;
  /** Called while training; see Callbacks. */
  callbacks?: Callbacks;
  /** 0 (default) prints nothing; 1 or 2 print a line on the console after each epoch. */
  verbose?: 0 | 1 | 2;
}

/** What fit() takes with a handle, which has a scale and lengths of its own. */
export type DatasetFitOptions = Omit<FitOptions, "scale" | "lengths">;

export interface CheckedFitOptions {
  readonly epochs: number;
  /** Null for whole epochs. */
  readonly steps: number | null;
  readonly batchSize: number;
  readonly validationSplit: number;
  readonly onNaN: OnNaN;
}

const KNOWN = ["epochs", "batchSize", "steps", "validationSplit", "validationData", "shuffle", "scale", "lengths", "signal", "onNaN",
  "checkpoint", "resumeFrom",
  "callbacks", "verbose"];

export const CALLBACKS: readonly (keyof Callbacks)[] = ["onTrainBegin", "onResume", "onEpochBegin", "onBatchEnd", "onEpochEnd", "onTrainEnd", "onDeviceLost"];

/** An object may hold more than callbacks, but nothing that looks like one and would never be called. */
function checkCallbacks(callbacks: object): void {
  if (typeof callbacks !== "object" || Array.isArray(callbacks)) {
    throw new InputError(`fit(): callbacks must be an object of functions; got ${show(callbacks)}.`);
  }
  const unknown = Object.keys(callbacks).find((key) => /^on[A-Z]/.test(key) && !(CALLBACKS as readonly string[]).includes(key));
  if (unknown !== undefined) {
    throw new InputError(`fit(): unknown callback ${unknown}. Known: ${CALLBACKS.join(", ")}.`);
  }
  for (const [key, value] of CALLBACKS.map((name) => [name, (callbacks as Record<string, unknown>)[name]] as const)) {
    if (value !== undefined && typeof value !== "function") {
      throw new InputError(`fit(): callbacks.${key} must be a function; got ${show(value)}.`);
    }
  }
}

function checkStore(name: string, store: unknown): void {
  const { read, write } = (store ?? {}) as Partial<CheckpointStore>;
  if (typeof read === "function" && typeof write === "function") return;
  throw new InputError(`fit(): ${name} must be a store with read() and write(); got ${show(store)}. Pass what indexedDBStore(), opfsStore() ` +
    "or fileStore() gave.");
}

/** @throws InputError naming the option that is wrong */
export function checkFitOptions(options: FitOptions): CheckedFitOptions {
  checkOptions("fit()", options, KNOWN);
  const { validationSplit = 0, validationData, signal } = options;
  if (!(typeof validationSplit === "number" && validationSplit >= 0 && validationSplit < 1)) {
    throw new InputError(`fit(): validationSplit must be in [0, 1); got ${show(validationSplit)}.`);
  }
  if (validationSplit > 0 && validationData) {
    throw new InputError("fit(): set validationSplit or validationData; got both.");
  }
  const isPair = Array.isArray(validationData) && validationData.length === 2;
  if (validationData && !isPair && !isHandle(validationData)) {
    throw new InputError(`fit(): validationData must be [x, y] or what dataset(x, y) gave; got ${show(validationData)}.`);
  }
  if (options.steps !== undefined && options.epochs !== undefined) {
    throw new InputError(`fit(): set epochs or steps; got both (epochs ${show(options.epochs)}, steps ${show(options.steps)}). ` +
      "steps counts mini-batches, whatever the number of passes.");
  }
  if (signal && typeof signal.aborted !== "boolean") {
    throw new InputError(`fit(): signal must be an AbortSignal; got ${show(signal)}. Pass controller.signal.`);
  }
  checkFlag("fit()", "shuffle", options.shuffle, true);
  if (![undefined, 0, 1, 2].includes(options.verbose)) {
    throw new InputError(`fit(): verbose must be 0, 1 or 2; got ${show(options.verbose)}.`);
  }
  const { onNaN = "stop" } = options;
  if (!["stop", "rollback", "ignore"].includes(onNaN)) {
    throw new InputError(`fit(): onNaN must be "stop", "rollback" or "ignore"; got ${show(onNaN)}.`);
  }
  checkCallbacks(options.callbacks ?? {});
  if (options.resumeFrom !== undefined) checkStore("resumeFrom", options.resumeFrom);
  if (options.checkpoint !== undefined) {
    checkOptions("fit(): checkpoint", options.checkpoint, ["store", "every"]);
    checkStore("checkpoint.store", options.checkpoint.store);
    if (options.checkpoint.every !== undefined) checkCount("fit(): checkpoint", "every", options.checkpoint.every);
  }
  return {
    epochs: checkCount("fit()", "epochs", options.epochs ?? 1),
    steps: options.steps === undefined ? null : checkCount("fit()", "steps", options.steps),
    batchSize: checkCount("fit()", "batchSize", options.batchSize ?? 32),
    validationSplit, onNaN,
  };
}

/** Rows to train on and rows kept for validation. @throws InputError if either would be empty */
export function splitRows(rows: number, validationSplit: number): { trained: number; kept: number } {
  // As Keras: the first ⌊rows·(1 − split)⌋ rows are trained on.
  const trained = Math.floor(rows * (1 - validationSplit));
  if (trained === 0 || (validationSplit > 0 && trained === rows)) {
    throw new InputError(`fit(): validationSplit ${validationSplit} of ${rows} rows leaves ${trained} to train on and ` +
      `${rows - trained} to validate with. Give more rows or another share.`);
  }
  return { trained, kept: rows - trained };
}
