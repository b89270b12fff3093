// Most calls are taken as they come, the others with checks that are loaded for them. Both must say the same, and that some of it comes
// later must make no difference: not to what is read, not to who may do what meanwhile.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dataset, dense, sequential, sgd, type LabelledDatasetHandle, type LossName, type Sequential } from "../../src/index.ts";
import type { Call } from "../../src/train/call/call.ts";
import { validateCommon } from "../../src/train/call/validate.ts";
import { validateAll } from "../../src/train/call/validate-all.ts";
import { resolveNetwork } from "../../src/model/network.ts";
import { toLoss } from "../../src/model/losses.ts";
import { compiledModel, noise, numbersOf, sameWeights } from "../support/models.ts";

const LAST = {
  sparseCategoricalCrossentropy: "softmax",
  categoricalCrossentropy: "softmax",
  binaryCrossentropy: "sigmoid",
  meanSquaredError: "linear",
} as const;
const shapeOf = (loss: keyof typeof LAST, units: number) => resolveNetwork([dense({ units, activation: LAST[loss], inputShape: [3] })], 1);
const callOf = (given: Partial<Call>, loss: keyof typeof LAST = "sparseCategoricalCrossentropy", units = 4): Call => ({
  method: "fit",
  x: noise(18, 1),
  y: Uint8Array.of(0, 1, 2, 3, 0, 1),
  last: undefined,
  shape: shapeOf(loss, units),
  loss: toLoss(loss),
  ...given,
});
const BYTES = Uint8Array.from({ length: 18 }, (_, i) => 13 * i);

describe("what is taken at once", () => {
  it.each<[string, Call]>([
    [
      "the page of README.md: bytes and labels",
      callOf({ x: BYTES, last: { scale: 1 / 255, epochs: 5, batchSize: 64, validationSplit: 0.2, callbacks: { onEpochEnd() {} } } }),
    ],
    ["its evaluation", callOf({ method: "evaluate", x: BYTES, last: { scale: 1 / 255 } })],
    ["its predictions", callOf({ method: "predict", x: BYTES, y: undefined, last: { scale: 1 / 255 } })],
    ["floats", callOf({})],
    ["labels in a list", callOf({ y: [0, 1, 2, 3, 0, 1] })],
    ["a Buffer's bytes, of which only some are x", callOf({ x: BYTES.subarray(3, 9), y: [0, 1], last: { scale: 1 } })],
    ["options that are not given", callOf({ last: { epochs: undefined, callbacks: { onEpochEnd: undefined } } })],
    ["rows of targets", callOf({ y: noise(12, 2) }, "meanSquaredError", 2)],
    [
      "all common options",
      callOf({ last: { batchSize: 2, shuffle: false, verbose: 0, signal: new AbortController().signal, epochs: 2, validationSplit: 0 } }),
    ],
  ])("is what all checks would have made of it: %s", (_, call) => {
    const taken = validateCommon(call);
    expect(taken).not.toBeNull();
    expect(taken).toEqual(validateAll(call));
    expect(taken?.data.dataset.x.constructor).toBe(validateAll(call).data.dataset.x.constructor);
  });

  const length = { minLength: 6, maxLength: 6 };
  const number = fc.oneof(
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom<unknown>(0, 1, -0, 3, 4, NaN, Infinity, 0.5, 1n, null, undefined, "1"),
  );
  const right = fc.oneof(
    fc.float32Array({ noNaN: true, noDefaultInfinity: true, ...length }),
    fc.uint8Array({ max: 3, minLength: 2, maxLength: 2 }),
    fc.uint8Array({ max: 3, ...length }),
  );
  const numbers = fc.oneof(
    { weight: 15, arbitrary: right },
    fc.float32Array(length),
    fc.uint8Array(length),
    fc.float64Array(length),
    fc.int32Array({ min: -1, max: 4, ...length }),
    fc.uint32Array({ max: 3, ...length }),
    fc.bigInt64Array(length),
    fc.uint8Array({ maxLength: 7 }),
    fc.array(number, length),
    fc.array(fc.array(number, { maxLength: 3 }), { maxLength: 6 }),
    fc.array(fc.integer({ min: 0, max: 3 }), length),
    fc.constantFrom<unknown>(
      null,
      undefined,
      "123",
      new DataView(new ArrayBuffer(6)),
      [0, , 1, 2, 3, 0],
      new Float32Array(new SharedArrayBuffer(24)),
      new Uint8Array(new SharedArrayBuffer(6)),
    ),
  );
  const value = fc.oneof(
    fc.integer({ min: -1, max: 3 }),
    number,
    fc.double(),
    fc.constantFrom<unknown>(1e-40, 1e39, true, {}, [], () => 1, new AbortController()),
  );
  const options = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record(
        { scale: fc.double({ min: 1e-3, max: 2, noNaN: true }), batchSize: fc.integer({ min: 1 }) },
        { requiredKeys: [] },
      ),
    },
    fc.constantFrom<unknown>(undefined, null, 5, [], "x", {}, Object.create({ epochs: 0.5 }), new Map(), Object.create(null)),
    fc.record(
      {
        epochs: value,
        batchSize: value,
        validationSplit: value,
        shuffle: value,
        verbose: value,
        scale: value,
        signal: value,
        steps: value,
        onNaN: value,
        lengths: value,
        constructor: value,
        callbacks: fc.oneof(
          value,
          fc.record({ onEpochEnd: value, onEpochend: value, onTrainEnd: fc.constant(() => 1) }, { requiredKeys: [] }),
        ),
      },
      { requiredKeys: [] },
    ),
  );
  const methods = fc.constantFrom<Call["method"]>("fit", "evaluate", "predict", "verify", "inspectStep", "gradientCheck");
  const losses = fc.constantFrom(...(Object.keys(LAST) as (keyof typeof LAST)[]));

  it("is what all checks would have made of it, whatever is given; they are left nothing wrong", () => {
    let common = 0,
      other = 0;
    fc.assert(
      fc.property(methods, numbers, numbers, options, losses, fc.constantFrom(1, 2), (method, x, y, last, loss, units) => {
        const call = callOf({ method, x, y, last }, loss, LAST[loss] === "softmax" ? 4 : units),
          taken = validateCommon(call);
        if (!taken) return void other++;
        common++;
        expect(taken).toEqual(validateAll(call));
      }),
      { seed: 20240602, numRuns: 20_000 },
    );
    // Control: both happen, and more than a few times.
    expect(Math.min(common, other)).toBeGreaterThan(200);
  });
});

