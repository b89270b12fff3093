// What fit() promises about the data it goes through and the numbers it reports.

import { describe, expect, it } from "vitest";
import { dense, l1l2, sgd, type FitOptions } from "../../../src/index.ts";
import { ROUNDOFF, worstError } from "../../support/compare.ts";
import { BACKENDS, compiledModel, noise, numbersOf, sameWeights } from "../../support/models.ts";
import { costOf, descend, flattened, HALF_SQUARED, plainLayers, type Example } from "../../support/plain-network.ts";

const ROWS = 10,
  RATE = 0.25;
const X = noise(ROWS * 3, 51),
  Y = noise(ROWS * 2, 52);
const examples: Example[] = Array.from({ length: ROWS }, (_, n) => ({
  x: [...X.subarray(3 * n, 3 * n + 3)],
  y: [...Y.subarray(2 * n, 2 * n + 2)],
}));
/** Weights and losses below 2 and a handful of steps, each with some 30 roundings. */
const TOLERANCE = 200 * ROUNDOFF;

describe.each(BACKENDS)("on %s", (backend) => {
  const declare = (seed = 1) =>
    compiledModel(
      { seed, layers: [dense({ units: 4, activation: "sigmoid", inputShape: [3] }), dense({ units: 2 })] },
      { optimizer: sgd(RATE), loss: "halfSquaredError", metrics: ["mse"], backend },
    );
  const trained = async (options: FitOptions, rows = ROWS) => {
    const model = await declare();
    const history = await model.fit(X.slice(0, 3 * rows), Y.slice(0, 2 * rows), options);
    return { model, history, weights: await model.getWeights() };
  };

  it("trains the last, smaller batch with its own mean", async () => {
    const start = plainLayers(await (await declare()).getWeights(), ["sigmoid", "linear"]);
    const { history, weights } = await trained({ batchSize: 4, shuffle: false });
    const batches = [examples.slice(0, 4), examples.slice(4, 8), examples.slice(8)];
    const end = batches.reduce((layers, batch) => descend(layers, batch, HALF_SQUARED, RATE), start);
    const numbers = weights.flatMap(({ data }) => [...data]);
    expect(history).toMatchObject({ epochs: 1, steps: 3, stopped: false });
    expect(worstError(numbers, flattened(end).flat())).toBeLessThanOrEqual(TOLERANCE);
    // Controls: the last batch left out, and its mean taken over the full size (half the rate), are noticed.
    const without = batches.slice(0, 2).reduce((layers, batch) => descend(layers, batch, HALF_SQUARED, RATE), start);
    const halved = descend(without, batches[2], HALF_SQUARED, RATE / 2);
    for (const wrong of [without, halved]) expect(worstError(numbers, flattened(wrong).flat())).toBeGreaterThan(50 * TOLERANCE);
  });

  it("takes a batch larger than the data as one batch", async () => {
    const [all, more] = [await trained({ batchSize: ROWS }), await trained({ batchSize: 1000 })];
    expect(more.history.steps).toBe(1);
    expect(sameWeights(all.weights, more.weights)).toBe(true);
  });

  it("reports losses before the update, averaged by rows over the epoch, and those of each batch", async () => {
    const start = plainLayers(await (await declare()).getWeights(), ["sigmoid", "linear"]);
    const sizes: number[] = [],
      losses: number[] = [],
      numbers: number[] = [];
    const { history } = await trained({
      batchSize: 7,
      shuffle: false,
      callbacks: {
        onBatchEnd(batch, { loss, size }) {
          numbers.push(batch);
          losses.push(loss);
          sizes.push(size);
        },
      },
    });
    const meanCost = (layers: typeof start, batch: Example[]) =>
      batch.reduce((sum, { x, y }) => sum + costOf(layers, x, y, HALF_SQUARED) / batch.length, 0);
    const [first, second] = [examples.slice(0, 7), examples.slice(7)];
    const moved = descend(start, first, HALF_SQUARED, RATE);
    const expected = [meanCost(start, first), meanCost(moved, second)];
    expect(numbers).toEqual([0, 1]);
    expect(sizes).toEqual([7, 3]);
    expect(worstError(losses, expected)).toBeLessThanOrEqual(TOLERANCE);
    expect(worstError(history.history.loss, [0.7 * expected[0] + 0.3 * expected[1]])).toBeLessThanOrEqual(TOLERANCE);
    // With two outputs the mean square is ½Σe² itself: metrics are averaged like losses.
    expect(worstError(history.history.meanSquaredError, history.history.loss)).toBeLessThanOrEqual(TOLERANCE);
    // Controls: the loss after the update, and a plain mean of the batches, are other numbers.
    expect(worstError(losses, [meanCost(moved, first), expected[1]])).toBeGreaterThan(50 * TOLERANCE);
    expect(worstError(history.history.loss, [(expected[0] + expected[1]) / 2])).toBeGreaterThan(50 * TOLERANCE);
  });

  it("reports losses with the penalties l1·Σ|w| + l2·Σw², in fit() and in evaluate()", async () => {
    const regularizer = l1l2({ l1: 0.02, l2: 0.05 });
    const model = await compiledModel(
      {
        seed: 1,
        layers: [
          dense({ units: 2, inputShape: [3], kernelRegularizer: regularizer, biasRegularizer: regularizer, biasInitializer: "ones" }),
        ],
      },
      { optimizer: sgd(RATE), loss: "halfSquaredError", backend },
    );
    const start = await model.getWeights(),
      layers = plainLayers(start, ["linear"]);
    const penalty = start.flatMap(({ data }) => [...data]).reduce((sum, w) => sum + 0.02 * Math.abs(w) + 0.05 * w * w, 0);
    const cost = examples.reduce((sum, { x, y }) => sum + costOf(layers, x, y, HALF_SQUARED) / ROWS, 0);
    // In batches of 3 the average counts the penalty once all the same.
    const { loss } = await model.evaluate(X, Y, { batchSize: 3 });
    const { history } = await model.fit(X, Y, { batchSize: ROWS });
    expect(worstError([loss, history.loss[0]], [cost + penalty, cost + penalty])).toBeLessThanOrEqual(TOLERANCE);
    expect(penalty).toBeGreaterThan(50 * TOLERANCE);
  });

  it("names what it reports as Keras does, one number an epoch", async () => {
    const model = await compiledModel(
      { layers: [dense({ units: 3, activation: "softmax", inputShape: [3] })] },
      { optimizer: "adam", loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"], backend },
    );
    const labels = Array.from({ length: ROWS }, (_, n) => n % 3),
      logged: string[][] = [];
    const { history, epochs, steps } = await model.fit(X, labels, {
      epochs: 3,
      batchSize: 4,
      validationSplit: 0.2,
      callbacks: { onEpochEnd: (_, logs) => void logged.push(Object.keys(logs)) },
    });
    const keys = ["loss", "accuracy", "val_loss", "val_accuracy"];
    expect(Object.keys(history)).toEqual(keys);
    expect(logged).toEqual([keys, keys, keys]);
    for (const key of keys) expect(history[key].filter(Number.isFinite)).toHaveLength(3);
    expect({ epochs, steps }).toEqual({ epochs: 3, steps: 6 });
    expect(Object.keys((await model.fit(X, labels)).history)).toEqual(["loss", "accuracy"]);
  });

  describe("validation", () => {
    it("validationSplit keeps the last rows, unshuffled, and trains on the others alone", async () => {
      const options = { epochs: 3, batchSize: 4 };
      const split = await trained({ ...options, validationSplit: 0.3 });
      const alone = await trained(options, 7);
      expect(split.history.steps).toBe(6);
      expect(sameWeights(split.weights, alone.weights)).toBe(true);
      const { loss } = await split.model.evaluate(X.slice(21), Y.slice(14));
      expect(worstError([split.history.history.val_loss[2]], [loss])).toBeLessThanOrEqual(4 * ROUNDOFF);
      // Controls: other rows have another loss, and training on all rows ends elsewhere.
      const other = await split.model.evaluate(X.slice(0, 9), Y.slice(0, 6));
      expect(worstError([split.history.history.val_loss[2]], [other.loss])).toBeGreaterThan(50 * TOLERANCE);
      expect(sameWeights((await trained(options)).weights, alone.weights)).toBe(false);
    });

    it("trains on ⌊rows·(1 − split)⌋ rows, as Keras", async () => {
      expect((await trained({ batchSize: 1, validationSplit: 0.25 })).history.steps).toBe(7);
    });

    it("validationData is validated on and not trained on", async () => {
      const other = [noise(6, 53), noise(4, 54)] as const;
      const validated = await trained({ epochs: 2, batchSize: 4, validationData: other });
      expect(sameWeights(validated.weights, (await trained({ epochs: 2, batchSize: 4 })).weights)).toBe(true);
      const { loss, meanSquaredError } = await validated.model.evaluate(...other);
      const { val_loss, val_meanSquaredError } = validated.history.history;
      expect(worstError([val_loss[1], val_meanSquaredError[1]], [loss, meanSquaredError])).toBeLessThanOrEqual(4 * ROUNDOFF);
      expect(val_loss[0]).not.toBe(val_loss[1]);
    });

    it("is not disturbed by more validation rows than fit one evaluation batch", async () => {
      const x = noise(300 * 3, 55),
        y = noise(300 * 2, 56),
        model = await declare();
      const { history } = await model.fit(x, y, { batchSize: 8, validationSplit: 0.75 });
      const { loss } = await model.evaluate(x.slice(75 * 3), y.slice(75 * 2));
      expect(worstError(history.val_loss, [loss])).toBeLessThanOrEqual(8 * ROUNDOFF);
    });
  });

  describe("shuffling", () => {
    /** The loss of each row in the order in which an epoch meets them; a rate of 0 leaves the weights alone. */
    const lossesOf = async (options: FitOptions): Promise<number[]> => {
      const model = await compiledModel(
        { seed: 3, layers: [dense({ units: 2, inputShape: [3] })] },
        { optimizer: sgd(0), loss: "halfSquaredError", backend },
      );
      const losses: number[] = [];
      await model.fit(X, Y, { ...options, batchSize: 1, callbacks: { onBatchEnd: (_, { loss }) => void losses.push(loss) } });
      return losses;
    };

    it("meets each row once an epoch, in another order each time", async () => {
      const inOrder = await lossesOf({ shuffle: false }),
        shuffled = await lossesOf({ epochs: 2 });
      const [first, second] = [shuffled.slice(0, ROWS), shuffled.slice(ROWS)];
      const sorted = (losses: number[]) => losses.slice().sort((a, b) => a - b);
      expect(new Set(inOrder).size).toBe(ROWS);
      for (const epoch of [first, second]) {
        expect(sorted(epoch)).toEqual(sorted(inOrder));
        expect(epoch).not.toEqual(inOrder);
      }
      expect(second).not.toEqual(first);
    });

    it("is on by default, and off keeps the rows' own order in every epoch", async () => {
      const inOrder = await lossesOf({ shuffle: false });
      expect(await lossesOf({ shuffle: false, epochs: 2 })).toEqual([...inOrder, ...inOrder]);
      expect(await lossesOf({})).toEqual(await lossesOf({ shuffle: true }));
    });
  });

  it("leaves the data that it was given alone", async () => {
    const [x, y] = [X.slice(), Y.slice()],
      model = await declare();
    await model.fit(x, y, { epochs: 2, batchSize: 3 });
    expect([x, y]).toEqual([X, Y]);
    expect((await numbersOf(model)).flat().every(Number.isFinite)).toBe(true);
  });
});
