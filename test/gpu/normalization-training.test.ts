// Networks with batch and layer normalization through the public API, on the engine and on the float64 reference: the same mini-batches lead to
// the same weights and moving statistics, which are weights like others wherever weights are kept.

import { describe, expect, it } from "vitest";
import {
  activation,
  adam,
  batchNormalization,
  dataset,
  dense,
  dropout,
  layerNormalization,
  sequential,
  sgd,
  simpleRNN,
  UnsupportedError,
  type CompileOptions,
  type Layer,
  type Sequential,
  type Weight,
} from "../../src/index.ts";
import { earlyStopping } from "../../src/callbacks/index.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { compiledModel, ENGINE, noise, numbersOf, sameWeights, type TestBackend } from "../support/models.ts";
import { openLimited } from "./limited.ts";

const ROWS = 46,
  WIDTH = 5;
/** Columns of other means and spreads: 3·column + (column + 1)·noise. */
const X = noise(ROWS * WIDTH, 91).map((value, i) => 3 * (i % WIDTH) + (1 + (i % WIDTH)) * value),
  Y = noise(ROWS * 2, 92);
const BATCH: readonly Layer[] = [
  batchNormalization({ inputShape: [WIDTH], momentum: 0.8 }),
  dense({ units: 17 }),
  batchNormalization({ momentum: 0.9 }),
  activation("tanh"),
  dense({ units: 2 }),
];
const LAYERWISE: readonly Layer[] = [
  dense({ units: 17, inputShape: [WIDTH] }),
  layerNormalization(),
  activation("relu"),
  dense({ units: 2 }),
];
const SEQUENCES: readonly Layer[] = [
  batchNormalization({ inputShape: [5, 3], momentum: 0.7 }),
  simpleRNN({ units: 6, returnSequences: true }),
  batchNormalization(),
  simpleRNN({ units: 4 }),
  batchNormalization(),
  dense({ units: 2 }),
];
const RECIPE: CompileOptions = {
  optimizer: sgd({ learningRate: 0.1, momentum: 0.5, globalClipNorm: 1 }),
  loss: "meanSquaredError",
  metrics: ["mae"],
};

const declare = (layers: readonly Layer[], backend: TestBackend, recipe: CompileOptions = RECIPE): Promise<Sequential> =>
  compiledModel({ layers, seed: 3 }, { ...recipe, backend });

const farthest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]) / (1 + Math.abs(b[i]))));
};

/** After 14 steps of float32: each rounds by 2⁻²⁴ of numbers near 1, and later steps carry that on. */
const CLOSE = 2e-5;

describe.each([
  ["batch normalization", BATCH, X],
  ["layer normalization", LAYERWISE, X],
  ["batch normalization of sequences", SEQUENCES, noise(ROWS * 15, 5)],
] as const)("%s", (_, layers, x) => {
  it("fit(), evaluate() and predict() lead to the reference's numbers", async () => {
    const [engine, reference] = await Promise.all(
      ([ENGINE, "cpu"] as const).map(async (backend) => {
        const model = await declare(layers, backend),
          before = await numbersOf(model);
        // 46 rows: the last mini-batch has 6.
        const { history } = await model.fit(x, Y, { epochs: 2, batchSize: 8, validationSplit: 0.2 });
        return {
          before: before.flat(),
          history: Object.values(history).flat(),
          weights: (await numbersOf(model)).flat(),
          logs: Object.values(await model.evaluate(x, Y, { batchSize: 7 })),
          answers: await model.predict(x, { batchSize: 9 }),
        };
      }),
    );
    for (const key of ["history", "weights", "logs", "answers"] as const)
      expect(farthest(engine[key], reference[key]), key).toBeLessThan(CLOSE);
    // Control: training moved them far beyond that.
    expect(farthest(engine.weights, engine.before)).toBeGreaterThan(1000 * CLOSE);
  });

  it("verify() finds every tensor within its bound, gradientCheck() every gradient right", async () => {
    const model = await declare(layers, ENGINE);
    const report = await model.verify(x, Y, { steps: 3, batchSize: 19 });
    expect(report.ok, String(report)).toBe(true);
    const gradients = await model.gradientCheck(x.subarray(0, (6 * x.length) / ROWS), Y.subarray(0, 12));
    expect(gradients.ok, String(gradients)).toBe(true);
  });

  it("ends with the same bits from whatever checkpoint it is resumed", async () => {
    const fit = { epochs: 3, batchSize: 8, validationSplit: 0.2 },
      recipe = { ...RECIPE, optimizer: adam(0.01) };
    const end = async (options: object) => {
      const model = await declare(layers, ENGINE, recipe);
      await model.fit(x, Y, { ...fit, ...options });
      return model.getWeights();
    };
    const store = new MemoryStore(),
      calm = await end({ checkpoint: { store, every: 2 } }),
      { history } = store;
    expect(history.length).toBeGreaterThan(6);
    for (const contents of [history[1], history[5], history[history.length - 1]]) {
      expect(sameWeights(await end({ resumeFrom: new MemoryStore(contents) }), calm)).toBe(true);
    }
  });
});

