// simpleRNN() and the stack around it: defaults, names, shapes, and what is refused with its place and remedy; the orthogonal
// initializer.

import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { checkInitializer, initialize, orthogonal } from "../../src/model/initializers.ts";
import { activation, dense, dropout, type Layer } from "../../src/model/layers.ts";
import { initialParameters, resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { RandomSequence, STREAM } from "../../src/random.ts";
import { ALL_DRAWS } from "../../src/model/uncommon-initializers.ts";

test("it has Keras' defaults and is frozen", () => {
  const layer = simpleRNN({ units: 3 });
  expect(layer).toMatchObject({
    activation: "tanh",
    returnSequences: false,
    stateful: false,
    useBias: true,
    dropout: 0,
    inputShape: null,
    inputVocabulary: null,
    kernelRegularizer: null,
    recurrentRegularizer: null,
    name: null,
  });
  expect([layer.kernelInitializer.name, layer.recurrentInitializer.name, layer.biasInitializer.name]).toEqual([
    "glorotUniform",
    "orthogonal",
    "zeros",
  ]);
  expect(Object.isFrozen(layer)).toBe(true);
});

test.each<[string, () => unknown, RegExp]>([
  ["zero units", () => simpleRNN({ units: 0 }), /^simpleRNN\(\): units must be a whole number ≥ 1; got 0/],
  ["an unknown option", () => simpleRNN({ units: 1, recurrentDropout: 0.1 } as never), /unknown option recurrentDropout\. Known: units/],
  [
    "another activation",
    () => simpleRNN({ units: 1, activation: "gelu" as never }),
    /activation must be one of tanh, relu, sigmoid, linear; got "gelu"\. Others can follow/,
  ],
  [
    "features without steps in three dimensions",
    () => simpleRNN({ units: 1, inputShape: [2, 3, 4] }),
    /\[steps, features\] for a sequence, .*got \[2,3,4\]/,
  ],
  ["dropout of everything", () => simpleRNN({ units: 1, dropout: 1 }), /dropout must be in \[0, 1\); got 1/],
  [
    "a vocabulary of nothing",
    () => simpleRNN({ units: 1, inputVocabulary: 0, inputShape: [3] }),
    /inputVocabulary must be a whole number ≥ 1; got 0/,
  ],
  [
    "a vocabulary with features",
    () => simpleRNN({ units: 1, inputVocabulary: 5, inputShape: [3, 2] }),
    /inputShape must be \[steps\].*got \[3,2\]\. Declare/,
  ],
  [
    "a vocabulary with dropout",
    () => simpleRNN({ units: 1, inputVocabulary: 5, inputShape: [3], dropout: 0.5 }),
    /with inputVocabulary there are none; got dropout 0\.5/,
  ],
  ["an orthogonal bias", () => simpleRNN({ units: 2, biasInitializer: "orthogonal" }), /orthogonal is for kernels/],
  ["an orthogonal bias of dense", () => dense({ units: 2, biasInitializer: orthogonal() }), /orthogonal is for kernels/],
  ["no flag", () => simpleRNN({ units: 2, stateful: 1 as never }), /stateful must be true or false; got 1/],
])("refuses %s", (_, make, message) => {
  expect(make).toThrow(InputError);
  expect(make).toThrow(message);
});

const sequences = simpleRNN({ units: 4, inputShape: [5, 3], returnSequences: true });

test.each<[string, Layer[], RegExp]>([
  ["no shape", [simpleRNN({ units: 2 })], /first layer \(simpleRNN\) must say what comes in\. Declare inputShape: \[steps, features\]/],
  [
    "features without steps",
    [simpleRNN({ units: 2, inputShape: [3] })],
    /layer 0 \(simpleRNN\) takes a sequence, but 3 features without steps reach it\. Declare inputShape: \[steps/,
  ],
  [
    "a second layer behind a last step",
    [simpleRNN({ units: 2, inputShape: [5, 3] }), simpleRNN({ units: 2 })],
    /layer 1 .*2 features without steps reach it\. .*returnSequences: true/,
  ],
  [
    "a sequence for dense alone",
    [dense({ units: 2, inputShape: [28, 28] })],
    /declares a sequence, inputShape \[28, 28\], but there is no recurrent layer\. .*inputShape: \[784\]/,
  ],
  [
    "a later shape that does not fit",
    [sequences, dense({ units: 2, inputShape: [4] })],
    /declares inputShape \[4\] but 5 steps of 4 features reach it/,
  ],
  [
    "a vocabulary later on",
    [sequences, simpleRNN({ units: 2, inputVocabulary: 3, inputShape: [5] })],
    /layer 1 \(simpleRNN\) has inputVocabulary, but no whole numbers reach it/,
  ],
  ["a name twice", [sequences, simpleRNN({ units: 2, name: "simple_rnn" })], /the name "simple_rnn" is taken/],
])("a stack refuses %s", (_, layers, message) => {
  expect(() => resolveNetwork(layers, 0)).toThrow(InputError);
  expect(() => resolveNetwork(layers, 0)).toThrow(message);
});

test("weights come in the order kernel, recurrent kernel, bias, under Keras' names", () => {
  const { parameters, stateful } = resolveNetwork(
    [sequences, dropout({ rate: 0.1 }), simpleRNN({ units: 2, useBias: false, stateful: true }), dense({ units: 1 })],
    0,
  );
  expect(parameters.map(({ name, symbol, shape }) => `${name} ${symbol} ${shape.join("×")}`)).toEqual([
    "simple_rnn/kernel u1 3×4",
    "simple_rnn/recurrent_kernel w1 4×4",
    "simple_rnn/bias b1 4",
    "simple_rnn_1/kernel u2 4×2",
    "simple_rnn_1/recurrent_kernel w2 2×2",
    "dense/kernel w3 2×1",
    "dense/bias b3 1",
  ]);
  expect(stateful).toBe(true);
});

test.each<[string, Layer[], number[]]>([
  ["many to many", [sequences, dense({ units: 2 })], [3, 5, 2, 5]],
  [
    "many to one",
    [dense({ units: 6, inputShape: [5, 3] }), simpleRNN({ units: 4 }), activation("relu"), dense({ units: 2 })],
    [3, 5, 2, 1],
  ],
  ["whole numbers", [simpleRNN({ units: 4, inputShape: [5], inputVocabulary: 9, returnSequences: true })], [1, 5, 4, 5]],
  ["one step", [simpleRNN({ units: 4, inputShape: [1, 3], returnSequences: true })], [3, 1, 4, 1]],
])("%s: what comes in and what leaves", (_, layers, expected) => {
  const { inputWidth, inputSteps, outputWidth, outputSteps, sequences: sequential } = resolveNetwork(layers, 0);
  expect([inputWidth, inputSteps, outputWidth, outputSteps]).toEqual(expected);
  expect(sequential).toBe(true);
});

test("a state under a sigmoid has no logits for its cross-entropy", () => {
  const network = resolveNetwork([simpleRNN({ units: 1, activation: "sigmoid", inputShape: [2, 1] })], 0);
  expect(() => resolveRecipe(network, { optimizer: "sgd", loss: "binaryCrossentropy" })).toThrow(
    /binaryCrossentropy needs what goes into the last sigmoid.*dense/,
  );
  expect(() => resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" })).not.toThrow();
});

describe("orthogonal", () => {
  const fill = (rows: number, cols: number, gain = 1, seed = 3) =>
    initialize(orthogonal({ gain }), rows * cols, rows, cols, new RandomSequence(seed, STREAM.initialization), ALL_DRAWS);

  test.each([
    [1, 1],
    [2, 2],
    [7, 3],
    [3, 7],
    [64, 64],
    [200, 150],
  ])("%i × %i: the shorter side is orthonormal, to float32", (rows, cols) => {
    const m = fill(rows, cols),
      n = Math.min(rows, cols),
      size = Math.max(rows, cols);
    const at = (v: number, i: number) => (rows < cols ? m[v * cols + i] : m[i * cols + v]);
    for (let v = 0; v < n; v++)
      for (let w = 0; w <= v; w++) {
        let dot = 0;
        for (let i = 0; i < size; i++) dot += at(v, i) * at(w, i);
        expect(Math.abs(dot - Number(v === w))).toBeLessThan(1e-6);
      }
  });

  test("gain is the length", () => {
    expect(Math.hypot(...fill(5, 1, 3))).toBeCloseTo(3, 6);
  });

  test("every direction is equally likely: no first number has a sign of its own", () => {
    const firsts = Array.from({ length: 400 }, (_, seed) => fill(3, 3, 1, seed)[0]);
    expect(Math.abs(firsts.filter((x) => x > 0).length - 200)).toBeLessThan(5 * 10);
    // A uniform direction in three dimensions has uniform coordinates: mean 0, variance 1/3.
    expect(Math.abs(firsts.reduce((sum, x) => sum + x * x, 0) / 400 - 1 / 3)).toBeLessThan(0.075);
  });

  test("it repeats for a seed, and takes a name or a value", () => {
    expect(fill(4, 4)).toEqual(fill(4, 4));
    expect(checkInitializer("here", "orthogonal", "zeros")).toEqual(orthogonal());
    expect(() => orthogonal({ gain: NaN })).toThrow(/^orthogonal\(\): gain must be a finite number; got NaN/);
    const w = initialParameters(resolveNetwork([simpleRNN({ units: 2, inputShape: [1, 1] })], 4), ALL_DRAWS).get("w1")!;
    expect(w[0] * w[1] + w[2] * w[3]).toBeCloseTo(0, 6);
  });
});
