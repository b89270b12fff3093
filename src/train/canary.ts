// Whether a GPU computes what it should: one training step of small networks, whose weights after the step are known from float64.
// Drivers are known that compute wrong gradients in silence (TensorFlow.js #8590: all zero, on some phones), so that a GPU is
// trusted by backend "auto" only after this.

import { buildGraph } from "../graph/build.ts";
import type { StepScalars } from "../graph/types.ts";
import { dense, type Layer } from "../model/layers.ts";
import { elementsOf, resolveNetwork, resolveRecipe } from "../model/network.ts";
import { ratesAt } from "../model/optimizers.ts";
import { Plan } from "../schedule/plan.ts";
import { ownOrder, type Backend, type Floats } from "./backend.ts";
import type { Dataset } from "./data.ts";

/** One number for each weight tensor after the step, and the loss before it. */
export interface Answer {
  readonly loss: number;
  readonly weights: readonly number[];
}

export interface Specimen {
  readonly name: string;
  readonly layers: () => readonly Layer[];
  readonly loss: "sparseCategoricalCrossentropy" | "meanSquaredError";
  readonly rows: number;
  /** In float64, by the reference. */
  readonly answer: Answer;
}

const stack = (widths: readonly number[], activation: "relu" | "tanh", last: "softmax" | "linear") => (): Layer[] =>
  widths.slice(1).map((units, i) => dense({
    units, activation: i === widths.length - 2 ? last : activation, inputShape: i === 0 ? [widths[0]] : undefined,
  }));

/** Odd sizes, so that tiles are cut; all three forms of products, softmax, sums over rows and the update. */
export const SPECIMENS: readonly Specimen[] = [
  { name: "a classifier (7-19-5, relu, softmax)", layers: stack([7, 19, 5], "relu", "softmax"), loss: "sparseCategoricalCrossentropy", rows: 9,
    answer: { loss: 1.7266108752278644, weights: [-0.6862537051219191, 4.505774333657742, -4.9641224570252405, 1.261307392551774] } },
  { name: "a regression (70-130-3, tanh)", layers: stack([70, 130, 3], "tanh", "linear"), loss: "meanSquaredError", rows: 17,
    answer: { loss: 2.9610404327249444, weights: [10.513422603244958, 4.244134501490455, 1.1939077819422346, -1.2142444367786736] } },
];

const LEARNING_RATE = 0.5;
/** Of the loss, and of the sizes of the numbers in a fingerprint: some twenty times what rounding may do, less than a gradient does. */
const LOSS_TOLERANCE = 1e-4, TOLERANCE = 1e-6;

/** Numbers in ±½ that look like noise and are the same everywhere. */
const noise = (length: number, seed: number): Floats => Float32Array.from({ length }, (_, i) => ((i * 7919 + seed * 104729) % 1009) / 1009 - 0.5);

/** What a specimen is trained on: graph, weights and data. */
export function prepareSpecimen({ layers, loss, rows }: Specimen) {
  const network = resolveNetwork([...layers()], 1), recipe = resolveRecipe(network, { optimizer: { name: "sgd", learningRate: LEARNING_RATE }, loss });
  const values = new Map(network.parameters.map(({ symbol, shape }, i) => [symbol, noise(elementsOf(shape), i + 1)]));
  const x = noise(rows * network.inputWidth, 11), isLabel = loss === "sparseCategoricalCrossentropy";
  const y = isLabel ? Uint32Array.from({ length: rows }, (_, i) => i % network.outputWidth) : noise(rows * network.outputWidth, 12);
  const format = { type: "float32", scale: 1 } as const, dataset: Dataset = { rows, format, x, y, lengths: null };
  const step: StepScalars = { rows, offset: 0, step: 0, ...ratesAt(recipe.optimizer, 0) };
  return { graph: buildGraph(network, recipe, "train", format), values, dataset, step };
}

/** Σ of a tensor's numbers, each with a weight of its own from −3 to 3. */
export const fingerprint = (numbers: ArrayLike<number>): number =>
  Array.from(numbers).reduce((sum, value, i) => sum + value * ((i % 7) - 3), 0);

/** Whether what was computed is the answer. NaN is not. */
export function agrees({ loss, weights }: Answer, computed: Answer, sizes: readonly number[]): boolean {
  return Math.abs(loss - computed.loss) <= LOSS_TOLERANCE * loss &&
    weights.every((value, i) => Math.abs(value - computed.weights[i]) <= TOLERANCE * sizes[i]);
}

/** One step of a specimen on the backend. */
async function compute(backend: Backend, specimen: Specimen): Promise<{ readonly answer: Answer; readonly sizes: number[] }> {
  const { graph, values, dataset, step } = prepareSpecimen(specimen), { maxBuffers, maxBytes, planAdapter: adapter } = backend;
  await backend.write(values);
  const plan = new Plan(graph, { batch: dataset.rows, maxBuffers, maxBytes, adapter, weights: backend.places });
  const data = await backend.upload(dataset, 1);
  try {
    data.setOrder(ownOrder(dataset.rows), 0);
    const runner = await backend.prepare(plan, data);
    let loss = NaN;
    await runner.run([step], (_, __, results) => { loss = results[0]; });
    const after = await backend.read([...values.keys()]);
    runner.dispose();
    const weights = [...values.keys()].map((name) => fingerprint(after.get(name)!));
    return { answer: { loss, weights }, sizes: [...after.values()].map((numbers) => 3 * numbers.reduce((sum, value) => sum + Math.abs(value), 0)) };
  } finally {
    data.dispose();
  }
}

/**
 * Runs all specimens. @param open a backend of its own for each, on the device in question
 * @returns the name of the first that came out wrong, null if none did
 */
export async function firstWrong(open: () => Promise<Backend>): Promise<string | null> {
  for (const specimen of SPECIMENS) {
    const backend = await open();
    try {
      const { answer, sizes } = await compute(backend, specimen);
      if (!agrees(specimen.answer, answer, sizes)) return specimen.name;
    } finally {
      backend.dispose();
    }
  }
  return null;
}
