// Training that comes upon numbers which are not finite: it says at which step and in which tensor, and leaves a model to go on with.

import { describe, expect, it, onTestFinished, vi } from "vitest";
import { adam, dense, DivergenceError, InputError, sgd, type CompileOptions, type FitOptions } from "../../src/index.ts";
import { BACKENDS, compiledModel, ENGINE, noise, sameWeights } from "../support/models.ts";

const ROWS = 32;
const X = noise(ROWS * 3, 91),
  Y = noise(ROWS * 2, 92);
const LAYERS = [dense({ units: 6, activation: "relu", inputShape: [3] }), dense({ units: 2 })];
const WILD: CompileOptions = { optimizer: sgd(1e6), loss: "meanSquaredError" },
  TAME: CompileOptions = { ...WILD, optimizer: adam(0.01) };
const isFinite = (weights: readonly { data: Float32Array }[]) => weights.every(({ data }) => data.every(Number.isFinite));

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "no error",
    (error: unknown) => error,
  );

describe.each(BACKENDS)("on %s", (backend) => {
  it("a learning rate of 1e6 stops with the step, the loss before and the tensor; the model is as it was before that step", async () => {
    const model = await compiledModel({ layers: LAYERS, seed: 1 }, { ...WILD, backend });
    const losses: number[] = [];
    // float64 goes further before it ends.
    const error = await failure(
      model.fit(X, Y, { epochs: 400, batchSize: 4, callbacks: { onBatchEnd: (_, { loss }) => void losses.push(loss) } }),
    );
    expect(error).toBeInstanceOf(DivergenceError);
    const { step, lossBefore, tensor, message } = error as DivergenceError;
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(lossBefore).toBe(losses.at(-1));
    expect(lossBefore).toBeGreaterThan(1e6);
    expect(tensor).toMatch(/^(z|a|loss|delta|grad_[wb]|[wb])/);
    expect(message).toMatch(
      new RegExp(`^fit\\(\\): step ${step} came upon numbers that are not finite, first in ${tensor}; the loss before was `),
    );
    const weights = await model.getWeights();
    expect(isFinite(weights)).toBe(true);
    // As one that stopped there by itself.
    const other = await compiledModel({ layers: LAYERS, seed: 1 }, { ...WILD, backend });
    await other.fit(X, Y, { steps: step, batchSize: 4 });
    expect(sameWeights(await other.getWeights(), weights)).toBe(true);
    // And it can be trained on.
    await model.compile({ ...TAME, backend });
    expect(await failure(model.fit(X, Y))).not.toBeInstanceOf(TypeError);
  });

  it('"ignore" trains on; a fit() behind it finds the weights spoilt from the start', async () => {
    const model = await compiledModel({ layers: LAYERS, seed: 1 }, { ...WILD, backend });
    expect((await model.fit(X, Y, { epochs: 400, batchSize: 4, onNaN: "ignore" })).epochs).toBe(400);
    expect(isFinite(await model.getWeights())).toBe(false);
    const error = await failure(model.fit(X, Y));
    expect(error).toBeInstanceOf(DivergenceError);
    expect(error).toMatchObject({ step: 3200, lossBefore: null });
    expect((error as DivergenceError).tensor).toMatch(/^[wb]\d$/);
  });

  it("control: training that stays finite ends well whatever is asked for", async () => {
    const weights = [];
    for (const onNaN of ["stop", "rollback", "ignore"] as const) {
      const model = await compiledModel({ layers: LAYERS, seed: 1 }, { ...TAME, backend });
      await model.fit(X, Y, { epochs: 3, onNaN });
      weights.push(await model.getWeights());
    }
    expect(sameWeights(weights[0], weights[1]) && sameWeights(weights[0], weights[2])).toBe(true);
  });
});

it('"rollback" leaves out what led there, three times', async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  onTestFinished(() => warn.mockRestore());
  // The rows of one mini-batch are too much for float32.
  const x = X.slice().fill(1e25, 8 * 3, 12 * 3),
    fit: FitOptions = { epochs: 3, batchSize: 4, shuffle: false, onNaN: "rollback" };
  const recipe: CompileOptions = { optimizer: sgd(1e-3), loss: "meanSquaredError", backend: ENGINE };
  const model = await compiledModel({ layers: LAYERS, seed: 1 }, recipe);
  const history = await model.fit(x, Y, fit);
  expect(history).toMatchObject({ epochs: 3, steps: 24, stopped: false });
  expect(
    warn.mock.calls.map(
      (said) => /^deltaprop: fit\(\): step (\d+) came upon .* The 1 mini-batches from there on are left out\./.exec(String(said))?.[1],
    ),
  ).toEqual(["2", "10", "18"]);
  expect(history.history.loss.every(Number.isFinite)).toBe(true);
  expect(isFinite(await model.getWeights())).toBe(true);
  // The same as training without that mini-batch, where nothing depends on the number of the step.
  const without = await compiledModel({ layers: LAYERS, seed: 1 }, recipe);
  const cut = (from: Float32Array<ArrayBuffer>, cols: number) =>
    Float32Array.from([...from.subarray(0, 8 * cols), ...from.subarray(12 * cols)]);
  await without.fit(cut(X, 3), cut(Y, 2), fit);
  expect(sameWeights(await model.getWeights(), await without.getWeights())).toBe(true);
  await expect(model.fit(x, Y, { ...fit, epochs: 4 })).rejects.toThrow(DivergenceError);
});

it("another word is refused", async () => {
  const model = await compiledModel({ layers: LAYERS }, TAME);
  await expect(model.fit(X, Y, { onNaN: "panic" as never })).rejects.toThrow(InputError);
});