const RECIPE = { optimizer: sgd(0.1), backend: "cpu" } as const;
const model = (loss: LossName = "sparseCategoricalCrossentropy"): Promise<Sequential> =>
  compiledModel(
    { layers: [dense({ units: 4, activation: loss === "sparseCategoricalCrossentropy" ? "softmax" : "linear", inputShape: [3] })] },
    { ...RECIPE, loss },
  );
const ROWS = (): number[][] => Array.from({ length: 6 }, (_, i) => [...noise(3, i)]);
const LABELS = (): number[] => [0, 1, 2, 3, 0, 1];
const spoil = (rows: number[][], labels: number[]): void => {
  rows.forEach((row) => row.fill(9));
  rows.length = 2;
  labels.fill(0);
};

describe("arrays that are changed after the call", () => {
  const trained = async (
    act: (model: Sequential, rows: number[][], labels: number[]) => Promise<unknown>,
    change: typeof spoil = () => {},
  ) => {
    const made = await model(),
      rows = ROWS(),
      labels = LABELS(),
      under = act(made, rows, labels);
    change(rows, labels);
    return { result: await under, weights: await numbersOf(made) };
  };

  it.each<[string, Parameters<typeof trained>[0]]>([
    ["fit(), rows", (made, x, y) => made.fit(x, y, { epochs: 2 })],
    ["fit(), labels of floats", (made, x, y) => made.fit(Float32Array.from(x.flat()), y, { epochs: 2 })],
    ["fit(), validationData", (made, x, y) => made.fit(ROWS(), LABELS(), { validationData: [x, y] })],
    ["evaluate()", (made, x, y) => made.evaluate(x, y)],
    ["predict()", (made, x) => made.predict(x)],
    ["gradientCheck()", async (made, x, y) => JSON.stringify(await made.gradientCheck(x, y))],
  ])("are those of the call: %s", async (_, act) => {
    expect(await trained(act, spoil)).toEqual(await trained(act));
  });

  it("control: before the call it does make a difference", async () => {
    const act = (made: Sequential, x: number[][], y: number[]) => made.evaluate(x, y);
    expect(
      await trained((made, x, y) => {
        spoil(x, y);
        return act(made, x, y.slice(0, 2));
      }),
    ).not.toEqual(await trained(act));
  });
});

