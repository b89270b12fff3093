// Batch and layer normalization where something is at its limit: one row, constant columns, numbers that are very large or not finite, momenta of 0
// and 1, layers at every place of a network, and calls in the middle of a fit().

import { describe, expect, it } from "vitest";
import {
  activation,
  batchNormalization,
  dense,
  DivergenceError,
  dropout,
  layerNormalization,
  sequential,
  sgd,
  simpleRNN,
  type CompileOptions,
  type Layer,
} from "../../src/index.ts";
import { compiledModel, ENGINE, noise, numbersOf, sameWeights, type TestBackend } from "../support/models.ts";

const WIDTH = 4,
  ROWS = 9,
  X = noise(ROWS * WIDTH, 31),
  Y = noise(ROWS * 2, 32);
const RECIPE: CompileOptions = { optimizer: sgd({ learningRate: 0.01, momentum: 0.5 }), loss: "meanSquaredError" };
const declare = (layers: readonly Layer[], backend: TestBackend = ENGINE, recipe: CompileOptions = RECIPE) =>
  compiledModel({ layers, seed: 5 }, { ...recipe, backend });
const MIDDLE = [dense({ units: 6, inputShape: [WIDTH] }), batchNormalization({ momentum: 0.5 }), activation("tanh"), dense({ units: 2 })];

/** The largest difference, relative to 1 + |b|; NaN where one is not finite. */
function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a, (value, i) => Math.abs(value - b[i]) / (1 + Math.abs(b[i]))).reduce(
    (most, value) => (value <= most ? most : value),
    0,
  );
}
const CLOSE = 2e-5;

/** Trains on engine and reference: weights and answers must agree. */
async function agree(
  layers: readonly Layer[],
  x: Float32Array<ArrayBuffer>,
  y: Float32Array<ArrayBuffer>,
  batchSize: number,
  close = CLOSE,
): Promise<number[]> {
  const [engine, reference] = await Promise.all(
    ([ENGINE, "cpu"] as const).map(async (backend) => {
      const model = await declare(layers, backend);
      await model.fit(x, y, { epochs: 3, batchSize });
      return [...(await numbersOf(model)).flat(), ...(await model.predict(x))];
    }),
  );
  expect(farthest(engine, reference)).toBeLessThan(close);
  return engine;
}

const SEQUENCE = [simpleRNN({ units: 4, inputShape: [2, 2] }), batchNormalization(), dense({ units: 2 })];
describe.each<[string, readonly Layer[]]>([
  ["first", [batchNormalization({ inputShape: [WIDTH] }), dense({ units: 2 })]],
  ["in the middle", MIDDLE],
  ["last", [dense({ units: 2, inputShape: [WIDTH] }), batchNormalization()]],
  [
    "three in a row",
    [dense({ units: 2, inputShape: [WIDTH] }), batchNormalization(), batchNormalization({ scale: false }), layerNormalization()],
  ],
  [
    "with neither γ nor β",
    [dense({ units: 3, inputShape: [WIDTH] }), batchNormalization({ scale: false, center: false }), dense({ units: 2 })],
  ],
  [
    "before and behind dropout",
    [dense({ units: 6, inputShape: [WIDTH] }), dropout({ rate: 0.3 }), batchNormalization(), dropout({ rate: 0.3 }), dense({ units: 2 })],
  ],
  ["between simpleRNN and dense", SEQUENCE],
  ["of momentum 0", [dense({ units: 3, inputShape: [WIDTH] }), batchNormalization({ momentum: 0 }), dense({ units: 2 })]],
  ["of momentum 1", [dense({ units: 3, inputShape: [WIDTH] }), batchNormalization({ momentum: 1 }), dense({ units: 2 })]],
  ["of one feature", [dense({ units: 1, inputShape: [WIDTH] }), batchNormalization(), layerNormalization(), dense({ units: 2 })]],
  [
    "of 300 features",
    [dense({ units: 300, inputShape: [WIDTH] }), batchNormalization(), activation("relu"), layerNormalization(), dense({ units: 2 })],
  ],
])("%s", (_, layers) => {
  // The last mini-batch of 4 has one row; all of a batch size of 1 have.
  it.each([4, 1, 9])("agrees with the reference in mini-batches of %i", async (batchSize) => {
    await agree(layers, X, Y, batchSize, batchSize === 1 ? 1e-3 : 1e-4);
  });

  it("verify(), inspectStep() and gradientCheck() hold", async () => {
    const model = await declare(layers),
      report = await model.verify(X, Y, { steps: 3, batchSize: 4 });
    expect(report.ok, String(report)).toBe(true);
    const inspected = await model.inspectStep(X, Y);
    expect(inspected.firstFailure).toBeNull();
    const gradients = await model.gradientCheck(X, Y);
    expect(gradients.ok, String(gradients)).toBe(true);
  });
});

it("a row alone is normalized to β: its variance is 0, and nothing is divided by 0", async () => {
  const model = await declare([batchNormalization({ inputShape: [WIDTH], momentum: 0 }), dense({ units: 2 })]);
  await model.fit(X.subarray(0, WIDTH), Y.subarray(0, 2), { batchSize: 1 });
  const [, , mean, variance] = await numbersOf(model);
  expect(farthest(mean, X.subarray(0, WIDTH))).toBeLessThan(1e-6);
  expect(variance).toEqual([0, 0, 0, 0]);
  expect([...(await model.predict(X))].every(Number.isFinite)).toBe(true);
});