const named = async (model: Sequential, name: string): Promise<number[]> => [
  ...(await model.getWeights()).find((weight) => weight.name === name)!.data,
];

describe("moving statistics", () => {
  it("are those that a plain loop finds, of a smaller last mini-batch too; evaluate() and predict() leave them alone", async () => {
    const model = await declare(BATCH, ENGINE),
      batchSize = 10,
      momentum = 0.8;
    await model.fit(X, Y, { batchSize, shuffle: false });
    const mean = new Array<number>(WIDTH).fill(0),
      variance = new Array<number>(WIDTH).fill(1);
    for (let first = 0; first < ROWS; first += batchSize) {
      const rows = Math.min(batchSize, ROWS - first);
      for (let j = 0; j < WIDTH; j++) {
        let sum = 0,
          squares = 0;
        for (let row = first; row < first + rows; row++) sum += X[row * WIDTH + j];
        for (let row = first; row < first + rows; row++) squares += (X[row * WIDTH + j] - sum / rows) ** 2;
        mean[j] = momentum * mean[j] + ((1 - momentum) * sum) / rows;
        variance[j] = momentum * variance[j] + ((1 - momentum) * squares) / rows;
      }
    }
    for (let turn = 0; turn < 2; turn++) {
      expect(farthest(await named(model, "batch_normalization/moving_mean"), mean)).toBeLessThan(1e-6);
      expect(farthest(await named(model, "batch_normalization/moving_variance"), variance)).toBeLessThan(1e-6);
      await model.evaluate(X, Y);
      await model.predict(X);
    }
  });

  it("are set and taken by setWeights(), in Keras' order", async () => {
    const model = await declare(
      [batchNormalization({ inputShape: [2], epsilon: 0.5 }), dense({ units: 1, kernelInitializer: "ones" })],
      ENGINE,
    );
    const weights = await model.getWeights();
    expect(weights.map(({ name }) => name)).toEqual([
      "batch_normalization/gamma",
      "batch_normalization/beta",
      "batch_normalization/moving_mean",
      "batch_normalization/moving_variance",
      "dense/kernel",
      "dense/bias",
    ]);
    await model.setWeights(weights.map((weight, i) => ({ ...weight, data: [[2, 3], [-1, 4], [5, 6], [7, 8], [1, 1], [0]][i] })));
    const [answer] = await model.predict([[1, 10]]);
    expect(Math.abs(answer - ((2 * (1 - 5)) / Math.sqrt(7.5) - 1 + (3 * (10 - 6)) / Math.sqrt(8.5) + 4))).toBeLessThan(1e-5);
  });

  it("have no state of the optimizer", async () => {
    const plan = async (layers: readonly Layer[]) =>
      (await declare(layers, ENGINE, { ...RECIPE, optimizer: adam() })).plan?.bytes.optimizer;
    const one = [dense({ units: 2, inputShape: [WIDTH] })];
    expect((await plan([batchNormalization({ inputShape: [WIDTH] }), ...one])) - (await plan(one))).toBe(4 * 2 * 2 * WIDTH);
  });
});

