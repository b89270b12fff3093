// predict() before compile(): weights and layers are all it needs. Node without the package `webgpu` has no GPU, so this runs on the CPU,
// as backend "auto" does; test/gpu/api/predict-first.test.ts runs it on a GPU.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { dataset, dense, dropout, InputError, sequential, sgd, simpleRNN, type Sequential } from "../../src/index.ts";
import { numbersOf, setNumbers } from "../support/models.ts";

const RECIPE = { optimizer: sgd(0.1), loss: "meanSquaredError", backend: "cpu" } as const;
const declare = (seed = 1) =>
  sequential({ seed, layers: [dense({ units: 2, activation: "tanh", inputShape: [2] }), dropout({ rate: 0.5 }), dense({ units: 1 })] });
const X = [
  [0.5, -1],
  [2, 0.25],
  [0, 3],
];

/** The same by hand, in float64. */
const answers = ([w1, b1, w2, b2]: readonly (readonly number[])[]): number[] =>
  X.map(([p, q]) => {
    const a = [0, 1].map((j) => Math.tanh(p * w1[j] + q * w1[2 + j] + b1[j]));
    return a[0] * w2[0] + a[1] * w2[1] + b2[0];
  });
const expectClose = (given: ArrayLike<number>, right: readonly number[]): void => {
  expect(given.length).toBe(right.length);
  right.forEach((value, i) => expect(Math.abs(given[i] - value)).toBeLessThan(1e-6));
};

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("without compile()", () => {
  it("predicts with the initial weights", async () => {
    const model = declare(),
      weights = await numbersOf(model);
    expectClose(await model.predict(X), answers(weights));
    expect(model.backend).toBe("wasm");
    expect(await numbersOf(model)).toEqual(weights);
    // Control: other weights give other answers.
    expect(() => expectClose([...answers(weights)], answers(weights.map((tensor) => tensor.map((w) => w + 0.01))))).toThrow();
  });

  it("predicts with weights that were set, before it and between two of it", async () => {
    const model = declare(),
      [one, two] = [await numbersOf(declare(7)), await numbersOf(declare(8))];
    await setNumbers(model, one);
    expectClose(await model.predict(X), answers(one));
    await setNumbers(model, two);
    expectClose(await model.predict(dataset(X)), answers(two));
  });

  it("opens one backend for calls side by side, and says nothing", async () => {
    const model = declare(),
      all = await Promise.all([model.predict(X), model.predict(X), model.predict(X.slice(0, 1))]);
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0].slice(0, 1));
    await model.predict(X);
    expect(vi.mocked(console.warn).mock.calls).toEqual([]);
  });

  it("takes the arrays as they are at the call", async () => {
    const model = declare(),
      x = Float32Array.from(X.flat()),
      under = model.predict(x);
    x.fill(9);
    expectClose(await under, answers(await numbersOf(model)));
  });

  it("stateful layers go on from call to call, until resetStates()", async () => {
    const model = sequential({ seed: 1, layers: [simpleRNN({ units: 2, stateful: true, inputShape: [2, 1] })] });
    const first = await model.predict([[1, 2]]),
      second = await model.predict([[1, 2]]);
    model.resetStates();
    expect(second).not.toEqual(first);
    expect(await model.predict([[1, 2]])).toEqual(first);
  });

  it.each<[string, (model: Sequential) => unknown]>([
    ["fit()", (model) => model.fit(X, [1, 2, 3])],
    ["evaluate()", (model) => model.evaluate(X, [1, 2, 3])],
    ["verify()", (model) => model.verify(X, [1, 2, 3])],
    ["inspectStep()", (model) => model.inspectStep(X, [1, 2, 3])],
    ["gradientCheck()", (model) => model.gradientCheck(X, [1, 2, 3])],
    ["plan", (model) => model.plan],
    ["learningRate", (model) => model.learningRate],
  ])("%s still needs a loss", async (_, use) => {
    const model = declare();
    await model.predict(X);
    await expect((async () => use(model))()).rejects.toThrow(/the model is not compiled\. Call await model\.compile/);
  });

  it("is refused for wrong data and half a network, as it is compiled", async () => {
    await expect(declare().predict([[1]])).rejects.toThrow(/x has 1 features a row/);
    await expect(sequential().predict(X)).rejects.toThrow(/the model has no dense layer yet/);
    await expect(sequential({ layers: [dropout({ rate: 0.5, inputShape: [2] })] }).predict(X)).rejects.toThrow(
      /a dense or recurrent layer/,
    );
  });

  it("layers come before it", async () => {
    const model = declare(),
      under = model.predict(X);
    expect(() => model.add(dense({ units: 1 }))).toThrow(InputError);
    await under;
    expect(() => model.add(dense({ units: 1 }))).toThrow(/before compile\(\), predict\(\)/);
  });

  it("dispose() ends it", async () => {
    const model = declare(),
      under = model.predict(X);
    model.dispose();
    await expect(under).rejects.toThrow(/predict\(\): the model was disposed/);
    await expect(model.predict(X)).rejects.toThrow(/disposed/);
  });
});

describe("compile() after it", () => {
  it("keeps the weights and trains as if nothing had been predicted", async () => {
    const [model, other] = [declare(), declare()];
    await model.predict(X);
    for (const each of [model, other]) {
      await each.compile(RECIPE);
      await each.fit(X, [1, 2, 3], { epochs: 3, batchSize: 2 });
    }
    expect(await numbersOf(model)).toEqual(await numbersOf(other));
    expect(await numbersOf(model)).not.toEqual(await numbersOf(declare()));
  });

  it("that is called meanwhile comes after it", async () => {
    const model = declare(),
      under = model.predict(X),
      compiling = model.compile(RECIPE),
      training = model.fit(X, [1, 2, 3]);
    expectClose(await under, answers(await numbersOf(declare())));
    await compiling;
    expect((await training).steps).toBe(1);
  });

  it("that fails is what predict() then says", async () => {
    const model = declare();
    await expect(model.compile({ ...RECIPE, loss: "sparseCategoricalCrossentropy" })).rejects.toThrow(InputError);
    await expect(model.predict(X)).rejects.toThrow(/because compile\(\) failed/);
    // A backend that was there before stays.
    const before = declare();
    await before.predict(X);
    await expect(before.compile({ ...RECIPE, loss: "sparseCategoricalCrossentropy" })).rejects.toThrow(InputError);
    expectClose(await before.predict(X), answers(await numbersOf(declare())));
    await expect(before.fit(X, [1, 2, 3])).rejects.toThrow(/because compile\(\) failed/);
  });
});
