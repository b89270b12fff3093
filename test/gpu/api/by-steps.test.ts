// fit(data, { steps }): exactly so many mini-batches, through the data again and again, on from where the last call stopped.

import { describe, expect, it, onTestFinished } from "vitest";
import {
  adam,
  dataset,
  dense,
  dropout,
  sgd,
  type DatasetFitOptions,
  type LabelledDatasetHandle,
  type Sequential,
} from "../../../src/index.ts";
import { BACKENDS, compiledModel, noise, sameWeights } from "../../support/models.ts";

// 11 rows in batches of 4: two full ones and one of three, so a pass takes three steps.
const ROWS = 11,
  PER_PASS = 3;
const X = noise(ROWS * 3, 21),
  Y = noise(ROWS * 2, 22);
const LAYERS = [dense({ units: 6, activation: "tanh", inputShape: [3] }), dropout({ rate: 0.2 }), dense({ units: 2 })];
const LARGE = [dense({ units: 600, activation: "tanh", inputShape: [3] }), dense({ units: 2 })];

const handle = (x = X, y = Y): LabelledDatasetHandle => {
  const made = dataset(x, y);
  onTestFinished(() => made.dispose());
  return made;
};

describe.each(BACKENDS)("on %s", (backend) => {
  const declare = (layers = LAYERS) =>
    compiledModel({ seed: 3, layers }, { optimizer: adam(0.02), loss: "meanSquaredError", metrics: ["mae"], backend });
  /** A model trained by calls of so many steps each on one handle. */
  const trained = async (calls: readonly number[], options: DatasetFitOptions = {}, layers = LAYERS) => {
    const model = await declare(layers),
      set = handle();
    for (const steps of calls)
      expect(await model.fit(set, { batchSize: 4, ...options, steps })).toMatchObject({ steps, epochs: 1, stopped: false });
    return model;
  };
  const same = async (one: Sequential, two: Sequential) => sameWeights(await one.getWeights(), await two.getWeights());

  describe.each([true, false])("shuffle %s", (shuffle) => {
    it.each([
      ["within a pass", [1, 1]],
      ["over the end of a pass", [2, 3]],
      ["at the end of a pass", [PER_PASS, 4]],
      ["many passes and many calls", [1, 7, 2, 30, 5]],
    ])("N + M steps are N and then M, bit for bit: %s", async (_, calls) => {
      const all = calls.reduce((sum, n) => sum + n, 0);
      const [once, apart] = [await trained([all], { shuffle }), await trained(calls, { shuffle })];
      expect(await same(once, apart)).toBe(true);
      // Controls: a step more is another model, and calls that each begin at the start are, too.
      expect(await same(once, await trained([all + 1], { shuffle }))).toBe(false);
      const restarted = await declare();
      for (const steps of calls) await restarted.fit(X, Y, { batchSize: 4, shuffle, steps });
      const goesOn = calls[0] % PER_PASS > 0 || (shuffle && calls.length > 2);
      expect(await same(once, restarted)).toBe(!goesOn);
    });

    it("steps of whole passes are epochs", async () => {
      const [steps, epochs] = [await trained([4 * PER_PASS], { shuffle }), await declare()];
      await epochs.fit(X, Y, { batchSize: 4, epochs: 4, shuffle });
      expect(await same(steps, epochs)).toBe(true);
    });

    it("arrays take steps, too, from the start on", async () => {
      const [arrays, set] = [await declare(), await trained([10], { shuffle })];
      expect(await arrays.fit(X, Y, { batchSize: 4, steps: 10, shuffle })).toMatchObject({ steps: 10, epochs: 1 });
      expect(await same(arrays, set)).toBe(true);
    });
  });

  it("N + M steps are N and then M for a network of several launches", async () => {
    const [once, apart] = [await trained([9], {}, LARGE), await trained([4, 5], {}, LARGE)];
    expect(await same(once, apart)).toBe(true);
    expect(await same(once, await trained([8], {}, LARGE))).toBe(false);
  });

  it("goes through the rows in order, the last batch smaller, and tells of batches as one epoch", async () => {
    // A rate of 0 leaves the weights alone: a batch's loss says which rows were in it.
    const still = await compiledModel(
      { seed: 3, layers: [dense({ units: 2, inputShape: [3] })] },
      { optimizer: sgd(0), loss: "meanSquaredError", backend },
    );
    const set = handle(),
      calls: string[] = [],
      sizes: number[] = [],
      losses: number[] = [];
    const run = (steps: number) =>
      still.fit(set, {
        batchSize: 4,
        shuffle: false,
        steps,
        validationData: set,
        callbacks: {
          onTrainBegin: () => void calls.push("begin"),
          onEpochBegin: (epoch) => void calls.push(`epoch ${epoch}`),
          onBatchEnd: (batch, { size, loss }) => {
            calls.push(`${batch}`);
            sizes.push(size);
            losses.push(loss);
          },
          onEpochEnd: (epoch, logs) => void calls.push(`end ${epoch} ${Object.keys(logs).join()}`),
          onTrainEnd: () => void calls.push("over"),
        },
      });
    const { history } = await run(5);
    await run(2);
    expect(calls).toEqual([
      "begin",
      "epoch 0",
      "0",
      "1",
      "2",
      "3",
      "4",
      "end 0 loss,val_loss",
      "over",
      "begin",
      "epoch 0",
      "0",
      "1",
      "end 0 loss,val_loss",
      "over",
    ]);
    expect(sizes).toEqual([4, 4, 3, 4, 4, 3, 4]);
    const ofRows = async (from: number, to: number) => (await still.evaluate(X.slice(3 * from, 3 * to), Y.slice(2 * from, 2 * to))).loss;
    const [a, b, c] = [await ofRows(0, 4), await ofRows(4, 8), await ofRows(8, 11)];
    losses.forEach((loss, i) => expect(loss).toBeCloseTo([a, b, c, a, b, c, a][i], 5));
    expect(new Set([a, b, c].map((loss) => loss.toFixed(5))).size).toBe(3);
    // One entry: the mean over the rows of all these steps.
    expect(history.loss).toHaveLength(1);
    expect(history.loss[0]).toBeCloseTo((4 * a + 4 * b + 3 * c + 4 * a + 4 * b) / 19, 5);
    expect(history.val_loss).toEqual([(await still.evaluate(set)).loss]);
  });

  it("each shuffled pass meets every row once, in another order, over calls", async () => {
    const still = await compiledModel(
      { seed: 3, layers: [dense({ units: 2, inputShape: [3] })] },
      { optimizer: sgd(0), loss: "meanSquaredError", backend },
    );
    const set = handle(),
      losses: number[] = [];
    for (const steps of [5, 9, 1, 7]) {
      await still.fit(set, { batchSize: 1, steps, callbacks: { onBatchEnd: (_, { loss }) => void losses.push(loss) } });
    }
    const [first, second] = [losses.slice(0, ROWS), losses.slice(ROWS)];
    expect(new Set(first).size).toBe(ROWS);
    expect(new Set(second)).toEqual(new Set(first));
    expect(second).not.toEqual(first);
  });

  it("another batch size goes on at the row that it has come to", async () => {
    const still = await compiledModel(
      { layers: [dense({ units: 2, inputShape: [3] })] },
      { optimizer: sgd(0), loss: "meanSquaredError", backend },
    );
    const set = handle(),
      sizes: number[] = [];
    const callbacks = { onBatchEnd: (_: number, { size }: Record<string, number>) => void sizes.push(size) };
    for (const [batchSize, steps] of [
      [4, 1],
      [3, 2],
      [5, 2],
    ])
      await still.fit(set, { batchSize, steps, shuffle: false, callbacks });
    // Rows 0–3; 4–6, 7–9; 10 alone, since the pass ends, then 0–4.
    expect(sizes).toEqual([4, 3, 3, 1, 5]);
  });

  it("epochs in between leave the position alone; another split or order starts a new pass; so does compile()", async () => {
    const sizesAfter = async (
      between: (model: Sequential, set: LabelledDatasetHandle) => Promise<unknown>,
      options: DatasetFitOptions = {},
    ) => {
      const model = await declare(),
        set = handle(),
        sizes: number[] = [];
      await model.fit(set, { batchSize: 4, steps: 2, shuffle: false });
      await between(model, set);
      await model.fit(set, {
        batchSize: 4,
        steps: 2,
        shuffle: false,
        ...options,
        callbacks: { onBatchEnd: (_, { size }) => void sizes.push(size) },
      });
      return sizes;
    };
    expect(await sizesAfter((model, set) => model.fit(set, { batchSize: 5, epochs: 2 }))).toEqual([3, 4]);
    expect(await sizesAfter((model, set) => model.predict(set))).toEqual([3, 4]);
    expect(await sizesAfter(async () => {}, { shuffle: true })).toEqual([4, 4]);
    expect(await sizesAfter(async () => {}, { validationSplit: 0.5 })).toEqual([4, 1]);
    expect(await sizesAfter((model) => model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend }))).toEqual([4, 4]);
  });

  it("two handles, and two models on one handle, each keep their own position", async () => {
    const [one, two] = [await declare(), await declare()],
      [set, other] = [handle(), handle()];
    for (const steps of [2, 3]) {
      await one.fit(set, { batchSize: 4, steps, shuffle: false });
      await two.fit(set, { batchSize: 4, steps, shuffle: false });
    }
    expect(await same(one, two)).toBe(true);
    expect(await same(one, await trained([5], { shuffle: false }))).toBe(true);
    const [sizes, callbacks] = [[] as number[], { onBatchEnd: (_: number, { size }: Record<string, number>) => void sizes.push(size) }];
    for (const each of [other, set]) await one.fit(each, { batchSize: 4, steps: 1, shuffle: false, callbacks });
    expect(sizes).toEqual([4, 3]);
  });

  it("stopped by a signal, the position is where the steps that ran have led", async () => {
    const [model, control] = [await declare(), await declare()],
      set = handle(),
      stop = new AbortController();
    let seen = 0;
    const { steps, stopped, epochs, history } = await model.fit(set, {
      batchSize: 4,
      steps: 100_000,
      signal: stop.signal,
      callbacks: { onBatchEnd: () => void (++seen === 25 && stop.abort()) },
    });
    expect({ stopped, epochs, history }).toEqual({ stopped: true, epochs: 0, history: {} });
    expect(steps).toBeGreaterThanOrEqual(25);
    expect(steps).toBeLessThan(100_000);
    expect((await model.fit(set, { batchSize: 4, steps: 10 })).steps).toBe(10);
    await control.fit(handle(), { batchSize: 4, steps: steps + 10 });
    expect(await same(model, control)).toBe(true);
  });

  it("more steps than can be prepared at once", async () => {
    const tiny = [dense({ units: 1, inputShape: [3] })],
      y = Y.slice(0, ROWS);
    const run = async (calls: readonly number[]) => {
      const model = await compiledModel({ seed: 3, layers: tiny }, { optimizer: sgd(0.01), loss: "meanSquaredError", backend }),
        set = handle(X, y);
      for (const steps of calls) expect((await model.fit(set, { batchSize: 4, steps })).steps).toBe(steps);
      return model;
    };
    // 4,096 steps lie ahead at most.
    expect(await same(await run([5000]), await run([4097, 903]))).toBe(true);
  });
});
