// What dataset() refuses, what the calls refuse about a handle, and that nothing is checked twice. That handles train as
// arrays do is in test/gpu/api/dataset.test.ts.

import { describe, expect, it, onTestFinished, vi } from "vitest";
import { dataset, DatasetHandle, dense, gradientCheck, InputError, type CompileOptions } from "../../src/index.ts";
import { compiledModel, noise, sameWeights } from "../support/models.ts";

const ROWS = 6;
const X = noise(ROWS * 3, 81),
  LABELS = [0, 1, 2, 3, 0, 1];
const LAYERS = [dense({ units: 5, activation: "relu", inputShape: [3] }), dense({ units: 4, activation: "softmax" })];
const declare = (loss: CompileOptions["loss"] = "sparseCategoricalCrossentropy") =>
  compiledModel({ layers: LAYERS }, { optimizer: "sgd", loss, backend: "cpu" });

describe("dataset()", () => {
  it.each<[string, () => unknown, RegExp]>([
    ["no array", () => dataset(5 as never, LABELS), /^dataset\(\): x must be a typed array or an array; got number\.$/],
    ["nothing", () => dataset(undefined as never), /^dataset\(\): x must be .*got undefined/],
    ["big integers", () => dataset(new BigInt64Array(3) as never), /x must be .*BigInt64Array/],
    ["y that is none", () => dataset(X, "labels" as never), /^dataset\(\): y must be a typed array or an array; got string\.$/],
    ["null for y", () => dataset(X, null as never), /y must be .*got null/],
    ["options in place of y", () => dataset(X, { scale: 1 } as never), /y must be .*got object/],
    [
      "an unknown option",
      () => dataset(X, LABELS, { batchSize: 3 } as never),
      /^dataset\(\): unknown option batchSize\. Known: scale, lengths, sampleWeight\.$/,
    ],
    ["a scale of 0", () => dataset(X, LABELS, { scale: 0 }), /^dataset\(\): scale must be a finite number other than 0; got 0/],
  ])("%s", (_, make, pattern) => {
    expect(make).toThrow(InputError);
    expect(make).toThrow(pattern);
  });

  it("says whether it has y, in its type, too", async () => {
    const model = await declare(),
      bare = dataset(X);
    expect(bare).toBeInstanceOf(DatasetHandle);
    expect([bare.labelled, dataset(X, LABELS).labelled]).toEqual([false, true]);
    // @ts-expect-error -- a handle without y does not train
    await expect(model.fit(bare)).rejects.toThrow(/^fit\(\): the data set has no y\. Make it with dataset\(x, y\)\.$/);
    // @ts-expect-error -- nor evaluate
    await expect(model.evaluate(bare)).rejects.toThrow(/^evaluate\(\): the data set has no y/);
    // @ts-expect-error -- arrays without y do not train either
    await expect(model.fit(X)).rejects.toThrow(/^fit\(\): y must be/);
    // @ts-expect-error -- the scale is the handle's
    await expect(model.fit(dataset(X, LABELS), { scale: 2 })).rejects.toThrow(/scale/);
    expect(await model.predict(bare)).toHaveLength(ROWS * 4);
  });
});

