// What is wrong with sampleWeight and classWeight is told before any work, and the model is what it was; and what counts as a class.

import { describe, expect, it } from "vitest";
import {
  dataset,
  dense,
  InputError,
  simpleRNN,
  type CompileOptions,
  type EvaluateOptions,
  type FitOptions,
  type Layer,
  type Sequential,
} from "../../src/index.ts";
import { compiledModel, noise, numbersOf, sameWeights } from "../support/models.ts";

const ROWS = 6,
  X = noise(ROWS * 3, 81),
  LABELS = [0, 1, 2, 3, 0, 1];
const ONES = new Array<number>(ROWS).fill(1);
const SOFTMAX: Layer[] = [dense({ units: 4, activation: "softmax", inputShape: [3] })];
const open = (
  layers = SOFTMAX,
  loss: CompileOptions["loss"] = "sparseCategoricalCrossentropy",
  metrics: string[] = [],
): Promise<Sequential> => compiledModel({ layers }, { optimizer: "sgd", loss, metrics, backend: "cpu" });
const without = (index: number, value: unknown): unknown[] => Object.assign([...ONES], { [index]: value });

describe("is refused, by fit() and evaluate(), with nothing changed", () => {
  it.each<[string, object, RegExp]>([
    [
      "a negative weight",
      { sampleWeight: without(2, -1) },
      /^\w+\(\): sampleWeight must hold finite numbers ≥ 0; number 2 is -1\. .*weight 0/,
    ],
    ["NaN", { sampleWeight: Float32Array.from(without(4, NaN) as number[]) }, /number 4 is NaN/],
    ["infinity", { sampleWeight: without(0, Infinity) }, /number 0 is Infinity/],
    ["what float32 does not hold", { sampleWeight: without(0, 1e39) }, /number 0 is 1e\+39/],
    ["null among numbers", { sampleWeight: without(5, null) }, /number 5 is null/],
    ["a text", { sampleWeight: without(5, "1") }, /number 5 is "1"/],
    ["a hole", { sampleWeight: Object.assign([...ONES], { 1: undefined }) }, /number 1 is undefined/],
    ["too few", { sampleWeight: [1, 2] }, /sampleWeight has 2 numbers but x has 6 rows\. Give one weight a row/],
    ["none", { sampleWeight: [] }, /sampleWeight has 0 numbers/],
    ["rows of two", { sampleWeight: LABELS.map(() => [1, 2]) }, /sampleWeight has 12 numbers but x has 6 rows/],
    ["one number", { sampleWeight: 3 }, /sampleWeight must be a typed array or an array; got number/],
    ["both", { sampleWeight: ONES, classWeight: { 0: 1 } }, /set sampleWeight or classWeight; got both\. .*pass sampleWeight/],
    ["a class that there is not", { classWeight: { 4: 2 } }, /classWeight must be by classes, whole numbers from 0 to 3; got one for "4"/],
    ["a name", { classWeight: { cat: 2 } }, /got one for "cat"/],
    ["a negative class weight", { classWeight: { 1: -2 } }, /classWeight must hold finite numbers ≥ 0; that of class 1 is -2/],
    ["a class weight that is none", { classWeight: { 1: "2" } }, /that of class 1 is "2"/],
    ["a class weight of NaN", { classWeight: [1, NaN] }, /that of class 1 is NaN/],
    ["a number by class", { classWeight: 2 }, /classWeight must be an object of numbers by class, such as .*; got 2/],
    [
      "a typed array by class",
      { classWeight: new Float32Array(4) },
      /classWeight must be an object of numbers by class.*got a Float32Array/,
    ],
  ])("%s", async (_, options, pattern) => {
    const model = await open(),
      before = await model.getWeights();
    for (const call of [
      () => model.fit(X, LABELS, options as FitOptions),
      () => model.evaluate(X, LABELS, options as EvaluateOptions),
      () => model.gradientCheck(X, LABELS, options),
    ]) {
      const error: unknown = await call().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(pattern);
    }
    expect(sameWeights(await model.getWeights(), before)).toBe(true);
    expect((await model.fit(X, LABELS, { sampleWeight: ONES })).steps).toBe(1);
  });

  it("beside a handle, and both with it", async () => {
    const model = await open(),
      plain = dataset(X, LABELS),
      weighted = dataset(X, LABELS, { sampleWeight: ONES });
    await expect(model.fit(plain, { sampleWeight: ONES } as never)).rejects.toThrow(
      /the sampleWeight of a data set is its own.*dataset\(x, y, \{ sampleWeight/,
    );
    await expect(model.fit(weighted, { classWeight: { 0: 1 } })).rejects.toThrow(/set sampleWeight or classWeight; got both/);
    expect(() => dataset(X, LABELS, { sampleWeight: 3 as never })).toThrow(/dataset\(\): sampleWeight must be a typed array/);
    await expect(model.fit(dataset(X, LABELS, { sampleWeight: [1, -1, 1, 1, 1, 1] }))).rejects.toThrow(
      /fit\(\): sampleWeight.*number 1 is -1/,
    );
  });

  it("in validationData, which has two parts or three", async () => {
    const model = await open();
    await expect(model.fit(X, LABELS, { validationData: [X, LABELS, without(1, -1) as number[]] })).rejects.toThrow(
      /fit\(\): validationData: sampleWeight must hold finite numbers ≥ 0; number 1 is -1/,
    );
    await expect(model.fit(X, LABELS, { validationData: [X, LABELS, ONES, ONES] as never })).rejects.toThrow(/\[x, y, sampleWeight\]/);
    expect((await model.fit(X, LABELS, { validationData: [X, LABELS, undefined] })).epochs).toBe(1);
  });
});

/** The losses of the rows, one by one. */
const each = async (model: Sequential, y: ArrayLike<number>, width = 1): Promise<number[]> =>
  Promise.all(
    Array.from({ length: ROWS }, async (_, i) => {
      const row = Array.from(y).slice(i * width, (i + 1) * width);
      return (await model.evaluate(X.slice(3 * i, 3 * i + 3), row)).loss;
    }),
  );
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

it("evaluate() is Σ w·l / rows, and its metrics are not weighted", async () => {
  const model = await open(SOFTMAX, "sparseCategoricalCrossentropy", ["accuracy"]),
    weights = [0, 2, 0.5, 1, 7, 3],
    losses = await each(model, LABELS);
  const { loss, accuracy } = await model.evaluate(X, LABELS, { sampleWeight: weights });
  expect(loss).toBeCloseTo(mean(losses.map((value, i) => value * weights[i])), 12);
  expect(accuracy).toBe((await model.evaluate(X, LABELS)).accuracy);
});

it("fit() reports the weighted loss of the epoch, a smaller last mini-batch counting by its rows", async () => {
  const model = await compiledModel({ layers: SOFTMAX }, { optimizer: "sgd", loss: "sparseCategoricalCrossentropy", backend: "cpu" }),
    sampleWeight = [0, 2, 0.5, 1, 7, 3];
  model.learningRate = 0;
  const { loss } = await model.evaluate(X, LABELS, { sampleWeight });
  const { history } = await model.fit(X, LABELS, { sampleWeight, batchSize: 4 });
  expect(history.loss[0]).toBeCloseTo(loss, 12);
  expect((await model.trainOnBatch(X, LABELS, { sampleWeight })).loss).toBeCloseTo(loss, 12);
});

it("the class is the label, the largest target (the first of equals), or the nearest whole number, as in Keras", async () => {
  const known = { 0: 2, 1: 5 },
    classWeight = { ...known, [-1]: 3 },
    weight = [2, 5, 1, 1];
  const labels = await open();
  const losses = await each(labels, LABELS);
  expect((await labels.evaluate(X, LABELS, { classWeight: known })).loss).toBeCloseTo(
    mean(losses.map((value, i) => value * weight[LABELS[i]])),
    12,
  );
  const several = await open([dense({ units: 4, inputShape: [3] })], "meanSquaredError"),
    y = noise(ROWS * 4, 5);
  y.fill(9, 4, 8);
  const first = (row: ArrayLike<number>) => Array.from(row).indexOf(Math.max(...Array.from(row)));
  const squares = await each(several, y, 4);
  expect((await several.evaluate(X, y, { classWeight: known })).loss).toBeCloseTo(
    mean(squares.map((value, i) => value * weight[first(y.slice(4 * i, 4 * i + 4))])),
    6,
  );
  const one = await open([dense({ units: 1, activation: "tanh", inputShape: [3] })], "hinge"),
    answers = [-1, 1, 0.5, 1.5, -0.6, 2.5];
  const hinges = await each(one, answers);
  expect((await one.evaluate(X, answers, { classWeight })).loss).toBeCloseTo(
    mean(hinges.map((value, i) => value * [3, 5, 2, 1, 3, 1][i])),
    6,
  );
});

describe("sequences", () => {
  const layers = [simpleRNN({ units: 4, inputShape: [3, 1], returnSequences: true }), dense({ units: 1 })],
    y = noise(ROWS * 3, 4);
  it("take a weight a row, or one a step, nested too; one a row is that of all its steps", async () => {
    const model = await open(layers, "meanSquaredError"),
      byRow = [0, 2, 0.5, 1, 7, 3],
      byStep = byRow.map((weight) => [weight, weight, weight]);
    const { loss } = await model.evaluate(X, y, { sampleWeight: byRow });
    expect((await model.evaluate(X, y, { sampleWeight: byStep })).loss).toBe(loss);
    expect((await model.evaluate(X, y, { sampleWeight: byStep.flat() })).loss).toBe(loss);
    expect((await model.evaluate(X, y, { sampleWeight: byStep.flat().map((weight, i) => weight * (i % 3)) })).loss).not.toBe(loss);
    await expect(model.evaluate(X, y, { sampleWeight: [1, 2] })).rejects.toThrow(
      /has 2 numbers but x has 6 rows of 3 steps that are answered/,
    );
  });

  it("gradientCheck() and inspectStep() see the weights", async () => {
    const model = await open(layers, "meanSquaredError"),
      sampleWeight = [0, 2, 0.5, 1, 7, 3];
    const report = await model.gradientCheck(X, y, { sampleWeight });
    expect(report.ok, String(report)).toBe(true);
    const { tensors } = await model.inspectStep(X, y, { sampleWeight });
    expect(tensors.filter(({ op }) => op === "weightRows")).toHaveLength(2);
  });
});

it("weights of 1 change nothing, bit for bit, and those of 0 leave a row out", async () => {
  const run = async (options: FitOptions) => {
    const model = await open();
    return [await model.fit(X, LABELS, { epochs: 3, batchSize: 4, ...options }), await numbersOf(model)];
  };
  expect(await run({ sampleWeight: ONES })).toEqual(await run({}));
  const model = await open(),
    other = await open();
  const spoilt = X.slice();
  spoilt.fill(50, 3, 6);
  const options = { sampleWeight: without(1, 0) as number[], shuffle: false };
  await model.fit(X, LABELS, options);
  await other.fit(spoilt, LABELS, options);
  expect(await numbersOf(model)).toEqual(await numbersOf(other));
});
