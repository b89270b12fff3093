// Layers with trainable: false on the engine: their weights stay, bit by bit, and what is trained around them is what it would be if they
// were part of the data.

import { describe, expect, it } from "vitest";
import {
  activation,
  adam,
  batchNormalization,
  dense,
  l2,
  layerNormalization,
  sgd,
  simpleRNN,
  type CompileOptions,
  type Layer,
  type Sequential,
} from "../../src/index.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { compiledModel, ENGINE, noise, numbersOf, type TestBackend } from "../support/models.ts";

const ROWS = 46,
  WIDTH = 5;
const X = noise(ROWS * WIDTH, 91, 2),
  Y = noise(ROWS * 2, 92);
const RECIPE: CompileOptions = { optimizer: sgd({ learningRate: 0.1, momentum: 0.5 }), loss: "meanSquaredError" };
const FIT = { epochs: 2, batchSize: 8, shuffle: false };
/** After 12 steps of float32: each rounds by 2⁻²⁴ of numbers near 1, and later steps carry that on. */
const CLOSE = 2e-5;

const open = (layers: readonly Layer[], backend: TestBackend = ENGINE, recipe = RECIPE): Promise<Sequential> =>
  compiledModel({ layers, seed: 3 }, { ...recipe, backend });
const farthest = (a: readonly number[], b: readonly number[]): number => {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]) / (1 + Math.abs(b[i]))));
};

/** Which weights stay, by the numbers of their places in getWeights(). */
const NETWORKS: Record<
  string,
  { layers: readonly Layer[]; stay: readonly number[]; x: Float32Array<ArrayBuffer>; recipe?: CompileOptions }
> = {
  "the first of three layers": {
    layers: [
      dense({ units: 17, activation: "tanh", inputShape: [WIDTH], trainable: false, kernelRegularizer: l2(0.5) }),
      dense({ units: 9, activation: "relu" }),
      dense({ units: 2 }),
    ],
    stay: [0, 1],
    x: X,
  },
  "the second of three layers, with a norm over all gradients": {
    layers: [
      dense({ units: 17, activation: "tanh", inputShape: [WIDTH] }),
      dense({ units: 9, activation: "gelu", trainable: false }),
      dense({ units: 2 }),
    ],
    stay: [2, 3],
    x: X,
    recipe: { ...RECIPE, optimizer: adam({ learningRate: 0.01, globalClipNorm: 0.1 }) },
  },
  "the last layer": {
    layers: [dense({ units: 17, activation: "tanh", inputShape: [WIDTH] }), dense({ units: 2, trainable: false })],
    stay: [2, 3],
    x: X,
  },
  "wide layers": {
    layers: [
      dense({ units: 150, activation: "relu", inputShape: [WIDTH], trainable: false }),
      dense({ units: 140, activation: "relu" }),
      dense({ units: 130, activation: "relu", trainable: false }),
      dense({ units: 2 }),
    ],
    stay: [0, 1, 4, 5],
    x: X,
  },
  normalizations: {
    layers: [
      dense({ units: 9, inputShape: [WIDTH] }),
      batchNormalization({ trainable: false, momentum: 0.5 }),
      activation("tanh"),
      layerNormalization({ trainable: false }),
      dense({ units: 2 }),
    ],
    stay: [2, 3, 4, 5, 6, 7],
    x: X,
  },
  "recurrent layers": {
    layers: [
      simpleRNN({ units: 6, returnSequences: true, inputShape: [5, 3] }),
      simpleRNN({ units: 4, trainable: false }),
      dense({ units: 2 }),
    ],
    stay: [3, 4, 5],
    x: noise(ROWS * 15, 5),
  },
  "the first recurrent layer": {
    layers: [
      simpleRNN({ units: 6, returnSequences: true, inputShape: [5, 3], trainable: false }),
      simpleRNN({ units: 4 }),
      dense({ units: 2 }),
    ],
    stay: [0, 1, 2],
    x: noise(ROWS * 15, 5),
  },
};

