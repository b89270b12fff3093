// reduceLROnPlateau() and learningRateScheduler(): the learning rate as epochs go by, as in Keras.

import { InputError, type Callback, type CallbackState, type FitRun, type Logs } from "../index.ts";
import { show } from "../model/checks.ts";
import { checkNumber, checkWhole, Monitor, optionsOf, readNumbers, type MonitorOptions } from "./monitor.ts";

/** What reduceLROnPlateau() takes. */
export interface ReduceLROnPlateauOptions extends MonitorOptions {
  /** η is multiplied by it, in [0, 1); default 0.1. */
  factor?: number;
  /** Epochs without a better number before η is reduced, a whole number ≥ 0; default 10. */
  patience?: number;
  /** 1 prints each reduction; default 0. */
  verbose?: 0 | 1;
  /** What counts as better; default 1e-4. */
  minDelta?: number;
  /** Epochs after a reduction that do not count; default 0. */
  cooldown?: number;
  /** η gets no smaller; default 0. */
  minLr?: number;
}

const WHERE = "reduceLROnPlateau()";
const KNOWN = ["monitor", "mode", "factor", "patience", "verbose", "minDelta", "cooldown", "minLr"] as const;

const rateOf = (run: FitRun): number => run.model.learningRate as number;

class Plateau implements Callback {
  readonly name = "reduceLROnPlateau";
  readonly #monitor: Monitor;
  readonly #factor: number;
  readonly #patience: number;
  readonly #cooldown: number;
  readonly #minLr: number;
  readonly #verbose: number;
  #run: FitRun | null = null;
  #wait = 0;
  #cooling = 0;
  #best: number | null = null;

  constructor(given: ReduceLROnPlateauOptions | undefined) {
    const options = optionsOf(WHERE, given, KNOWN),
      { factor = 0.1, patience = 10, cooldown = 0, minLr = 0, minDelta = 1e-4, verbose = 0 } = options;
    this.#monitor = new Monitor(WHERE, options, minDelta);
    if (!(typeof factor === "number" && factor >= 0 && factor < 1))
      throw new InputError(`${WHERE}: factor must be in [0, 1); got ${show(factor)}.`);
    this.#factor = factor;
    this.#patience = checkWhole(WHERE, "patience", patience);
    this.#cooldown = checkWhole(WHERE, "cooldown", cooldown);
    this.#minLr = checkNumber(WHERE, "minLr", minLr, "≥ 0");
    this.#verbose = checkWhole(WHERE, "verbose", verbose);
  }

  begin(run: FitRun): void {
    this.#monitor.begin(run.names);
    this.#run = run;
    this.#wait = this.#cooling = 0;
    this.#best = null;
  }

  onEpochEnd(epoch: number, logs: Logs): void {
    const rate = rateOf(this.#run!),
      current = logs[this.#monitor.name];
    logs.learning_rate = rate;
    if (this.#cooling > 0) {
      this.#cooling--;
      this.#wait = 0;
    }
    if (this.#monitor.isBetter(current, this.#best)) {
      this.#best = current;
      this.#wait = 0;
    } else if (this.#cooling === 0 && ++this.#wait >= this.#patience && rate > this.#minLr) this.#reduce(epoch, rate);
  }

  #reduce(epoch: number, rate: number): void {
    const reduced = Math.max(rate * this.#factor, this.#minLr);
    this.#run!.model.learningRate = reduced;
    if (this.#verbose > 0) console.log(`epoch ${epoch + 1}: the learning rate is reduced to ${reduced}`);
    this.#cooling = this.#cooldown;
    this.#wait = 0;
  }

  getState(): CallbackState {
    return { values: { wait: this.#wait, cooling: this.#cooling, best: this.#best }, weights: null };
  }

  setState({ values }: CallbackState): void {
    ({
      wait: this.#wait,
      cooling: this.#cooling,
      best: this.#best,
    } = readNumbers(WHERE, values, { wait: "whole", cooling: "whole", best: "number or null" }));
  }
}

/**
 * Reduces the learning rate when `monitor` has not got better for `patience` epochs; a schedule of the optimizer is replaced by a number.
 * Callbacks behind it find the rate of the epoch in `logs.learning_rate`.
 * @throws InputError for an option that is wrong; in fit() if the logs will not hold what it monitors
 */
export const reduceLROnPlateau = (options?: ReduceLROnPlateauOptions): Callback => new Plateau(options);

/** What learningRateScheduler() takes. */
export interface LearningRateSchedulerOptions {
  /** 1 prints each rate; default 0. */
  verbose?: 0 | 1;
}

class Scheduler implements Callback {
  readonly name = "learningRateScheduler";
  readonly #schedule: (epoch: number, learningRate: number) => number;
  readonly #verbose: number;
  #run: FitRun | null = null;

  constructor(schedule: (epoch: number, learningRate: number) => number, given: LearningRateSchedulerOptions | undefined) {
    const where = "learningRateScheduler()",
      { verbose = 0 } = optionsOf(where, given, ["verbose"]);
    if (typeof schedule !== "function")
      throw new InputError(`${where}: schedule must be a function of epoch and learning rate; got ${show(schedule)}.`);
    this.#schedule = schedule;
    this.#verbose = checkWhole(where, "verbose", verbose);
  }

  begin(run: FitRun): void {
    this.#run = run;
  }

  onEpochBegin(epoch: number): void {
    const rate = this.#schedule(epoch, rateOf(this.#run!));
    if (typeof rate !== "number" || !Number.isFinite(rate) || rate < 0) {
      throw new InputError(`learningRateScheduler(): schedule must return a number ≥ 0; got ${show(rate)} for epoch ${epoch}.`);
    }
    this.#run!.model.learningRate = rate;
    if (this.#verbose > 0) console.log(`epoch ${epoch + 1}: the learning rate is ${rate}`);
  }

  onEpochEnd(_: number, logs: Logs): void {
    logs.learning_rate = rateOf(this.#run!);
  }
}

/**
 * Sets the learning rate before each epoch. Callbacks behind it find it in `logs.learning_rate`.
 * @param schedule gives the rate of an epoch (from 0), a number ≥ 0, from the epoch and the rate before
 * @throws InputError if it is no function; in fit() if what it returns is no such number
 */
export const learningRateScheduler = (
  schedule: (epoch: number, learningRate: number) => number,
  options?: LearningRateSchedulerOptions,
): Callback => new Scheduler(schedule, options);
