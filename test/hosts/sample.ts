// What is compared between hosts: two small networks, trained for the same steps from the same seed. Runs in pages, Node and
// Deno; uses only what the library exports.

import { adam, dataset, dense, sequential, simpleRNN, type Layer } from "../../src/index.ts";

export const STEPS = 100;

export interface Sample {
  /** What WebGPU calls its adapter; browsers may keep that to themselves. */
  readonly adapter: string;
  /** Network → all its weights after STEPS steps, one array after the other; empty where they were not asked for. */
  readonly weights: Readonly<Record<string, readonly number[]>>;
}

interface Task {
  readonly layers: () => readonly Layer[];
  readonly rows: number;
  readonly features: number;
  readonly answers: number;
}

const TASKS: Readonly<Record<string, Task>> = {
  "MLP 20-32-16-4, tanh, softmax": {
    layers: () => [
      dense({ units: 32, activation: "tanh", inputShape: [20] }),
      dense({ units: 16, activation: "tanh" }),
      dense({ units: 4, activation: "softmax" }),
    ],
    rows: 640,
    features: 20,
    answers: 1,
  },
  "RNN 4-24-4, 12 time steps, softmax": {
    layers: () => [simpleRNN({ units: 24, inputShape: [12, 4], returnSequences: true }), dense({ units: 4, activation: "softmax" })],
    rows: 320,
    features: 48,
    answers: 12,
  },
};

/** The same float32 numbers everywhere: thirds of whole numbers, no function that hosts may round differently. */
const inputs = (n: number): Float32Array<ArrayBuffer> => Float32Array.from({ length: n }, (_, i) => (((i * 7919) % 13) - 6) / 3);
const classes = (n: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length: n }, (_, i) => ((i * 104729) % 17) % 4);

async function train({ layers, rows, features, answers }: Task): Promise<number[]> {
  const model = sequential({ seed: 1, layers: layers() });
  await model.compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy", backend: "webgpu" });
  await model.fit(dataset(inputs(rows * features), classes(rows * answers)), { batchSize: 32, steps: STEPS });
  const weights = (await model.getWeights()).flatMap(({ data }) => [...data]);
  model.dispose();
  return weights;
}

/** @throws if there is no adapter, in words for the table */
export async function takeSample(trained: boolean): Promise<Sample> {
  const gpu = (globalThis.navigator as Navigator | undefined)?.gpu;
  if (!gpu) throw new Error("it has no WebGPU (navigator.gpu is missing)");
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error("WebGPU is there but offers no adapter");
  const { vendor, architecture, device, description } = adapter.info;
  const weights: Record<string, number[]> = {};
  if (trained) for (const [name, task] of Object.entries(TASKS)) weights[name] = await train(task);
  return { adapter: [...new Set([vendor, architecture, device, description])].filter(Boolean).join(" "), weights };
}
