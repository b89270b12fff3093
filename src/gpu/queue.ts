// Runs many steps through an executor: so many in a submit that it takes about 40 ms, two submits under way.

import type { StepScalars } from "../graph/types.ts";
import { SUBMITS_IN_FLIGHT } from "./result-log.ts";
import type { StepExecutor } from "./step-executor.ts";

/** Long enough that the cost of a submit vanishes, short enough that a page and its compositor stay alive. */
const TARGET_MILLISECONDS = 40;
const FIRST_SUBMIT_STEPS = 1;
/** How much longer than the last a submit may be: timings of short submits are poor. */
const MAX_GROWTH = 4;
/** Twice the steps in less than this times the time: most of it is waiting (Firefox looks for results every 100 ms). */
const WAITING = 1.5;

interface Timed {
  readonly steps: number;
  readonly milliseconds: number;
}

/** Results of `count` consecutive steps, `first` the number of the first one within this run. */
export type ResultHandler = (first: number, count: number, results: ArrayLike<number>) => void;

/** What can stop a run: an AbortSignal, or whatever says so likewise. */
export interface StopSignal {
  readonly aborted: boolean;
}

export class StepQueue {
  /** Steps in the next submit, learnt from the time that the last ones took. */
  #steps = FIRST_SUBMIT_STEPS;
  /** The first result also holds what happens once, such as compiling in the driver. */
  #isFirst = true;
  /** The last submit of another size. */
  #other: Timed | null = null;
  /** Fewer steps than these were hardly quicker. */
  #floor: Timed | null = null;

  constructor(readonly executor: StepExecutor) {}

  /**
   * Runs the steps in order. An abort takes effect between submits; steps already submitted are waited for, on errors too.
   * @param onSubmitted called once all steps are with the GPU, which may take a while to do them
   * @returns how many steps ran
   */
  async run(steps: readonly StepScalars[], onResults: ResultHandler, signal?: StopSignal, onSubmitted?: () => void): Promise<number> {
    const inFlight: Promise<void>[] = [];
    let next = 0,
      before = Promise.resolve();
    let lastDone = performance.now();
    try {
      for (let submits = 0; next < steps.length && !signal?.aborted; submits++) {
        const first = next;
        const chunk = steps.slice(first, first + Math.min(this.#steps, this.executor.capacity));
        next += chunk.length;
        const submitted = performance.now(),
          earlier = before;
        before = this.executor.submit(chunk, submits % SUBMITS_IN_FLIGHT).then(async (results) => {
          // WebGPU does not promise that buffers are mapped in the order in which that was asked for.
          await earlier;
          const now = performance.now();
          this.#learn(chunk.length, now - Math.max(submitted, lastDone));
          lastDone = now;
          onResults(first, chunk.length, results);
        });
        inFlight.push(before);
        // Awaited in its turn; the device may refuse it before that.
        before.catch(() => {});
        if (next === steps.length) onSubmitted?.();
        if (inFlight.length === SUBMITS_IN_FLIGHT) await inFlight.shift();
      }
      await Promise.all(inFlight);
      return next;
    } finally {
      // After an error the caller frees the buffers, which a submit under way still maps.
      await Promise.allSettled(inFlight);
    }
  }

  #learn(steps: number, milliseconds: number): void {
    if (this.#isFirst) {
      this.#isFirst = false;
      return;
    }
    // Submitted before the size was raised: it says nothing of that size.
    if (this.#other !== null && steps < this.#steps) return;
    const now: Timed = { steps, milliseconds },
      other = this.#other;
    const wanted = Math.round((TARGET_MILLISECONDS * steps) / Math.max(milliseconds, 0.1));
    if (this.#floor && milliseconds > 2 * this.#floor.milliseconds) this.#floor = null;
    let least = this.#floor?.steps ?? 1;
    if (other === null) {
      // Nothing to compare with yet: the next one is longer in any case.
      least = 2 * steps;
    } else if (steps !== other.steps) {
      const [fewer, more] = steps < other.steps ? [now, other] : [other, now];
      if (more.steps >= 2 * fewer.steps && more.milliseconds < WAITING * fewer.milliseconds) {
        this.#floor = more;
        least = more === now ? 2 * steps : more.steps;
      }
    }
    this.#other = other === null || steps !== other.steps ? now : other;
    this.#steps = Math.max(1, Math.min(Math.max(wanted, least), Math.max(this.#steps * MAX_GROWTH, least), this.executor.capacity));
  }
}
