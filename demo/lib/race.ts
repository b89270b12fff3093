// The same network from the same seed on GPU and CPU, turn by turn, for as many steps each: how fast, and how far apart they end.
// Runs in a room's worker.

import type { Sequential } from "../../src/index.ts";

export type Runner = "webgpu" | "cpu";

export interface Lap {
  /** Training steps that each of them has done. */
  readonly steps: number;
  readonly stepsPerSecond: Readonly<Record<Runner, number>>;
  /** The largest |w − w′| over all weights. */
  readonly difference: number;
}

const RACE_MS = 4_000;
/** Laps double until the slower one takes so long. */
const LAP_MS = 200;
const MOST_STEPS = 20_000;
const RUNNERS = ["webgpu", "cpu"] as const;

async function largestDifference([a, b]: readonly Sequential[]): Promise<number> {
  const [left, right] = await Promise.all([a.getWeights(), b.getWeights()]);
  let largest = 0;
  left.forEach(({ data }, i) => data.forEach((w, at) => {
    const distance = Math.abs(w - right[i].data[at]);
    // What is no number is told as such.
    largest = Number.isNaN(distance) ? NaN : Math.max(largest, distance);
  }));
  return largest;
}

/**
 * @param open a compiled network, always from the same seed
 * @param train so many steps, going on where the last call stopped
 * @param first steps of the first lap: few where one takes the CPU long
 * @returns the last lap
 */
export async function runRace(
  open: (runner: Runner) => Promise<Sequential>, train: (model: Sequential, steps: number) => Promise<void>, onLap: (lap: Lap) => void,
  first = 8,
): Promise<Lap> {
  const models: Sequential[] = [], spent = { webgpu: 0, cpu: 0 }, began = performance.now();
  let steps = 0, timed = 0, next = first;
  try {
    for (const runner of RUNNERS) models.push(await open(runner));
    const lap = async (): Promise<number> => {
      let slowest = 0;
      for (const [i, runner] of RUNNERS.entries()) {
        const start = performance.now();
        await train(models[i], next);
        const ms = performance.now() - start;
        // The first lap pays for compiling.
        if (steps > 0) spent[runner] += ms;
        slowest = Math.max(slowest, ms);
      }
      if (steps > 0) timed += next;
      steps += next;
      return slowest;
    };
    await lap();
    for (;;) {
      const slowest = await lap();
      const result = {
        steps, stepsPerSecond: { webgpu: (1000 * timed) / spent.webgpu, cpu: (1000 * timed) / spent.cpu },
        difference: await largestDifference(models),
      };
      onLap(result);
      if (performance.now() - began > RACE_MS) return result;
      if (slowest < LAP_MS) next = Math.min(MOST_STEPS, 2 * next);
    }
  } finally {
    for (const model of models) model.dispose();
  }
}
