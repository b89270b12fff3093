// What a contender's bundle exports, and how the page uses it.

import { BATCHES, type Problem, type Workload } from "./workloads.ts";

/** Reads time, or counts of GPU calls, at both ends of what is measured. */
export interface Clock {
  start(): void;
  stop(): void;
}

export interface Training {
  /** Trains the first `steps` mini-batches and gives the loss of each, before its update. */
  losses(steps: number): Promise<number[]>;
  /**
   * Trains about `steps` mini-batches between clock.start() and clock.stop(). Whatever happens once per training and
   * not once per step (uploads of data, compilation) is done before; the device has finished at the stop.
   * @returns how many steps there were between start and stop
   */
  train(steps: number, clock: Clock): Promise<number>;
}

export interface Contender {
  /** Opens the device, puts the initial weights there. */
  start(workload: Workload, problem: Problem): Promise<Training>;
}

/** Steps between two losses that a contender with a loop of its own reads back. */
export const READ_EVERY = 8;

/**
 * The loop around `step` for libraries that have none. A loss is read back every READ_EVERY steps, and waited for only
 * READ_EVERY steps later: the device always has work, and the queue never more than twice that.
 */
export async function pipelined<T>(
  steps: number, step: (index: number) => T, read: (loss: T) => Promise<unknown>, drop: (loss: T) => void,
): Promise<void> {
  let underWay: Promise<unknown> = Promise.resolve();
  for (let index = 0; index < steps; index++) {
    const loss = step(index);
    // The last one is read too, so that all is done when this returns.
    if ((index + 1) % READ_EVERY !== 0 && index !== steps - 1) {
      drop(loss);
      continue;
    }
    const reading = read(loss);
    await underWay;
    underWay = reading;
  }
  await underWay;
}

/** A training that is driven step by step: `read` gives the number of a loss, `drop` frees one that nobody reads. */
export function stepped<T>(step: (index: number) => T, read: (loss: T) => Promise<number>, drop: (loss: T) => void): Training {
  return {
    async losses(steps) {
      const losses: number[] = [];
      for (let index = 0; index < steps; index++) losses.push(await read(step(index)));
      return losses;
    },
    async train(steps, clock) {
      const run = (count: number) => pipelined(count, step, read, drop);
      await run(Math.min(steps, BATCHES)); // every batch is on the device now
      clock.start();
      await run(steps);
      clock.stop();
      return steps;
    },
  };
}