describe.each(Object.entries(NETWORKS))("%s", (_, { layers, stay, x, recipe }) => {
  it("stay, and the others become what the reference makes of them", async () => {
    const model = await open(layers, ENGINE, recipe),
      before = await numbersOf(model);
    await model.fit(x, Y, FIT);
    const after = await numbersOf(model),
      reference = await open(layers, "cpu", recipe);
    await reference.fit(x, Y, FIT);
    expect(farthest(after.flat(), (await numbersOf(reference)).flat())).toBeLessThan(CLOSE);
    after.forEach((numbers, i) => {
      if (stay.includes(i)) expect(numbers).toEqual(before[i]);
      else expect(farthest(numbers, before[i])).toBeGreaterThan(10 * CLOSE);
    });
  });

  it("verify() finds every tensor within its bound", async () => {
    const model = await open(layers, ENGINE, recipe);
    const report = await model.verify(x, Y, { steps: 3, batchSize: 19 });
    expect(report.ok, String(report)).toBe(true);
  });

  // Each weight takes a forward pass: of wide layers there are too many.
  const isNarrow = !layers.some((layer) => "units" in layer && layer.units > 100);
  if (isNarrow)
    it("gradientCheck() finds every gradient right, and no other", async () => {
      const model = await open(layers, ENGINE, recipe);
      const gradients = await model.gradientCheck(x.subarray(0, (6 * x.length) / ROWS), Y.subarray(0, 12));
      expect(gradients.ok, String(gradients)).toBe(true);
      expect(gradients.tensors).toBe((await model.getWeights()).length - stay.length);
    });

  it("ends with the same bits from whatever checkpoint it is resumed", async () => {
    const end = async (options: object) => {
      const model = await open(layers, ENGINE, recipe);
      await model.fit(x, Y, { ...FIT, epochs: 3, ...options });
      return numbersOf(model);
    };
    const store = new MemoryStore(),
      calm = await end({ checkpoint: { store, every: 2 } }),
      { history } = store;
    expect(history.length).toBeGreaterThan(6);
    for (const contents of [history[1], history[history.length - 1]]) {
      expect(await end({ resumeFrom: new MemoryStore(contents) })).toEqual(calm);
    }
  });
});

describe("frozen layers are part of the data", () => {
  it("a network behind one is trained as on what that one answers", async () => {
    const head = (inputShape?: readonly number[]) => [dense({ units: 9, activation: "tanh", inputShape }), dense({ units: 2 })];
    const body = dense({ units: 12, activation: "relu", inputShape: [WIDTH], trainable: false });
    const whole = await open([body, ...head()]),
      weights = await whole.getWeights();
    const features = await open([dense({ units: 12, activation: "relu", inputShape: [WIDTH] })]);
    await features.setWeights(weights.slice(0, 2));
    const alone = await open(head([12]));
    await alone.setWeights(weights.slice(2).map(({ shape, data }) => ({ shape, data })));
    await whole.fit(X, Y, FIT);
    await alone.fit(await features.predict(X), Y, FIT);
    const trained = await numbersOf(whole);
    expect(farthest(trained.slice(2).flat(), (await numbersOf(alone)).flat())).toBeLessThan(CLOSE);
    expect(trained.slice(0, 2).flat()).toEqual(weights.slice(0, 2).flatMap(({ data }) => [...data]));
  });

  it("a batch normalization that is not trained is a layer of fixed factors", async () => {
    const normalization = batchNormalization({ inputShape: [WIDTH], trainable: false, epsilon: 1e-3 });
    const whole = await open([normalization, dense({ units: 2 })]),
      weights = await whole.getWeights();
    const [gamma, beta, mean, variance] = [
      [1, -2, 0.5, 3, 1],
      [0, 1, 2, -1, 0.5],
      [0.1, -0.2, 0.3, 1, -1],
      [0.5, 1, 2, 3, 0.25],
    ];
    await whole.setWeights(weights.map(({ shape, data }, i) => ({ shape, data: [gamma, beta, mean, variance][i] ?? [...data] })));
    const normalized = X.map((value, i) => {
      const j = i % WIDTH;
      return (gamma[j] * (value - mean[j])) / Math.sqrt(variance[j] + 1e-3) + beta[j];
    });
    const alone = await open([dense({ units: 2, inputShape: [WIDTH] })]);
    await alone.setWeights(weights.slice(4).map(({ shape, data }) => ({ shape, data })));
    await whole.fit(X, Y, FIT);
    await alone.fit(normalized, Y, FIT);
    expect(farthest((await numbersOf(whole)).slice(4).flat(), (await numbersOf(alone)).flat())).toBeLessThan(CLOSE);
  });
});
