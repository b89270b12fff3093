// What fit() takes.

import type { Schedule } from "../../model/schedules.ts";
import type { CheckpointStore } from "../../storage/checkpoint-store.ts";
import type { DeviceLoss } from "../backend/backend.ts";
import type { Features, Targets } from "../data/data.ts";
import type { LabelledDatasetHandle } from "../data/dataset.ts";
import type { WeightOptions } from "../data/sample-weights.ts";
import { DEFAULT_BATCH } from "./options.ts";
import type { Lengths } from "../data/shape.ts";
import type { GivenWeight, Weight } from "./weights.ts";

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
  /** Before the first mini-batch, when everything is compiled. */
  onTrainBegin?(): void | Promise<void>;
  /** Before its first mini-batch: not for the epoch in whose middle a checkpoint was taken. */
  onEpochBegin?(epoch: number): void | Promise<void>;
  /**
   * After each mini-batch, `batch` counting from 0 within the epoch; `logs` are that mini-batch's and `size`, its rows.
   * Batches run ahead on the GPU and are reported in order, a few at a time. model.learningRate and model.stopTraining set here count
   * from the next mini-batch on: what ran ahead is taken back. A promise is waited for. From the first such change or promise on this
   * fit() runs no step ahead, which costs small networks most of their speed: a submit and its wait for every mini-batch.
   */
  onBatchEnd?(batch: number, logs: Logs): void | Promise<void>;
  /** Averages over the epoch, and validation's where there is any. */
  onEpochEnd?(epoch: number, logs: Logs): void | Promise<void>;
  /** After the last mini-batch and its validation. */
  onTrainEnd?(): void | Promise<void>;
  /**
   * The GPU was lost: the driver was reset, its process crashed, the machine slept. fit() waits for this function, takes another
   * device, and goes on as if nothing had happened; other callbacks are told of no step twice.
   */
  onDeviceLost?(info: DeviceLostInfo): void | Promise<void>;
}

/** The common ones, for which fit() stands still between epochs. (All of them are in callback-list.ts.) */
export const COMMON_CALLBACKS: readonly string[] = ["onEpochBegin", "onBatchEnd", "onEpochEnd"];

/** The fit() under way, as a Callback sees it. */
export interface FitRun {
  /** What it trains: set its `learningRate` or `stopTraining`. */
  readonly model: { learningRate: number | Schedule; stopTraining: boolean };
  /** Of the logs of an epoch: "loss", the metrics and, where there is validation, the same with "val_" before the name. */
  readonly names: readonly string[];
  /**
   * The weights as they are between two steps, also while trainInWorker() trains; not to be changed. In onBatchEnd they are those of its
   * mini-batch if it returns a promise for every one, from the first on.
   */
  readWeights(): Promise<Weight[]>;
  /** Weights that the model is to have when fit() resolves, in the order of readWeights(); null for those that it was trained to. */
  endWith(weights: readonly GivenWeight[] | null): void;
}

/** What a Callback keeps from epoch to epoch. */
export interface CallbackState {
  /** Plain JSON. */
  readonly values: unknown;
  /** What readWeights() gave, or null. */
  readonly weights: readonly GivenWeight[] | null;
}

/**
 * Callbacks that have a state. Those of `deltaprop/callbacks` are made so; write your own the same way. Checkpoints hold the states, in
 * order and with the names; a fit() that goes on from one has to have the same.
 */
export interface Callback extends Callbacks {
  readonly name?: string;
  /** Called before anything is trained, and before all others: the state begins anew. An error that it throws rejects fit(). */
  begin?(run: FitRun): void;
  /** What setState() takes, as it is between two steps. */
  getState?(): CallbackState;
  /** Called after begin(), before onTrainBegin(), where fit() goes on from a checkpoint. @throws FormatError if it is no such state */
  setState?(state: CallbackState): void;
}

/** Where fit() saves checkpoints, and how often. */
export interface CheckpointOptions {
  readonly store: CheckpointStore;
  readonly every?: number;
}