describe("a call with a handle", () => {
  it.each<[string, () => DatasetHandle, unknown[], RegExp]>([
    [
      "labels out of range",
      () => dataset(X, [0, 1, 2, 3, 4, 0]),
      [],
      /^fit\(\): labels must be whole numbers from 0 to 3; y\[4\] is 4\. Fix the label/,
    ],
    ["too few labels", () => dataset(X, [0]), [], /^fit\(\): y has 1 labels but x has 6 rows\. Give one label a row/],
    [
      "NaN",
      () =>
        dataset(
          X.map(() => NaN),
          LABELS,
        ),
      [],
      /^fit\(\): x must hold finite float32 numbers; row 0, column 0 is NaN/,
    ],
    ["rows of another width", () => dataset([[1, 2]], [0]), [], /^fit\(\): x has 2 features a row but the first layer takes 3/],
    ["no rows", () => dataset([], []), [], /^fit\(\): x is empty/],
    ["bytes without a scale", () => dataset(new Uint8Array(18), LABELS), [], /^fit\(\): x is a Uint8Array; say what one unit is worth/],
    [
      "a scale beside it",
      () => dataset(X, LABELS),
      [{ scale: 2 }],
      /^fit\(\): the scale of a data set is its own; got 2 beside it\. Pass it to dataset/,
    ],
    [
      "labels beside it",
      () => dataset(X, LABELS),
      [LABELS],
      /^fit\(\): a data set brings its own y; behind it come the options alone\. Got \[0,1/,
    ],
    ["labels and options beside it", () => dataset(X, LABELS), [new Uint8Array(6), {}], /brings its own y/],
    ["an unknown option", () => dataset(X, LABELS), [{ batchsize: 3 }], /unknown option batchsize/],
    ["too large a share for validation", () => dataset(X, LABELS), [{ validationSplit: 0.99 }], /validationSplit 0\.99 of 6 rows leaves 0/],
    ["validation without y", () => dataset(X, LABELS), [{ validationData: dataset(X) }], /^fit\(\): validationData: the data set has no y/],
    [
      "validation that does not fit",
      () => dataset(X, LABELS),
      [{ validationData: dataset(X, [0, 0, 0, 9, 0, 0]) }],
      /^fit\(\): validationData: labels .*y\[3\] is 9/,
    ],
  ])("%s: an InputError as for arrays, again at the second try, and nothing has changed", async (_, make, rest, pattern) => {
    const model = await declare(),
      before = await model.getWeights(),
      set = make();
    for (let i = 0; i < 2; i++) {
      const error: unknown = await (model.fit as (...args: unknown[]) => Promise<unknown>)(set, ...rest).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(pattern);
    }
    expect(sameWeights(await model.getWeights(), before)).toBe(true);
    expect((await model.fit(dataset(X, LABELS))).steps).toBe(1);
    expect(sameWeights(await model.getWeights(), before)).toBe(false);
  });

  it("the other calls say it in their own names", async () => {
    const model = await declare(),
      set = dataset(X, [0, 1, 2, 3, 4, 0]);
    await expect(model.evaluate(set)).rejects.toThrow(/^evaluate\(\): labels/);
    await expect(model.gradientCheck(set)).rejects.toThrow(/^gradientCheck\(\): labels/);
    await expect(gradientCheck(model, set)).rejects.toThrow(/^gradientCheck\(\): labels/);
    await expect(model.verify(set)).rejects.toThrow(/^verify\(\): labels/);
    await expect(model.predict(dataset(X.slice(1)))).rejects.toThrow(/^predict\(\): x has 17 numbers/);
    // @ts-expect-error -- the scale is the handle's
    await expect(model.predict(set, { scale: 2 })).rejects.toThrow(/^predict\(\): the scale of a data set is its own/);
  });

  it("what one loss takes is checked anew for another", async () => {
    const set = dataset(X, LABELS),
      [sparse, categorical] = [await declare(), await declare("categoricalCrossentropy")];
    await sparse.evaluate(set);
    await expect(categorical.evaluate(set)).rejects.toThrow(/y has one number a row but the last layer has 4 units/);
    await sparse.compile({ optimizer: "sgd", loss: "categoricalCrossentropy", backend: "cpu" });
    await expect(sparse.evaluate(set)).rejects.toThrow(/y has one number a row/);
    // A target of 2 is fine for a square and none for a probability.
    const two = dataset(X, X.map(() => 2).slice(0, 6)),
      layers = [dense({ units: 1, activation: "sigmoid" as const, inputShape: [3] })];
    for (const [loss, fits] of [
      ["meanSquaredError", true],
      ["binaryCrossentropy", false],
      ["huber", true],
    ] as const) {
      const model = await compiledModel({ layers }, { optimizer: "sgd", loss, backend: "cpu" });
      const outcome = await model.evaluate(two).then(
        () => true,
        (error: unknown) => (/takes targets from 0 to 1/.test(String(error)) ? false : error),
      );
      expect(outcome, loss).toBe(fits);
    }
  });

  it("looks through x and y once for each model's shape, and copies neither again", async () => {
    const x = X.slice(),
      y = Uint32Array.from(LABELS),
      set = dataset(x, y),
      model = await declare();
    // Of all kinds of arrays.
    const looks = vi.spyOn(Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array, "findIndex"),
      copies = vi.spyOn(Uint32Array, "from");
    onTestFinished(() => {
      copies.mockRestore();
      looks.mockRestore();
    });
    for (let i = 0; i < 3; i++) {
      await model.fit(set, { steps: 2, shuffle: false });
      await model.evaluate(set);
      await model.predict(set);
    }
    expect(looks.mock.calls.length).toBe(2);
    expect(copies.mock.calls.some(([source]) => ArrayBuffer.isView(source) && (source as unknown as Uint32Array).length === y.length)).toBe(
      false,
    );
    // Control: arrays are looked through, and copied, at each call.
    await model.fit(x, y);
    await model.fit(x, y);
    expect(looks.mock.calls.length).toBe(4);
    expect(copies.mock.calls.some(([source]) => (source as unknown) === y)).toBe(true);
  });
});