describe("while the checks are loaded", () => {
  it("the model is training already", async () => {
    const made = await model(),
      first = made.fit(ROWS(), LABELS());
    await expect(made.fit(ROWS(), LABELS())).rejects.toThrow(/fit\(\): the model is training/);
    await expect(made.setWeights([])).rejects.toThrow(/setWeights\(\): the model is training/);
    await expect(made.compile({ ...RECIPE, loss: "sparseCategoricalCrossentropy" })).rejects.toThrow(/compile\(\): the model is training/);
    expect((await first).steps).toBe(1);
    // Control: afterwards it is not.
    expect((await made.fit(ROWS(), LABELS())).steps).toBe(1);
  });

  it("a fit() that is refused leaves the model free", async () => {
    const made = await model();
    await expect(made.fit(ROWS(), [7])).rejects.toThrow(/y has 1 labels/);
    expect((await made.fit(ROWS(), LABELS())).steps).toBe(1);
  });

  it("dispose() ends fit(); evaluate(), predict() and gradientCheck() under way have their backend", async () => {
    const made = await model(),
      other = await model();
    const training = made.fit(ROWS(), LABELS());
    made.dispose();
    await expect(training).rejects.toThrow(/fit\(\): the model was disposed/);
    const calls = [other.evaluate(ROWS(), LABELS()), other.predict(ROWS()), other.gradientCheck(ROWS(), LABELS())];
    other.dispose();
    for (const call of calls) expect(await call).toBeDefined();
    // Control: a call after it has none.
    await expect(other.predict(ROWS())).rejects.toThrow(/disposed/);
  });

  it("compile() does not change what evaluate() runs on", async () => {
    const made = await model("meanSquaredError"),
      targets = Array.from({ length: 6 }, (_, i) => [...noise(4, 20 + i)]);
    const before = await made.evaluate(ROWS(), targets),
      under = made.evaluate(ROWS(), targets);
    await made.compile({ ...RECIPE, loss: "huber" });
    expect(await under).toEqual(before);
    expect(await made.evaluate(ROWS(), targets)).not.toEqual(before);
  });

  it.each<[string, () => number[][] | Float32Array]>([
    ["rows", ROWS],
    ["floats", () => Float32Array.from(ROWS().flat())],
  ])("another learning rate is for the steps that have not begun: %s", async (_, x) => {
    const made = await model(),
      calm = await model();
    const under = made.fit(x(), LABELS());
    made.learningRate = 7;
    await under;
    calm.learningRate = 7;
    await calm.fit(x(), LABELS());
    expect(sameWeights(await made.getWeights(), await calm.getWeights())).toBe(true);
    const other = await model();
    await other.fit(x(), LABELS());
    expect(sameWeights(await made.getWeights(), await other.getWeights())).toBe(false);
  });

  it("an abort stops fit() before its first step", async () => {
    const made = await model(),
      controller = new AbortController();
    const under = made.fit(ROWS(), LABELS(), { signal: controller.signal, onNaN: "ignore" });
    controller.abort();
    expect(await under).toMatchObject({ steps: 0, stopped: true });
  });

  it.each<[string, (made: Sequential, set: LabelledDatasetHandle) => Promise<unknown>]>([
    ["fit()", (made, set) => made.fit(set)],
    ["evaluate()", (made, set) => made.evaluate(set)],
    ["predict()", (made, set) => made.predict(set)],
    ["fit(): validationData", (made, set) => made.fit(ROWS(), LABELS(), { validationData: set })],
  ])("dispose() of a handle is for the next call: %s", async (where, call) => {
    const made = await model(),
      set = dataset(ROWS(), LABELS()),
      under = call(made, set);
    set.dispose();
    expect(await under).toBeDefined();
    await expect(call(made, set)).rejects.toThrow(`${where}: the data set was disposed`);
  });
});

it("before compile() nothing is loaded: the model says so", async () => {
  await expect(sequential({ layers: [dense({ units: 1, inputShape: [3] })] }).fit(ROWS(), [])).rejects.toThrow(
    /fit: the model is not compiled/,
  );
});