/** What fit() does when loss or weights are no longer finite; see FitOptions.onNaN. */
export type OnNaN = "stop" | "rollback" | "ignore";

/** What fit() takes. */
export interface FitOptions extends WeightOptions {
  /** Passes over the data, a whole number ≥ 1; default 1. The last one has the number epochs − 1. */
  epochs?: number;
  /** The number of the first epoch, below `epochs`: so many fewer are trained, as in Keras; default 0. */
  initialEpoch?: number;
  /**
   * Mini-batches of an epoch, a whole number ≥ 1, in place of a pass over the data: each epoch goes on where the one before ended, and
   * where the data end, with the next pass. Default: as many as a pass has.
   */
  stepsPerEpoch?: number;
  /** Mini-batches of `batchSize` rows to validate on, from the first row on, a whole number ≥ 1; default all. */
  validationSteps?: number;
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
  /**
   * [x, y] to validate on instead, of the shapes of fit()'s own x and y and with the same scale, or [x, y, sampleWeight]; or a handle.
   * Nothing else of them is weighted: classWeight is of training alone. The rows of validationSplit keep their sampleWeight.
   */
  validationData?: readonly [x: Features, y: Targets, sampleWeight?: Features] | LabelledDatasetHandle;
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
   * so and training goes on. After an abort or dispose() a store has 5 seconds to answer. `every` is a whole number ≥ 1, by default the mini-batches of an epoch.
   */
  checkpoint?: CheckpointOptions;
  /**
   * Goes on from the newest checkpoint of this store that is whole, in the middle of an epoch too, and ends as if nothing had been
   * interrupted, bit for bit on the same adapter; from the start where the store holds none. Model, data and options must be those of
   * the fit() that saved it, but for `epochs`. A damaged one is never used: fit() rejects with a FormatError and the model unchanged.
   */
  resumeFrom?: CheckpointStore;
  /** Called while training; see Callbacks. An array of them is called in order, each when what the one before returned has resolved. */
  callbacks?: Callback | readonly Callback[] | null;
  /** 0 (default) prints nothing; 1 or 2 print a line on the console after each epoch. */
  verbose?: 0 | 1 | 2;
}

/** What fit() takes with a handle, which has a scale, lengths and sample weights of its own. */
export type DatasetFitOptions = Omit<FitOptions, "scale" | "lengths" | "sampleWeight">;

export interface CheckedFitOptions {
  readonly epochs: number;
  /** Null for whole epochs. */
  readonly steps: number | null;
  readonly batchSize: number;
  readonly validationSplit: number;
  readonly onNaN: OnNaN;
  /** Mini-batches to validate on; Infinity for all. */
  readonly validationSteps: number;
}

/** Options with their callbacks made one, which also prints what `verbose` asks for and counts from `initialEpoch`; `epochs` are those to train. */
export type RunOptions = Omit<FitOptions, "callbacks"> & { callbacks?: Callbacks };

/** Options that were found right, with their defaults. */
export const withDefaults = ({
  epochs,
  steps,
  stepsPerEpoch,
  batchSize,
  validationSplit = 0,
  onNaN = "stop",
  validationSteps,
}: RunOptions): CheckedFitOptions => ({
  epochs: epochs ?? 1,
  steps: steps ?? stepsPerEpoch ?? null,
  batchSize: batchSize ?? DEFAULT_BATCH,
  validationSplit,
  onNaN,
  validationSteps: validationSteps ?? Infinity,
});

/** Rows to train on and rows kept for validation; null if either would be empty, which has been refused before training. */
export function splitRows(rows: number, validationSplit = 0): { trained: number; kept: number } | null {
  // As Keras: the first ⌊rows·(1 − split)⌋ rows are trained on.
  const trained = Math.floor(rows * (1 - validationSplit));
  return trained === 0 || (validationSplit > 0 && trained === rows) ? null : { trained, kept: rows - trained };
}
