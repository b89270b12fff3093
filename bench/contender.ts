// What a contender's bundle exports, and how measure.ts uses it.

import type { Operands, Product } from "./products.ts";
import type { RecurrentProblem, RecurrentWorkload } from "./recurrent.ts";
import { BATCHES, type Problem, type Workload } from "./workloads.ts";

/** Reads time, or counts of GPU calls, at both ends of what is measured. */
export interface Clock {
  start(): void;
  stop(): void;
}

/** Something done over and over: a training step, a product. */
export interface Repeated {
  /**
   * Does it about `times` times between clock.start() and clock.stop(). Whatever happens once and not each time (uploads,
   * compilation) is done before; the device has finished at the stop.
   * @returns how many times it was between start and stop
   */
  run(times: number, clock: Clock): Promise<number>;
}

export interface Training extends Repeated {
  /** Trains the first `steps` mini-batches and gives the loss of each, before its update. */
  losses(steps: number): Promise<number[]>;
}

export interface Multiplication extends Repeated {
  /** Multiplies once and brings the whole answer (M,N) to the CPU. */
  answer(): Promise<Float32Array>;
}

export interface Contender {
  /** Opens the device, puts the initial weights there. */
  start(workload: Workload, problem: Problem): Promise<Training>;
}

export interface RecurrentContender {
  /** Opens the device, puts the initial weights there. */
  start(workload: RecurrentWorkload, problem: RecurrentProblem): Promise<Training>;
}

export interface ProductContender {
  /** Opens the device, puts the operands there. */
  start(product: Product, operands: Operands): Promise<Multiplication>;
}

/** Steps between two losses that a contender with a loop of its own reads back. */
export const READ_EVERY = 8;
/** Products between two that are waited for; nothing is read back. */
const WAIT_EVERY = 32;

/**
 * The loop around `step` for libraries that have none. One result of `every` is read back or waited for, and that only when
 * the next `every` are under way: the device always has work, and the queue never more than twice that.
 */
export async function pipelined<T>(
  steps: number,
  step: (index: number) => T,
  read: (result: T) => Promise<unknown>,
  drop: (result: T) => void,
  every = READ_EVERY,
): Promise<void> {
  let underWay: Promise<unknown> = Promise.resolve();
  for (let index = 0; index < steps; index++) {
    const result = step(index);
    // The last one is read too, so that all is done when this returns.
    if ((index + 1) % every !== 0 && index !== steps - 1) {
      drop(result);
      continue;
    }
    const reading = read(result);
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
    async run(steps, clock) {
      const run = (count: number) => pipelined(count, step, read, drop);
      await run(Math.min(steps, BATCHES)); // every batch is on the device now
      clock.start();
      await run(steps);
      clock.stop();
      return steps;
    },
  };
}

/** A product that is asked for again and again. All three take a result and free it; `drop` must not cancel its work. */
export interface Products<T> {
  readonly multiply: () => T;
  readonly read: (result: T) => Promise<Float32Array>;
  /** Resolves once the device has finished it. */
  readonly wait: (result: T) => Promise<void>;
  readonly drop: (result: T) => void;
  /** 1 where a product is waited for anyway, as it runs on the CPU. */
  readonly waitEvery?: number;
}

export function multiplied<T>({ multiply, read, wait, drop, waitEvery = WAIT_EVERY }: Products<T>): Multiplication {
  return {
    answer: () => read(multiply()),
    async run(times, clock) {
      clock.start();
      await pipelined(times, multiply, wait, drop, waitEvery);
      clock.stop();
      return times;
    },
  };
}
