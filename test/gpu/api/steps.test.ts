// What happens from step to step: repeatability, optimizer states, learning rates, dropout, and how steps are cut into
// submits. Bits are compared where nothing but chance or hidden state could change them.

import { describe, expect, it, vi } from "vitest";
import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamW,
  cosineDecay,
  dense,
  dropout,
  exponentialDecay,
  lion,
  piecewiseConstantDecay,
  rmsprop,
  sgd,
  warmup,
  type FitOptions,
  type Layer,
  type Optimizer,
} from "../../../src/index.ts";
import { ROUNDOFF, worstError } from "../../support/compare.ts";
import { BACKENDS, compiledModel, ENGINE, noise, numbersOf, sameWeights, type TestBackend } from "../../support/models.ts";
import { descend, flattened, HALF_SQUARED, plainLayers } from "../../support/plain-network.ts";

const ROWS = 23;
const X = noise(ROWS * 4, 61),
  Y = noise(ROWS * 3, 62);
const LAYERS: Layer[] = [
  dense({ units: 9, activation: "relu", inputShape: [4] }),
  dropout({ rate: 0.3 }),
  dense({ units: 7, activation: "tanh" }),
  dense({ units: 3 }),
];

describe.each(BACKENDS)("on %s", (backend) => {
  const declare = (seed = 1, optimizer: Optimizer = adam(0.01), layers = LAYERS) =>
    compiledModel({ seed, layers }, { optimizer, loss: "meanSquaredError", backend });
  const trained = async (options: FitOptions, seed = 1) => {
    const model = await declare(seed);
    const { history } = await model.fit(X, Y, options);
    return { weights: await model.getWeights(), loss: history.loss };
  };

  it("repeats bit for bit from the same seed, with shuffling and dropout; another seed ends elsewhere", async () => {
    const options = { epochs: 4, batchSize: 5 };
    const [one, again, other] = [await trained(options), await trained(options), await trained(options, 2)];
    expect(sameWeights(one.weights, again.weights)).toBe(true);
    expect(again.loss).toEqual(one.loss);
    expect(sameWeights(one.weights, other.weights)).toBe(false);
  });

  it("does not depend on how steps are cut into submits", async () => {
    // The queue learns from the clock how many steps fill a submit. One clock stands still, so that it takes ever more;
    // the other jumps a second at each look, so that it takes one at a time.
    const withClock = async (tick: number) => {
      let time = performance.now();
      const clock = vi.spyOn(performance, "now").mockImplementation(() => (time += tick));
      try {
        return await trained({ epochs: 3, batchSize: 1 });
      } finally {
        clock.mockRestore();
      }
    };
    const [many, single] = [await withClock(0), await withClock(1000)];
    expect(sameWeights(many.weights, single.weights)).toBe(true);
    expect(many.loss).toEqual(single.loss);
  });

  it.each([
    ["sgd with momentum", sgd({ learningRate: 0.05, momentum: 0.9 })],
    ["adam", adam(0.01)],
    ["adamW", adamW({ learningRate: 0.01, weightDecay: 0.1 })],
    ["rmsprop", rmsprop({ learningRate: 0.01, momentum: 0.5, centered: true })],
    ["adagrad", adagrad(0.05)],
    ["adadelta", adadelta(1)],
    ["adamax", adamax(0.01)],
    ["lion, clipped by a norm", lion({ learningRate: 0.01, globalClipNorm: 0.1 })],
  ])("%s carries its state from one fit() to the next, and its step number", async (_, optimizer) => {
    const options = { batchSize: 5, shuffle: false };
    const [once, twice, restarted] = [await declare(1, optimizer), await declare(1, optimizer), await declare(1, optimizer)];
    await once.fit(X, Y, { ...options, epochs: 2 });
    for (let epoch = 0; epoch < 2; epoch++) await twice.fit(X, Y, options);
    expect(sameWeights(await once.getWeights(), await twice.getWeights())).toBe(true);
    // Control: compile() starts the optimizer afresh.
    await restarted.fit(X, Y, options);
    await restarted.compile({ optimizer, loss: "meanSquaredError", backend });
    await restarted.fit(X, Y, options);
    expect(sameWeights(await once.getWeights(), await restarted.getWeights())).toBe(false);
  });

  it("shuffles on where it stopped: two epochs are one and one more", async () => {
    const [once, twice] = [await declare(), await declare()];
    await once.fit(X, Y, { batchSize: 5, epochs: 2 });
    for (let epoch = 0; epoch < 2; epoch++) await twice.fit(X, Y, { batchSize: 5 });
    expect(sameWeights(await once.getWeights(), await twice.getWeights())).toBe(true);
  });

  // Rates by the formulas of Keras' documentation, the first update being step 0.
  it.each([
    ["exponential", exponentialDecay({ initialLearningRate: 0.4, decaySteps: 3, decayRate: 0.5 }), (t: number) => 0.4 * 0.5 ** (t / 3)],
    [
      "staircase",
      exponentialDecay({ initialLearningRate: 0.4, decaySteps: 3, decayRate: 0.5, staircase: true }),
      (t: number) => 0.4 * 0.5 ** Math.floor(t / 3),
    ],
    [
      "piecewise constant",
      piecewiseConstantDecay({ boundaries: [1, 4], values: [0.4, 0.2, 0.05] }),
      (t: number) => (t <= 1 ? 0.4 : t <= 4 ? 0.2 : 0.05),
    ],
    [
      "cosine",
      cosineDecay({ initialLearningRate: 0.4, decaySteps: 6, alpha: 0.1 }),
      (t: number) => 0.4 * (0.1 + (0.9 * (1 + Math.cos((Math.PI * Math.min(t, 6)) / 6))) / 2),
    ],
    ["warm-up", warmup({ steps: 4, then: 0.4 }), (t: number) => 0.4 * Math.min(1, t / 4)],
  ])("a schedule takes effect step by step and over fit() calls: %s", async (_, learningRate, rateAt) => {
    const model = await compiledModel(
      { seed: 1, layers: [dense({ units: 3, activation: "sigmoid", inputShape: [4] })] },
      { optimizer: sgd({ learningRate }), loss: "halfSquaredError", backend },
    );
    const start = plainLayers(await model.getWeights(), ["sigmoid"]);
    for (let epoch = 0; epoch < 2; epoch++) await model.fit(X.slice(0, 16), Y.slice(0, 12), { batchSize: 1, shuffle: false });
    const steps = [0, 1, 2, 3, 4, 5, 6, 7];
    const end = (rate: (t: number) => number) =>
      flattened(
        steps.reduce((layers, t) => {
          const n = t % 4;
          return descend(layers, [{ x: [...X.subarray(4 * n, 4 * n + 4)], y: [...Y.subarray(3 * n, 3 * n + 3)] }], HALF_SQUARED, rate(t));
        }, start),
      ).flat();
    const numbers = (await numbersOf(model)).flat();
    expect(worstError(numbers, end(rateAt))).toBeLessThanOrEqual(8 * 20 * ROUNDOFF);
    // Controls: the first rate throughout, rates one step late, and a schedule that starts again with each fit().
    for (const wrong of [() => rateAt(0), (t: number) => rateAt(t + 1), (t: number) => rateAt(t % 4)]) {
      expect(worstError(numbers, end(wrong))).toBeGreaterThan(8 * 100 * ROUNDOFF);
    }
  });

  it("dropout is on in fit() and off in evaluate() and predict()", async () => {
    const layers: Layer[] = [dense({ units: 64, inputShape: [4] }), dropout({ rate: 0.5 }), dense({ units: 3 })];
    const [dropping, plain] = [await declare(1, sgd(0), layers), await declare(1, sgd(0), [layers[0], layers[2]])];
    await plain.setWeights(await dropping.getWeights());
    const [{ loss }, answers] = [await plain.evaluate(X, Y), await plain.predict(X)];
    for (let i = 0; i < 2; i++) {
      expect((await dropping.evaluate(X, Y)).loss).toBe(loss);
      expect(await dropping.predict(X)).toEqual(answers);
    }
    // A rate of 0 leaves the weights alone, so only the masks make losses differ, from step to step.
    const { history } = await dropping.fit(X, Y, { epochs: 40, batchSize: ROWS });
    expect(new Set([...history.loss, loss]).size).toBe(41);
    // The kept half counts double: E‖Σ mᵢ·2·tᵢ‖² exceeds ‖Σtᵢ‖² by Σtᵢ², so the mean training loss lies above.
    expect(history.loss.reduce((sum, value) => sum + value / 40, 0)).toBeGreaterThan(loss);
    // The same at rate 0: no mask at all.
    const never = await declare(1, sgd(0), [layers[0], dropout({ rate: 0 }), layers[2]]);
    await never.setWeights(await dropping.getWeights());
    const [unmasked] = (await never.fit(X, Y, { batchSize: ROWS, shuffle: false })).history.loss;
    // A training step may add up the rows in another order.
    expect(Math.abs(unmasked - loss)).toBeLessThanOrEqual(ROWS * ROUNDOFF * loss);
    for (const masked of history.loss) expect(Math.abs(masked - loss)).toBeGreaterThan(10 * ROWS * ROUNDOFF * loss);
  });
});

it("the reference and the engine train to nearly the same weights, with the same shuffling and the same dropout", async () => {
  const train = async (backend: TestBackend, seed = 1) => {
    const model = await compiledModel(
      { seed, layers: LAYERS },
      { optimizer: sgd({ learningRate: 0.05, momentum: 0.5 }), loss: "meanSquaredError", backend },
    );
    const { history } = await model.fit(X, Y, { epochs: 4, batchSize: 5 });
    return { numbers: (await numbersOf(model)).flat(), loss: history.loss };
  };
  const [cpu, engine, other] = [await train("cpu"), await train(ENGINE), await train(ENGINE, 2)];
  // 20 steps, each of which rounds a weight below 2 once and its small increment some fifty times. Training spreads early
  // differences a little; ten times that much room is left for it, and a wrong mask or order is thousands of times larger.
  const bound = 20 * 10 * 2 * ROUNDOFF;
  expect(worstError(engine.numbers, cpu.numbers)).toBeLessThanOrEqual(bound);
  expect(worstError(engine.loss, cpu.loss)).toBeLessThanOrEqual(bound);
  expect(worstError(other.numbers, cpu.numbers)).toBeGreaterThan(1000 * bound);
});
