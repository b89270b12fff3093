// What is trained: networks, data and initial weights, the same numbers for every contender. Pure, seeded, no GPU.

import { uniform } from "./random.ts";

export interface Workload {
  readonly kind: "training";
  readonly name: string;
  /** Features, hidden units, outputs. */
  readonly widths: readonly number[];
  /** Rows of a mini-batch. */
  readonly batch: number;
  readonly optimizer: "sgd" | "adam";
  readonly learningRate: number;
  readonly hidden: "tanh" | "relu";
  readonly loss: "meanSquaredError" | "softmaxCrossentropy";
  /**
   * Steps of an epoch at most, for contenders whose only loop is fit(): their data repeat the batches to that many, so
   * that the end of an epoch, where fit() waits for the device, weighs little.
   */
  readonly epochSteps: number;
}

/** Different mini-batches; training cycles through them in order. Few, so that all contenders hold the same data. */
export const BATCHES = 8;

/**
 * Keras (and deltaprop) add ε to √v, TensorFlow.js and optax to √v̂, where it weighs 1/√(1−β₂ᵗ) times less: 32 times in the first
 * step. With the usual 1e-8 that alone moves the second loss of 784-512-256-10 by 1.1e-4 (both forms evaluated in float64), as
 * some of its gradients are that small; with 1e-10 by less than 1e-6. What remains, 1e-5, is 1−β₂ᵗ in float32 in the others.
 */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-10 } as const;

const POINTS = { kind: "training", hidden: "tanh", loss: "meanSquaredError" } as const;
const DIGITS = { kind: "training", hidden: "relu", loss: "softmaxCrossentropy" } as const;
const MNIST = { ...DIGITS, widths: [784, 128, 10], batch: 64, epochSteps: 128 } as const;

export const WORKLOADS: readonly Workload[] = [
  { name: "2-8-1 b4 sgd", ...POINTS, widths: [2, 8, 1], batch: 4, optimizer: "sgd", learningRate: 0.05, epochSteps: 8192 },
  { name: "2-64-64-1 b256 adam", ...POINTS, widths: [2, 64, 64, 1], batch: 256, optimizer: "adam", learningRate: 1e-3, epochSteps: 512 },
  { name: "784-128-10 b64 sgd", ...MNIST, optimizer: "sgd", learningRate: 0.05 },
  { name: "784-128-10 b64 adam", ...MNIST, optimizer: "adam", learningRate: 1e-3 },
  {
    name: "784-512-256-10 b256 adam",
    ...DIGITS,
    widths: [784, 512, 256, 10],
    batch: 256,
    optimizer: "adam",
    learningRate: 1e-3,
    epochSteps: 32,
  },
];

/** One dense layer's initial weights: kernel (fanIn × fanOut), bias (fanOut). */
export interface LayerWeights {
  readonly fanIn: number;
  readonly fanOut: number;
  readonly kernel: Float32Array<ArrayBuffer>;
  readonly bias: Float32Array<ArrayBuffer>;
}

export interface Problem {
  readonly rows: number;
  /** (rows × features) */
  readonly x: Float32Array<ArrayBuffer>;
  /** (rows × outputs): targets, or one-hot classes. */
  readonly y: Float32Array<ArrayBuffer>;
  /** (rows): the class of each row. */
  readonly labels: Uint8Array<ArrayBuffer>;
  readonly weights: readonly LayerWeights[];
}

/** Glorot's uniform bounds; biases start at 0. */
export function initialWeights(widths: readonly number[], next: () => number): LayerWeights[] {
  return widths.slice(1).map((fanOut, i) => {
    const fanIn = widths[i],
      bound = Math.sqrt(6 / (fanIn + fanOut));
    const kernel = Float32Array.from({ length: fanIn * fanOut }, () => (2 * next() - 1) * bound);
    return { fanIn, fanOut, kernel, bias: new Float32Array(fanOut) };
  });
}

/** Rows around the mean of their class, so that there is something to learn and the loss falls. */
export function makeProblem({ widths, batch, loss }: Workload, seed = 1): Problem {
  const next = uniform(seed),
    rows = batch * BATCHES;
  const features = widths[0],
    outputs = widths.at(-1)!,
    classes = loss === "softmaxCrossentropy" ? outputs : 2;
  const means = Float32Array.from({ length: classes * features }, () => 2 * next() - 1);
  const labels = Uint8Array.from({ length: rows }, () => Math.floor(next() * classes));
  const x = new Float32Array(rows * features),
    y = new Float32Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < features; k++) {
      x[row * features + k] = 0.5 * means[labels[row] * features + k] + (next() - 0.5);
    }
    if (loss === "softmaxCrossentropy") y[row * outputs + labels[row]] = 1;
    else y.fill(2 * labels[row] - 1, row * outputs, (row + 1) * outputs);
  }
  return { rows, x, y, labels, weights: initialWeights(widths, next) };
}

/** The first `steps` mini-batches of an endless cycle through the rows, as one array. */
export function cycle<T extends Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(values: T, steps: number): T {
  const perBatch = values.length / BATCHES;
  const all = new (values.constructor as new (length: number) => T)(perBatch * steps);
  for (let at = 0; at < all.length; at += values.length) {
    all.set(values.subarray(0, Math.min(values.length, all.length - at)), at);
  }
  return all;
}

/** How fit() contenders cut `steps` into epochs; the first epoch, which warms up, comes on top. */
export function epochsFor({ epochSteps }: Pick<Workload, "epochSteps">, steps: number): { perEpoch: number; timedEpochs: number } {
  const perEpoch = Math.min(steps, epochSteps);
  return { perEpoch, timedEpochs: Math.ceil(steps / perEpoch) };
}