it("the weights of the best epoch come back with its moving statistics, bit for bit", async () => {
  // So large a rate that the loss rises again.
  const recipe = { ...RECIPE, optimizer: sgd({ learningRate: 0.05, momentum: 0.95, globalClipNorm: 1 }) },
    fit = { epochs: 40, batchSize: 8 };
  const calm = await declare(BATCH, ENGINE, recipe),
    weights: Weight[][] = [];
  const {
    history: { loss },
  } = await calm.fit(X, Y, {
    ...fit,
    callbacks: {
      onEpochEnd: async () => {
        weights.push(await calm.getWeights());
      },
    },
  });
  const model = await declare(BATCH, ENGINE, recipe);
  const { epochs } = await model.fit(X, Y, {
    ...fit,
    callbacks: [earlyStopping({ monitor: "loss", patience: 3, restoreBestWeights: true })],
  });
  const best = epochs - 4;
  expect(epochs).toBeLessThan(40);
  expect(loss[best]).toBe(Math.min(...loss.slice(0, epochs)));
  expect(sameWeights(await model.getWeights(), weights[best])).toBe(true);
  // Control: the moving statistics of the last epoch are others.
  const moving = (all: readonly Weight[]) => all.filter(({ name }) => name.includes("moving"));
  expect(sameWeights(moving(weights[epochs - 1]), moving(weights[best]))).toBe(false);
});

it("data on the device train as arrays do, in steps too", async () => {
  const [byArray, byHandle] = await Promise.all([declare(BATCH, ENGINE), declare(BATCH, ENGINE)]),
    handle = dataset(X, Y);
  await byArray.fit(X, Y, { steps: 9, batchSize: 8 });
  await byHandle.fit(handle, { steps: 9, batchSize: 8 });
  handle.dispose();
  expect(sameWeights(await byArray.getWeights(), await byHandle.getWeights())).toBe(true);
});

it("a mini-batch that does not fit is refused with its reason, and nothing is changed; answers are computed in chunks", async () => {
  const layers = [dense({ units: 150, inputShape: [WIDTH] }), batchNormalization(), dropout({ rate: 0.2 }), dense({ units: 2 })];
  const bytes = 32_000,
    { model } = await openLimited({ seed: 2, layers }, RECIPE, ENGINE === "wasm" ? { intermediates: 400_000 } : { bytes });
  const before = await model.getWeights(),
    rows = 300,
    x = noise(rows * WIDTH, 3),
    y = noise(rows * 2, 4);
  await expect(model.fit(x, y, { batchSize: rows })).rejects.toThrow(/normalize over the whole mini-batch/);
  expect(sameWeights(await model.getWeights(), before)).toBe(true);
  const answers = await model.predict(x, { batchSize: rows }),
    reference = await declare(layers, "cpu");
  await reference.setWeights(before);
  expect(farthest(answers, await reference.predict(x))).toBeLessThan(CLOSE);
});

it("padded steps that would count as rows are refused before any work; answers for padded sequences are given", async () => {
  const model = await declare(SEQUENCES, ENGINE),
    before = await model.getWeights(),
    x = noise(ROWS * 15, 5);
  const lengths = Uint32Array.from({ length: ROWS }, (_, i) => 1 + (i % 5));
  await expect(model.fit(x, Y, { lengths })).rejects.toThrow(UnsupportedError);
  await expect(model.fit(x, Y, { lengths })).rejects.toThrow(/batch_normalization .*padded/);
  expect(sameWeights(await model.getWeights(), before)).toBe(true);
  expect(await model.predict(x, { lengths })).toHaveLength(ROWS * 2);
});

it("learns what it could not without: columns of very unequal size", async () => {
  const train = async (layers: readonly Layer[]) => {
    const model = sequential({ seed: 1, layers }),
      x = X.map((value, i) => value * 10 ** (i % WIDTH)),
      y = Float32Array.from({ length: ROWS }, (_, row) => (X[row * WIDTH + 4] > 12 ? 1 : 0));
    await model.compile({ optimizer: sgd(0.1), loss: "binaryCrossentropy", metrics: ["accuracy"], backend: ENGINE });
    await model.fit(x, y, { epochs: 30, batchSize: 23, onNaN: "ignore" });
    const { accuracy } = await model.evaluate(x, y);
    model.dispose();
    return accuracy;
  };
  const head = dense({ units: 1, activation: "sigmoid", inputShape: [WIDTH] });
  expect(await train([batchNormalization({ inputShape: [WIDTH], momentum: 0.5 }), head])).toBeGreaterThan(0.9);
  expect(await train([head])).toBeLessThan(0.8);
});
