// Whether steps of a WebAssembly program are run by one thread or by all of them: as it is measured, since other work may keep the
// other cores busy. Results are the same to the bit.

import type { StepScalars } from "../graph/types.ts";
import type { PreparedProgram } from "./engine.ts";
import type { Crew } from "./threads.ts";

export { Crew } from "./threads.ts";

/** Steps shorter than this are over before threads have met. */
const WORTHWHILE = 0.1;
/** Calls that compiled code needs to be what it will be, and calls of which the quickest counts. */
const WARM_CALLS = 4,
  COMPARED = 4;
/** One thread is tried again after so many calls: cores come and go. */
const REVIEW = 200;

/** Milliseconds a step of the last few calls of one kind: the best of them. */
class Pace {
  readonly #recent: number[] = [];

  add(milliseconds: number): void {
    this.#recent.push(milliseconds);
    if (this.#recent.length > COMPARED) this.#recent.shift();
  }

  clear(): void {
    this.#recent.length = 0;
  }

  get known(): boolean {
    return this.#recent.length >= COMPARED;
  }

  get best(): number {
    return Math.min(...this.#recent);
  }
}

export class Team {
  readonly #alone = new Pace();
  readonly #together = new Pace();
  #calls = 0;

  constructor(
    readonly prepared: PreparedProgram,
    readonly crew: Crew,
  ) {}

  /** Runs steps, by whoever is quicker. @throws GpuError if a thread has died */
  async run(steps: readonly StepScalars[], first: number, count: number): Promise<Float32Array<ArrayBuffer>> {
    const together = this.#wanted ? this.crew.pool : null,
      began = performance.now(),
      pace = together ? this.#together : this.#alone;
    const results = together
      ? await this.prepared.runOn(together, steps, first, count, count * this.#alone.best)
      : this.prepared.run(steps, first, count);
    if (++this.#calls > WARM_CALLS) pace.add((performance.now() - began) / count);
    if (this.#calls % REVIEW === 0) (together ? this.#alone : this.#together).clear();
    return results;
  }

  /** Whether the threads are worth a try, or known to be quicker. */
  get #wanted(): boolean {
    if (!this.#alone.known || this.#alone.best < WORTHWHILE) return false;
    return !this.#together.known || this.#together.best < this.#alone.best;
  }
}