it("a constant column is 0 once normalized, and trains", async () => {
  const x = X.map((value, i) => (i % WIDTH === 1 ? 1000 : value));
  // The mean of 9 terms is off by 9·2⁻²⁴·1000 at the most, and that difference is divided by √ε.
  const numbers = await agree(
    [batchNormalization({ inputShape: [WIDTH], momentum: 0 }), dense({ units: 2 })],
    x,
    Y,
    9,
    (ROWS * 2 ** -24 * 1000) / Math.sqrt(1e-3),
  );
  expect(numbers.every(Number.isFinite)).toBe(true);
  const model = await declare([batchNormalization({ inputShape: [WIDTH], momentum: 0 }), dense({ units: 2 })]);
  await model.fit(x, Y, { batchSize: 9 });
  const [, , mean, variance] = await numbersOf(model);
  expect(Math.abs(mean[1] - 1000)).toBeLessThan(1e-3);
  expect(variance[1]).toBeLessThan(1e-6);
});

it("numbers that are large but whose squares a float32 holds agree with the reference", async () => {
  await agree(
    [batchNormalization({ inputShape: [WIDTH] }), dense({ units: 2 })],
    X.map((value) => value * 1e15),
    Y,
    4,
    1e-4,
  );
});

describe.each<[string, readonly Layer[]]>([
  ["batch normalization", [batchNormalization({ inputShape: [WIDTH] }), dense({ units: 2 })]],
  ["layer normalization", [layerNormalization({ inputShape: [WIDTH] }), dense({ units: 2 })]],
])("%s of numbers that leave float32", (_, layers) => {
  it.each([
    ["not-a-number", NaN],
    ["infinity", Infinity],
  ])("%s in x is refused, where it is, with nothing changed", async (_name, bad) => {
    const x = X.slice(),
      model = await declare(layers),
      before = await model.getWeights();
    x[6] = bad;
    await expect(model.fit(x, Y, { batchSize: 9 })).rejects.toThrow(/row 1, column 2/);
    expect(sameWeights(await model.getWeights(), before)).toBe(true);
  });
});

it("a variance above float32 is found though the loss is finite, and the model is left as it was before", async () => {
  const x = X.slice(),
    model = await declare([batchNormalization({ inputShape: [WIDTH] }), dense({ units: 2 })]),
    before = await model.getWeights();
  x[6] = 1e30;
  await expect(model.fit(x, Y, { batchSize: 9 })).rejects.toThrow(DivergenceError);
  expect(sameWeights(await model.getWeights(), before)).toBe(true);
  // It goes on with other data.
  await model.fit(X, Y, { batchSize: 9 });
  expect([...(await model.predict(X))].every(Number.isFinite)).toBe(true);
});

it("evaluate() and predict() in the middle of a fit() answer by the moving statistics, and change nothing", async () => {
  const calm = await declare(MIDDLE),
    model = await declare(MIDDLE),
    seen: number[] = [];
  await calm.fit(X, Y, { epochs: 3, batchSize: 4 });
  await model.fit(X, Y, {
    epochs: 3,
    batchSize: 4,
    callbacks: {
      onEpochEnd: async () => {
        const { loss } = await model.evaluate(X, Y),
          copy = sequential({ layers: MIDDLE, seed: 1 });
        await copy.compile({ ...RECIPE, backend: "cpu" });
        await copy.setWeights(await model.getWeights());
        seen.push(Math.abs(loss - (await copy.evaluate(X, Y)).loss), farthest(await model.predict(X), await copy.predict(X)));
        copy.dispose();
      },
    },
  });
  expect(seen).toHaveLength(6);
  for (const difference of seen) expect(difference).toBeLessThan(1e-5);
  expect(sameWeights(await model.getWeights(), await calm.getWeights())).toBe(true);
});

it("trainOnBatch() moves the statistics as a step of fit() does", async () => {
  const [one, other] = [await declare(MIDDLE), await declare(MIDDLE)];
  await one.trainOnBatch(X, Y);
  await other.fit(X, Y, { batchSize: ROWS, shuffle: false });
  expect(sameWeights(await one.getWeights(), await other.getWeights())).toBe(true);
});

it("a penalty on γ and β is part of the loss, and moving statistics have none", async () => {
  const penalty = { name: "l2", l1: 0, l2: 0.5 } as const;
  const model = await declare([
    dense({ units: 2, inputShape: [WIDTH] }),
    batchNormalization({ gammaRegularizer: penalty, betaRegularizer: penalty }),
  ]);
  const plain = await declare([dense({ units: 2, inputShape: [WIDTH] }), batchNormalization()]);
  const [first, without] = await Promise.all([model, plain].map(async (one) => (await one.fit(X, Y, { batchSize: ROWS })).history.loss[0]));
  // γ is 1, twice.
  expect(Math.abs(first - without - 0.5 * 2)).toBeLessThan(1e-5);
});
