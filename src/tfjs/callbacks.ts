/**
 * `tf.callbacks.*`, and callbacks in the forms that fit() takes: an object, an array of objects, instances of tf.Callback.
 * @module
 */

import type { Logs } from "../index.ts";
import { environment } from "./environment.ts";
import type { Tensor } from "./tensor.ts";

export type { Logs };

export interface CallbackArguments {
  onTrainBegin?(logs?: Logs): unknown;
  onTrainEnd?(logs?: Logs): unknown;
  onEpochBegin?(epoch: number, logs?: Logs): unknown;
  onEpochEnd?(epoch: number, logs?: Logs): unknown;
  onBatchBegin?(batch: number, logs?: Logs): unknown;
  onBatchEnd?(batch: number, logs?: Logs): unknown;
  onYield?(epoch: number, batch: number, logs?: Logs): unknown;
}

/** The model as callbacks see it. */
export interface TrainedModel {
  stopTraining: boolean;
  getWeights(): Tensor[];
  setWeights(weights: readonly Tensor[]): void;
}

/** The base of callbacks that are classes. */
export class Callback {
  model!: TrainedModel;
  params: Record<string, unknown> = {};
  setModel(model: TrainedModel): void {
    this.model = model;
  }
  setParams(params: Record<string, unknown>): void {
    this.params = params;
  }
}

/** What fit() takes. */
export type GivenCallbacks = CallbackArguments | Callback | readonly (CallbackArguments | Callback)[] | null | undefined;

/** A callback made of functions. */
export class CustomCallback extends Callback {
  constructor(functions: CallbackArguments) {
    super();
    Object.assign(this, functions);
  }
}

export interface EarlyStoppingCallbackArgs {
  /** A key of the logs; default "val_loss". */
  monitor?: string;
  /** What counts as better, ≥ 0; default 0. */
  minDelta?: number;
  /** Epochs without a better one before training stops; default 0. */
  patience?: number;
  verbose?: number;
  /** "auto" (default): "max" for accuracies, else "min". */
  mode?: "auto" | "min" | "max";
  baseline?: number;
  /** Ends with the weights of the best epoch; TensorFlow.js has it not. Default false. */
  restoreBestWeights?: boolean;
}

/** Stops training when an epoch's number no longer gets better, by the rule of TensorFlow.js. */
export class EarlyStopping extends Callback {
  readonly #options: EarlyStoppingCallbackArgs;
  #best = 0;
  #waited = 0;
  #weights: Tensor[] | null = null;
  stoppedEpoch = 0;

  constructor(options: EarlyStoppingCallbackArgs = {}) {
    super();
    this.#options = options;
  }

  get #rises(): boolean {
    const { mode = "auto", monitor = "val_loss" } = this.#options;
    return mode === "max" || (mode === "auto" && monitor.includes("acc"));
  }

  onTrainBegin(): void {
    this.#best = this.#options.baseline ?? (this.#rises ? -Infinity : Infinity);
    this.#waited = this.stoppedEpoch = 0;
    this.#weights = null;
  }

  onEpochEnd(epoch: number, logs: Logs = {}): void {
    const { monitor = "val_loss", minDelta = 0, patience = 0, restoreBestWeights } = this.#options,
      current = logs[monitor] as number | undefined;
    if (current === undefined) {
      environment.warnOnce(
        `earlyStopping watches ${monitor}, but the logs hold ${Object.keys(logs).join(", ")}. Pass validationData or ` + `another monitor.`,
      );
      return;
    }
    const by = Math.abs(minDelta),
      isBetter = this.#rises ? current - by > this.#best : current + by < this.#best;
    // If none is better than a baseline, the first is the best.
    if (restoreBestWeights && (isBetter || !this.#weights)) this.#weights = this.model.getWeights();
    if (isBetter) {
      this.#best = current;
      this.#waited = 0;
    } else if (++this.#waited >= patience) {
      this.stoppedEpoch = epoch;
      this.model.stopTraining = true;
    }
  }

  onTrainEnd(): void {
    if (this.#weights) this.model.setWeights(this.#weights);
  }
}

export const earlyStopping = (options: EarlyStoppingCallbackArgs = {}): EarlyStopping => new EarlyStopping(options);

/** Calls all of them in order, and waits for each. */
export class CallbackList {
  readonly #all: readonly CallbackArguments[];

  constructor(given: GivenCallbacks) {
    this.#all =
      given === null || given === undefined ? [] : Array.isArray(given) ? (given as CallbackArguments[]) : [given as CallbackArguments];
  }

  start(model: TrainedModel, params: Record<string, unknown>): void {
    for (const one of this.#all) {
      if (!(one instanceof Callback)) continue;
      one.setModel(model);
      one.setParams(params);
    }
  }

  has(...names: (keyof CallbackArguments)[]): boolean {
    return this.#all.some((one) => names.some((name) => typeof one[name] === "function"));
  }

  async call(name: keyof CallbackArguments, ...given: unknown[]): Promise<void> {
    for (const one of this.#all) await (one[name] as ((...all: unknown[]) => unknown) | undefined)?.apply(one, given);
  }
}
