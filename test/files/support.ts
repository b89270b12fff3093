// Models and numbers for the tests of files.

import {
  activation,
  batchNormalization,
  dense,
  dropout,
  gru,
  layerNormalization,
  lstm,
  sequential,
  simpleRNN,
  type Layer,
  type Sequential,
} from "../../src/index.ts";

/** Fixed numbers in ±0.9. */
export const numbers = (count: number, at = 0): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + at + 1)) * 0.9);

/** A model with fixed weights, biases too. */
export async function modelOf(...layers: Layer[]): Promise<Sequential> {
  const model = sequential({ layers, seed: 7 });
  await model.setWeights(
    (await model.getWeights()).map(({ name, shape, data }, i) => {
      const drawn = numbers(data.length, 31 * i);
      // No variance is negative.
      return { shape, data: name.endsWith("variance") ? drawn.map((value) => value * value + 0.1) : drawn };
    }),
  );
  return model;
}

/** Every layer that both sides know, with numbers that go in. */
export const MODELS: Readonly<Record<string, { readonly layers: () => Layer[]; readonly features: readonly number[] }>> = {
  "a classifier": {
    features: [5],
    layers: () => [
      dense({ units: 6, activation: "relu", inputShape: [5] }),
      dropout({ rate: 0.25 }),
      dense({ units: 4, activation: "tanh", useBias: false }),
      dense({ units: 3, activation: "softmax" }),
    ],
  },
  "activations of layers of their own": {
    features: [4],
    layers: () => [
      activation({ activation: "sigmoid", inputShape: [4] }),
      dense({ units: 7, activation: "elu" }),
      activation("softplus"),
      dense({ units: 5, activation: "swish" }),
      dense({ units: 4, activation: "leakyRelu" }),
      dense({ units: 2, activation: "sigmoid" }),
    ],
  },
  gelu: { features: [3], layers: () => [dense({ units: 8, activation: "gelu", inputShape: [3], name: "first" }), dense({ units: 1 })] },
  "a recurrent network": {
    features: [6, 3],
    layers: () => [
      simpleRNN({ units: 5, returnSequences: true, inputShape: [6, 3], dropout: 0.1 }),
      simpleRNN({ units: 4, activation: "relu", useBias: false, name: "top" }),
      dense({ units: 2 }),
    ],
  },
  "batch normalization": {
    features: [5],
    layers: () => [
      batchNormalization({ inputShape: [5], epsilon: 0.01, momentum: 0.9 }),
      dense({ units: 6, useBias: false }),
      batchNormalization({ name: "middle" }),
      activation("relu"),
      dense({ units: 3, activation: "softmax" }),
    ],
  },
  "layer normalization": {
    features: [5],
    layers: () => [
      dense({ units: 6, inputShape: [5] }),
      layerNormalization({ epsilon: 0.01 }),
      activation("tanh"),
      layerNormalization({ center: false, name: "behind" }),
      dense({ units: 2 }),
    ],
  },
  "normalized sequences": {
    features: [4, 3],
    layers: () => [
      batchNormalization({ inputShape: [4, 3] }),
      simpleRNN({ units: 5, returnSequences: true }),
      layerNormalization(),
      batchNormalization(),
      simpleRNN({ units: 4 }),
      batchNormalization(),
      dense({ units: 2 }),
    ],
  },
  "long short-term memories": {
    features: [6, 3],
    layers: () => [
      lstm({ units: 5, returnSequences: true, inputShape: [6, 3], dropout: 0.1 }),
      lstm({ units: 4, activation: "relu", recurrentActivation: "tanh", useBias: false, name: "top" }),
      dense({ units: 2 }),
    ],
  },
  "gated recurrent units": {
    features: [6, 3],
    layers: () => [
      gru({ units: 5, returnSequences: true, inputShape: [6, 3], dropout: 0.1 }),
      lstm({ units: 2, returnSequences: true, activation: "sigmoid", unitForgetBias: false }),
      gru({ units: 4, activation: "relu", recurrentActivation: "tanh", useBias: false, name: "top" }),
      dense({ units: 2 }),
    ],
  },
  "an answer for each step": {
    features: [4, 2],
    layers: () => [
      simpleRNN({ units: 3, activation: "sigmoid", returnSequences: true, inputShape: [4, 2] }),
      dense({ units: 3, activation: "softmax" }),
    ],
  },
};

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Answers of the float64 reference to 4 fixed rows. */
export async function answers(model: Sequential, features: readonly number[]): Promise<Float32Array> {
  await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" });
  return model.predict(numbers(4 * sizeOf(features), 500));
}

/** How far off the worst number is; NaN where there is one, or where lengths differ. */
export const difference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  a.length === b.length && a.length > 0
    ? Array.from(a).reduce(
        (worst, value, i) =>
          Number.isNaN(worst) ? worst : Math.max(worst, Math.abs(value - b[i])) || (Number.isNaN(value - b[i]) ? NaN : worst),
        0,
      )
    : NaN;
