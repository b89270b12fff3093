// How layers fit together: widths, names, symbols; what is refused; and weights decided by the seed alone.

import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { activation, dense, dropout, type Layer } from "../../src/model/layers.ts";
import { initialParameters, resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { COMMON_DRAWS } from "../../src/model/initializers.ts";

const first = dense({ units: 4, inputShape: [3], activation: "relu" });

test("widths, names and symbols go from layer to layer", () => {
  const network = resolveNetwork(
    [first, dropout({ rate: 0.5 }), dense({ units: 2, useBias: false, name: "head" }), activation("softmax")],
    1,
  );
  expect(network).toMatchObject({ inputWidth: 3, outputWidth: 2, lastActivation: "softmax", seed: 1 });
  expect(network.parameters.map(({ name, symbol, shape }) => [name, symbol, shape])).toEqual([
    ["dense/kernel", "w1", [3, 4]],
    ["dense/bias", "b1", [4]],
    ["head/kernel", "w2", [4, 2]],
  ]);
  expect(network.stages.map(({ type, width }) => [type, width])).toEqual([
    ["dense", 4],
    ["activation", 4],
    ["dropout", 4],
    ["dense", 2],
    ["activation", 2],
  ]);
});

test("layers without a name are numbered as Keras numbers them", () => {
  const network = resolveNetwork([first, dense({ units: 2 }), dense({ units: 1 })], 0);
  expect(network.parameters.map(({ name }) => name.split("/")[0])).toEqual(["dense", "dense", "dense_1", "dense_1", "dense_2", "dense_2"]);
});

test.each<[string, Layer[], RegExp]>([
  ["no layers", [], /^sequential\(\): layers must hold a dense or recurrent layer; got none/],
  ["no dense layer", [dropout({ rate: 0.1, inputShape: [2] })], /a dense or recurrent layer; got dropout/],
  ["no input shape", [dense({ units: 2 })], /the first layer \(dense\) must say what comes in\. Declare inputShape/],
  [
    "a width that does not fit",
    [first, dense({ units: 2, inputShape: [5] })],
    /layer 1 \(dense\) declares inputShape \[5\] but 4 features reach it\. Leave/,
  ],
  [
    "a softmax in the middle",
    [dense({ units: 3, inputShape: [2], activation: "softmax" }), dense({ units: 2 })],
    /layer 1 \(dense\) comes after a softmax\. Move/,
  ],
  [
    "a name twice",
    [dense({ units: 3, inputShape: [2], name: "a" }), dense({ units: 3, name: "a" })],
    /layer 1 \(dense\): the name "a" is taken\. Give/,
  ],
  [
    "a name that the numbering gives",
    [dense({ units: 3, inputShape: [2] }), dense({ units: 3, name: "dense" })],
    /the name "dense" is taken/,
  ],
  ["dropout of the answers", [first, dropout({ rate: 0.2 })], /dropout must not be the last layer/],
])("refuses %s", (_, layers, message) => {
  expect(() => resolveNetwork(layers, 0)).toThrow(InputError);
  expect(() => resolveNetwork(layers, 0)).toThrow(message);
});

test.each([-1, 0.5, NaN, 2 ** 53, "1"])("refuses the seed %o", (seed) => {
  expect(() => resolveNetwork([first], seed as number)).toThrow(/seed must be a whole number from 0 to 2\^53−1; got/);
});

describe("compile", () => {
  const network = resolveNetwork([first, dense({ units: 2, activation: "sigmoid" })], 0);

  test("reads names", () => {
    const recipe = resolveRecipe(network, { optimizer: "adam", loss: "binaryCrossentropy", metrics: ["acc", "mae"] });
    expect(recipe).toMatchObject({
      optimizer: { name: "adam" },
      loss: { name: "binaryCrossentropy" },
      metrics: ["accuracy", "meanAbsoluteError"],
    });
  });

  test("refuses a metric that is named twice, by whatever name", () => {
    expect(() => resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError", metrics: ["mse", "meanSquaredError"] })).toThrow(
      /metrics holds one entry twice/,
    );
  });

  test("refuses a loss that does not follow the last layer", () => {
    expect(() => resolveRecipe(network, { optimizer: "sgd", loss: "categoricalCrossentropy" })).toThrow(InputError);
  });
});

describe("initial weights", () => {
  const layers = [first, dense({ units: 4, biasInitializer: "ones" })];

  test("are decided by the seed", () => {
    expect(initialParameters(resolveNetwork(layers, 5), COMMON_DRAWS)).toEqual(initialParameters(resolveNetwork(layers, 5), COMMON_DRAWS));
    expect(initialParameters(resolveNetwork(layers, 6), COMMON_DRAWS).get("w1")).not.toEqual(
      initialParameters(resolveNetwork(layers, 5), COMMON_DRAWS).get("w1"),
    );
  });

  test("a layer's weights do not depend on the layers after it", () => {
    expect(initialParameters(resolveNetwork([first], 5), COMMON_DRAWS).get("w1")).toEqual(
      initialParameters(resolveNetwork(layers, 5), COMMON_DRAWS).get("w1"),
    );
  });

  test("two layers of one shape start from different numbers, and biases as declared", () => {
    const same = initialParameters(
      resolveNetwork([dense({ units: 3, inputShape: [3] }), dense({ units: 3, biasInitializer: "ones" })], 5),
      COMMON_DRAWS,
    );
    expect(same.get("w1")).not.toEqual(same.get("w2"));
    expect([...same.get("b1")!, ...same.get("b2")!]).toEqual([0, 0, 0, 1, 1, 1]);
  });
});
