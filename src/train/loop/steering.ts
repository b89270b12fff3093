// How callbacks steer the fit() that calls them: another learning rate, the end, a promise to wait for. All of it counts from the step
// behind the one that the callback was told of, whatever steps were under way: those are taken back (fault-tolerant-runner.ts).

import { InputError } from "../../errors.ts";
import { show } from "../../model/checks.ts";

/** @throws InputError unless it is true or false, or where it is true and no fit() is under way */
export function checkStop(stop: unknown, underWay: boolean): void {
  if (typeof stop !== "boolean") throw new InputError(`model: stopTraining must be true or false; got ${show(stop)}.`);
  if (stop && !underWay) {
    throw new InputError("model: stopTraining ends a fit() under way, and there is none. Set it in a callback of fit().");
  }
}

export class Steering {
  /** model.stopTraining. */
  stopped = false;
  /** While a callback is called: the number of steps that it has been told of. */
  told: number | null = null;
  /** What onBatchEnd() returned, if it is to be waited for; it never rejects. */
  waiting: Promise<void> | null = null;
  /** Steps to train before callbacks are heard: 1 for the first and from the first change on, so that little is taken back. */
  ahead = Infinity;
  /** Told of each change, for training that goes on elsewhere. */
  onChange: () => void = () => {};
  #turnAt: number | null = null;
  #changed = false;
  #steered = false;

  /** A fit() begins. */
  begin(hasBatchEnd: boolean): void {
    this.stopped = this.#changed = this.#steered = false;
    this.#turnAt = this.waiting = this.told = null;
    this.ahead = hasBatchEnd ? 1 : Infinity;
  }

  /** Steps from here on are to be trained otherwise: behind those told of, else behind those under way. */
  change(): void {
    this.#changed = true;
    this.#turnAt ??= this.told;
    this.onChange();
  }

  stop(stopped: boolean): void {
    this.stopped = stopped;
    this.change();
  }

  /** Whether training is to stand at the next boundary. */
  get changed(): boolean {
    return this.#changed;
  }

  /** Whether steps that follow the one told of are to be taken back, so that nobody is to be told of them. */
  get turning(): boolean {
    return this.#turnAt !== null;
  }

  /** After how many steps training goes on otherwise; null if as before, or behind all that were trained. */
  turn(): number | null {
    const at = this.#turnAt;
    this.#steered ||= at !== null;
    this.ahead = this.#steered ? 1 : Infinity;
    this.#turnAt = null;
    this.#changed = false;
    return at;
  }
}
