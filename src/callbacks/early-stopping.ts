// earlyStopping(): ends training when a number of the logs gets no better, as Keras' EarlyStopping does.

import type { Callback, CallbackState, FitRun, GivenWeight, Logs } from "../index.ts";
import { checkFlag } from "../model/checks.ts";
import { checkNumber, checkWhole, Monitor, optionsOf, readNumbers, type MonitorOptions } from "./monitor.ts";

/** What earlyStopping() takes. */
export interface EarlyStoppingOptions extends MonitorOptions {
  /** What counts as better; default 0. */
  minDelta?: number;
  /** Epochs without a better number before training stops, a whole number ≥ 0; default 0. */
  patience?: number;
  /** 1 prints what it does; default 0. */
  verbose?: 0 | 1;
  /** What has to be bettered for patience to begin anew; default none. */
  baseline?: number;
  /**
   * Whether the model ends with the weights of the best epoch, also where fit() ends otherwise; default false. They are set when fit()
   * resolves, after onTrainEnd. The optimizer's state stays that of the last epoch.
   */
  restoreBestWeights?: boolean;
  /** Epochs before this one do not count; default 0. */
  startFromEpoch?: number;
}

/** What earlyStopping() gives. */
export interface EarlyStopping extends Callback {
  /** The epoch that ended training, from 0; 0 if none did. */
  readonly stoppedEpoch: number;
  /** The best epoch so far, from 0, and its number; null if there was none. */
  readonly bestEpoch: number;
  readonly best: number | null;
}

const WHERE = "earlyStopping()";
const KNOWN = ["monitor", "mode", "minDelta", "patience", "verbose", "baseline", "restoreBestWeights", "startFromEpoch"] as const;

class Stopping implements EarlyStopping {
  readonly name = "earlyStopping";
  readonly #monitor: Monitor;
  readonly #patience: number;
  readonly #baseline: number | null;
  readonly #startFromEpoch: number;
  readonly #restores: boolean;
  readonly #verbose: number;
  #run: FitRun | null = null;
  #wait = 0;
  #weights: readonly GivenWeight[] | null = null;
  best: number | null = null;
  bestEpoch = 0;
  stoppedEpoch = 0;

  constructor(given: EarlyStoppingOptions | undefined) {
    const options = optionsOf(WHERE, given, KNOWN),
      { minDelta, patience = 0, baseline = null, startFromEpoch = 0, verbose = 0 } = options;
    this.#monitor = new Monitor(WHERE, options, minDelta);
    this.#patience = checkWhole(WHERE, "patience", patience);
    this.#baseline = baseline === null ? null : checkNumber(WHERE, "baseline", baseline);
    this.#startFromEpoch = checkWhole(WHERE, "startFromEpoch", startFromEpoch);
    this.#restores = checkFlag(WHERE, "restoreBestWeights", options.restoreBestWeights, false);
    this.#verbose = checkWhole(WHERE, "verbose", verbose);
  }

  begin(run: FitRun): void {
    this.#monitor.begin(run.names);
    this.#run = run;
    this.#wait = this.bestEpoch = this.stoppedEpoch = 0;
    this.best = this.#weights = null;
  }

  onTrainBegin(): void {
    // Of a fit() that it had stopped before.
    if (this.stoppedEpoch > 0) this.#run!.model.stopTraining = true;
  }

  onEpochEnd(epoch: number, logs: Logs): void | Promise<void> {
    if (epoch < this.#startFromEpoch) return;
    const current = logs[this.#monitor.name],
      isBetter = this.#monitor.isBetter(current, this.best),
      isFirst = this.#restores && this.#weights === null;
    this.#wait++;
    if (isBetter) {
      this.best = current;
      if (this.#baseline === null || this.#monitor.isBetter(current, this.#baseline)) this.#wait = 0;
    } else if (this.#wait >= this.#patience && epoch > 0) {
      this.stoppedEpoch = epoch;
      this.#run!.model.stopTraining = true;
    }
    if (!isBetter && !isFirst) return;
    this.bestEpoch = epoch;
    if (this.#restores) return this.#keep();
  }

  async #keep(): Promise<void> {
    this.#weights = await this.#run!.readWeights();
  }

  onTrainEnd(): void {
    if (this.stoppedEpoch > 0 && this.#verbose > 0) console.log(`epoch ${this.stoppedEpoch + 1}: early stopping`);
    if (!this.#weights) return;
    if (this.#verbose > 0) console.log(`the weights are those of the end of epoch ${this.bestEpoch + 1}, the best one`);
    this.#run!.endWith(this.#weights);
  }

  getState(): CallbackState {
    const { best, bestEpoch, stoppedEpoch } = this;
    return { values: { wait: this.#wait, best, bestEpoch, stoppedEpoch }, weights: this.#weights };
  }

  setState({ values, weights }: CallbackState): void {
    const read = readNumbers(WHERE, values, { wait: "whole", best: "number or null", bestEpoch: "whole", stoppedEpoch: "whole" });
    ({ wait: this.#wait, best: this.best, bestEpoch: this.bestEpoch, stoppedEpoch: this.stoppedEpoch } = read);
    this.#weights = this.#restores ? weights : null;
  }
}

/**
 * Ends training behind the epoch at which `monitor` has not got better for `patience` epochs. NaN is never better.
 * @throws InputError for an option that is wrong; in fit() if the logs will not hold what it monitors
 */
export const earlyStopping = (options?: EarlyStoppingOptions): EarlyStopping => new Stopping(options);
