// Work in slices: so many steps a call that a page stays alive, and a moment for everything else between. Results are told, and an
// abort is seen, between two calls.

import { yieldToHost } from "../backend/yield.ts";

/** On a page's own thread a picture is due every 16 ms; a worker answers to nobody but its messages. */
const PAGE_MILLISECONDS = 8,
  WORKER_MILLISECONDS = 20;
/** How much longer than the last a call may be: timings of short ones are poor. */
const MAX_GROWTH = 8;

const isPage = (): boolean => typeof document !== "undefined";

export class Slices {
  /** Steps of the next call, learnt from the time that the last one took. */
  steps = 1;
  readonly #budget = isPage() ? PAGE_MILLISECONDS : WORKER_MILLISECONDS;
  /** Kept from run to run: epochs may be short. */
  #began = performance.now();

  learn(steps: number, milliseconds: number): void {
    if (steps < this.steps) return;
    const wanted = Math.floor(this.#budget * (steps / Math.max(milliseconds, 0.001)));
    this.steps = Math.max(1, Math.min(wanted, steps * MAX_GROWTH));
  }

  get isOver(): boolean {
    return performance.now() - this.#began > this.#budget;
  }

  /** Lets the page or the process do something else. */
  async pause(): Promise<void> {
    await yieldToHost();
    this.#began = performance.now();
  }
}
