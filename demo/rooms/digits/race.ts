// The same training on the GPU and on the CPU, in turns: the same seed, so the same weights and mini-batches. How many steps a
// second each makes, and how far their weights come to lie apart: one rounds to float32, the other computes in float64.

import { dataset, type Sequential, type Weight } from "../../../src/index.ts";
import type { DigitsConfig } from "./config.ts";
import type { DigitSets } from "./data.ts";
import { buildModel, recipeOf, targetsFor } from "./model.ts";

const ROUNDS = 10;
const STEPS = 5;
/** A wide network on the CPU takes its time. */
const LONGEST_MS = 20_000;

export interface RaceRound {
  /** Steps that each has made. */
  readonly steps: number;
  /** Of how many. */
  readonly of: number;
  /** Steps a second. */
  readonly gpu: number;
  readonly cpu: number;
  /** Largest |weight of one − weight of the other|, and the largest |weight|. */
  readonly difference: number;
  readonly largest: number;
  readonly done: boolean;
}

interface Lane {
  readonly model: Sequential;
  ms: number;
}

function compare(a: readonly Weight[], b: readonly Weight[]): { difference: number; largest: number } {
  let difference = 0, largest = 0;
  a.forEach(({ data }, tensor) => data.forEach((value, i) => {
    const apart = Math.abs(value - b[tensor].data[i]);
    // NaN stays: it is no agreement.
    if (!(apart <= difference)) difference = apart;
    largest = Math.max(largest, Math.abs(value));
  }));
  return { difference, largest };
}

/** @throws UnsupportedError without WebGPU */
export async function race(
  config: DigitsConfig, { train, features, classes }: DigitSets, onRound: (round: RaceRound) => void,
): Promise<void> {
  const lanes: Lane[] = [];
  const data = dataset(train.images, targetsFor(config.loss, train.labels, classes), { scale: 1 / 255 });
  const lap = async (lane: Lane) => {
    let began = 0;
    // What is prepared before the first step is not part of the race.
    await lane.model.fit(data, { batchSize: config.batch, steps: STEPS, callbacks: { onTrainBegin() { began = performance.now(); } } });
    lane.ms += performance.now() - began;
  };
  try {
    for (const backend of ["webgpu", "cpu"] as const) {
      const model = buildModel(config, features, classes);
      lanes.push({ model, ms: 0 });
      await model.compile({ ...recipeOf(config), backend });
    }
    const began = performance.now(), [gpu, cpu] = lanes;
    for (let round = 1; round <= ROUNDS; round++) {
      await lap(gpu);
      await lap(cpu);
      const steps = round * STEPS, done = round === ROUNDS || performance.now() - began > LONGEST_MS;
      onRound({ steps, of: ROUNDS * STEPS, gpu: (1000 * steps) / gpu.ms, cpu: (1000 * steps) / cpu.ms, done,
        ...compare(await gpu.model.getWeights(), await cpu.model.getWeights()) });
      if (done) break;
    }
  } finally {
    data.dispose();
    for (const { model } of lanes) model.dispose();
  }
}
