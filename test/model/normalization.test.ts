// Batch and layer normalization as they are declared: Keras' defaults, names and order of weights, and what is refused.

import { describe, expect, it } from "vitest";
import { InputError } from "../../src/errors.ts";
import { sequential } from "../../src/index.ts";
import { dense, dropout } from "../../src/model/layers.ts";
import { initialStates } from "../../src/model/initial-states.ts";
import { initialParameters, resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { batchNormalization, layerNormalization } from "../../src/model/normalization.ts";
import { adam } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { ALL_DRAWS } from "../../src/model/uncommon-initializers.ts";
import { summarize } from "../../src/train/summary.ts";

it("has Keras' defaults", () => {
  expect(batchNormalization()).toMatchObject({
    type: "batchNormalization",
    momentum: 0.99,
    epsilon: 1e-3,
    center: true,
    scale: true,
    inputShape: null,
    name: null,
    betaInitializer: { name: "zeros" },
    gammaInitializer: { name: "ones" },
    movingMeanInitializer: { name: "zeros" },
    movingVarianceInitializer: { name: "ones" },
    betaRegularizer: null,
    gammaRegularizer: null,
  });
  expect(layerNormalization()).toMatchObject({
    type: "layerNormalization",
    epsilon: 1e-3,
    center: true,
    scale: true,
    betaInitializer: { name: "zeros" },
    gammaInitializer: { name: "ones" },
  });
  expect(Object.isFrozen(batchNormalization()) && Object.isFrozen(layerNormalization())).toBe(true);
  expect(batchNormalization({ axis: -1, momentum: undefined })).toEqual(batchNormalization());
  expect([0, 1].map((momentum) => batchNormalization({ momentum }).momentum)).toEqual([0, 1]);
});

describe("what is refused", () => {
  it.each([
    ["another axis", () => batchNormalization({ axis: 0 }), /axis must be -1, the features; got 0/],
    ["no ε", () => batchNormalization({ epsilon: 0 }), /epsilon must be a finite number > 0; got 0/],
    ["an ε that is 0 in float32", () => layerNormalization({ epsilon: 1e-50 }), /epsilon .* is 0 in float32/],
    ["a momentum above 1", () => batchNormalization({ momentum: 1.5 }), /momentum must be in \[0, 1\]; got 1.5/],
    ["a momentum below 0", () => batchNormalization({ momentum: -0.5 }), /momentum must be a finite number ≥ 0; got -0.5/],
    [
      "the axis of steps",
      () => resolveNetwork([batchNormalization({ inputShape: [4, 3], axis: 1 }), simpleRNN({ units: 2 })], 1),
      /layer 0 \(batchNormalization\): axis must be -1, the features; got 1/,
    ],
    [
      "the axis of features in steps that are none",
      () => resolveNetwork([layerNormalization({ inputShape: [4], axis: 2 }), dense({ units: 2 })], 1),
      /layer 0 \(layerNormalization\): axis must be -1, the features; got 2/,
    ],
    [
      "an initializer of matrices for γ",
      () => batchNormalization({ gammaInitializer: "orthogonal" }),
      /a vector has none.*another gammaInitializer/,
    ],
    ["an initializer of matrices for β", () => layerNormalization({ betaInitializer: "orthogonal" }), /another betaInitializer/],
    [
      "an initializer of matrices for a moving mean",
      () => batchNormalization({ movingMeanInitializer: "orthogonal" }),
      /another movingMeanInitializer/,
    ],
    ["the same for a bias", () => dense({ units: 1, biasInitializer: "orthogonal" }), /another biasInitializer/],
    ["NaN", () => batchNormalization({ momentum: NaN }), /momentum/],
    ["a momentum of rows", () => layerNormalization({ momentum: 0.9 } as never), /layerNormalization\(\): unknown option momentum/],
    ["an initializer that is none", () => batchNormalization({ gammaInitializer: "one" as never }), /an initializer is one of/],
    ["flags that are none", () => layerNormalization({ center: 1 as never }), /center must be true or false/],
    [
      "a name for two",
      () => resolveNetwork([batchNormalization({ name: "n", inputShape: [2] }), batchNormalization({ name: "n" }), dense({ units: 1 })], 1),
      /the name "n" is taken/,
    ],
    [
      "another shape than reaches it",
      () => resolveNetwork([dense({ units: 3, inputShape: [2] }), batchNormalization({ inputShape: [2] })], 1),
      /3 features reach it/,
    ],
    [
      "a softmax before it",
      () => resolveNetwork([dense({ units: 3, activation: "softmax", inputShape: [2] }), batchNormalization()], 1),
      /after a softmax/,
    ],
    [
      "nothing that is trained to an answer",
      () => resolveNetwork([batchNormalization({ inputShape: [2] })], 1),
      /a dense or recurrent layer/,
    ],
  ] as const)("%s", (_, declare, message) => {
    expect(declare).toThrow(message);
    expect(declare).toThrow(InputError);
  });
});

it("names, orders and starts its weights as Keras; moving statistics are not trained", () => {
  const network = resolveNetwork(
    [
      batchNormalization({ inputShape: [3] }),
      dense({ units: 2 }),
      dropout({ rate: 0.1 }),
      batchNormalization({ scale: false }),
      layerNormalization({ gammaRegularizer: l2(1) }),
      layerNormalization({ center: false, scale: false }),
      dense({ units: 1 }),
    ],
    1,
  );
  expect(network.parameters.map(({ name, shape, frozen }) => [name, ...shape, frozen ?? false])).toEqual([
    ["batch_normalization/gamma", 3, false],
    ["batch_normalization/beta", 3, false],
    ["batch_normalization/moving_mean", 3, true],
    ["batch_normalization/moving_variance", 3, true],
    ["dense/kernel", 3, 2, false],
    ["dense/bias", 2, false],
    ["batch_normalization_1/beta", 2, false],
    ["batch_normalization_1/moving_mean", 2, true],
    ["batch_normalization_1/moving_variance", 2, true],
    ["layer_normalization/gamma", 2, false],
    ["layer_normalization/beta", 2, false],
    ["dense_1/kernel", 2, 1, false],
    ["dense_1/bias", 1, false],
  ]);
  const start = initialParameters(network, ALL_DRAWS);
  expect([..."g1 b1 moving_mean1 moving_variance1".split(" ")].map((symbol) => [...start.get(symbol)!])).toEqual([
    [1, 1, 1],
    [0, 0, 0],
    [0, 0, 0],
    [1, 1, 1],
  ]);
  const states = [...initialStates(network, resolveRecipe(network, { optimizer: adam(), loss: "meanSquaredError" }).optimizer).keys()];
  expect(states.filter((name) => name.includes("moving"))).toEqual([]);
  expect(states).toContain("m_g1");
  expect(
    summarize(network)
      .split("\n")
      .map((line) => line.trim().split(/ {2,}/)),
  ).toEqual(
    expect.arrayContaining([
      ["batch_normalization", "normalize", "(batch, 3)", "6"],
      ["affine", "(batch, 3)", "6"],
      ["layer_normalization", "normalize", "(batch, 2)", "0"],
    ]),
  );
});

it("takes the last axis by its number", () => {
  expect(() =>
    resolveNetwork([batchNormalization({ inputShape: [4, 3], axis: 2 }), simpleRNN({ units: 2 }), layerNormalization({ axis: 1 })], 1),
  ).not.toThrow();
});

it("setWeights() refuses a variance below 0, by its name, with nothing changed, and takes 0", async () => {
  const model = sequential({ layers: [dense({ units: 2, inputShape: [2] }), batchNormalization()], seed: 1 }),
    before = await model.getWeights();
  const withVariance = (variance: readonly number[]) =>
    before.map((weight) => (weight.name.endsWith("moving_variance") ? { ...weight, data: variance } : weight));
  await expect(model.setWeights(withVariance([1, -0.5]))).rejects.toThrow(
    /setWeights\(\): batch_normalization\/moving_variance must hold numbers ≥ 0; number 1 is -0.5\. Pass what getWeights\(\) gave\./,
  );
  expect(await model.getWeights()).toEqual(before);
  await model.setWeights(withVariance([0, 2]));
  expect([...(await model.getWeights())[5].data]).toEqual([0, 2]);
  // A mean may be.
  await model.setWeights(before.map((weight) => (weight.name.endsWith("moving_mean") ? { ...weight, data: [-1, -2] } : weight)));
  model.dispose();
});
