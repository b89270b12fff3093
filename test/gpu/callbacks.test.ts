// fit() with callbacks that have a state, on every engine, in a worker and from checkpoints: they stop where they should, steer what they
// should, and the weights that they bring back are those of that epoch, bit for bit. Their rules alone: test/callbacks.

import { describe, expect, it, onTestFinished, vi } from "vitest";
import { csvLogger, earlyStopping, learningRateScheduler, modelCheckpoint, reduceLROnPlateau } from "../../src/callbacks/index.ts";
import {
  adam,
  decodeSafetensors,
  dense,
  FormatError,
  InputError,
  sgd,
  trainInWorker,
  type Callback,
  type CompileOptions,
  type FitOptions,
  type Sequential,
  type Weight,
} from "../../src/index.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { BACKENDS, compiledModel, noise, sameWeights } from "../support/models.ts";

const ROWS = 24,
  X = noise(ROWS * 3, 91),
  Y = noise(ROWS * 2, 92);
const LAYERS = [dense({ units: 6, activation: "tanh", inputShape: [3] }), dense({ units: 2 })];
const RECIPE: CompileOptions = { optimizer: adam(0.05), loss: "meanSquaredError", metrics: ["mae"] };
const FIT: FitOptions = { batchSize: 5, validationSplit: 0.25 };
/** Node has no workers (test/gpu/worker.test.ts). */
const PLACES: readonly [string, boolean][] = [
  ["fit()", false],
  ...(typeof document === "undefined" ? [] : [["trainInWorker()", true] as [string, boolean]]),
];

/** Weights after each epoch, and the history. */
async function record(model: Sequential, options: FitOptions) {
  const weights: Weight[][] = [];
  const { history } = await model.fit(X, Y, {
    ...FIT,
    ...options,
    callbacks: {
      onEpochEnd: async () => {
        weights.push(await model.getWeights());
      },
    },
  });
  return { weights, history };
}

/** By the rule, worked out from the numbers: how many epochs there are with this patience, and which is the best. */
function expectedStop(values: readonly number[], patience: number): { epochs: number; best: number } {
  let best = 0;
  for (let epoch = 1; epoch < values.length; epoch++) {
    if (values[epoch] < values[best]) best = epoch;
    else if (epoch - best >= patience) return { epochs: epoch + 1, best };
  }
  return { epochs: values.length, best };
}

describe.each(BACKENDS)("on %s", (backend) => {
  const declare = () => compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend });

  describe.each(PLACES)("%s", (_, there) => {
    const fit = (model: Sequential, options: FitOptions) =>
      there ? trainInWorker(model, X, Y, { ...FIT, ...options }) : model.fit(X, Y, { ...FIT, ...options });

    it("stops early, ends with the weights of the best epoch, and goes on with them", async () => {
      const calm = await record(await declare(), { epochs: 30 }),
        { epochs, best } = expectedStop(calm.history.val_loss, 3);
      expect(epochs).toBeLessThan(30);
      const model = await declare(),
        history = await fit(model, { epochs: 30, callbacks: [earlyStopping({ patience: 3, restoreBestWeights: true })] });
      expect(history).toMatchObject({ epochs, stopped: true, history: { val_loss: calm.history.val_loss.slice(0, epochs) } });
      expect(sameWeights(await model.getWeights(), calm.weights[best])).toBe(true);
      // Control: without it they are those of the last.
      const other = await declare();
      await fit(other, { epochs: 30, callbacks: [earlyStopping({ patience: 3 })] });
      expect(sameWeights(await other.getWeights(), calm.weights[epochs - 1])).toBe(true);
      expect(sameWeights(calm.weights[best], calm.weights[epochs - 1])).toBe(false);
      // The same steps again from there as in a model that was given these weights, with the optimizer as it is.
      await other.setWeights(calm.weights[best]);
      await Promise.all([model, other].map((one) => one.fit(X, Y, FIT)));
      expect(sameWeights(await model.getWeights(), await other.getWeights())).toBe(true);
    });

    it("several are called in order, and steer the learning rate from the next step on", async () => {
      const told: string[] = [],
        rates: number[] = [],
        model = await declare(),
        log = csvLogger();
      const tell = (name: string): Callback => ({
        onEpochBegin: async (epoch) => {
          told.push(`${name} ${epoch}`);
        },
        onTrainEnd: () => {
          told.push(`${name} ends`);
        },
      });
      await fit(model, {
        epochs: 3,
        callbacks: [
          tell("a"),
          learningRateScheduler((epoch) => 0.04 / 2 ** epoch),
          log,
          {
            onEpochEnd: (__, logs) => {
              rates.push(logs.learning_rate);
            },
          },
          tell("b"),
        ],
      });
      expect(told).toEqual(["a 0", "b 0", "a 1", "b 1", "a 2", "b 2", "a ends", "b ends"]);
      expect(rates).toEqual([0.04, 0.02, 0.01]);
      expect(log.text.split("\r\n").map((line) => line.split(",")[0])).toEqual(["epoch", "0", "1", "2", ""]);
      // The same as three fit() with these rates.
      const other = await declare();
      for (const rate of rates) {
        other.learningRate = rate;
        await other.fit(X, Y, FIT);
      }
      expect(sameWeights(await model.getWeights(), await other.getWeights())).toBe(true);
    });

    it("saves the weights of each epoch, and of each second mini-batch", async () => {
      const calm = await record(await declare(), { epochs: 2 }),
        model = await declare(),
        store = new MemoryStore();
      await fit(model, { epochs: 2, callbacks: modelCheckpoint({ store, filepath: "e{epoch}" }) });
      const read = (name: string) => decodeSafetensors(store.contents.get(name)!).tensors;
      calm.weights.forEach((weights, epoch) => expect(sameWeights(read(`e${epoch + 1}`) as never, weights)).toBe(true));
      const stepwise = await declare();
      await fit(stepwise, { epochs: 1, callbacks: modelCheckpoint({ store, filepath: "b{batch}", saveFreq: 2 }) });
      for (const steps of [2, 4]) {
        const one = await declare();
        await one.fit(X.subarray(0, 54), Y.subarray(0, 36), { batchSize: 5, steps });
        expect(sameWeights(read(`b${steps}`) as never, await one.getWeights())).toBe(true);
      }
      expect(sameWeights(read("b2") as never, read("b4") as never)).toBe(false);
    });

    it("goes on from any checkpoint as if nothing had been interrupted, and from the last with nothing left to do", async () => {
      const callbacks = () =>
        [earlyStopping({ patience: 3, restoreBestWeights: true }), csvLogger(), reduceLROnPlateau({ patience: 2, factor: 0.5 })] as const;
      const calmModel = await declare(),
        given = callbacks(),
        store = new MemoryStore();
      const calm = await fit(calmModel, { epochs: 30, callbacks: given, checkpoint: { store, every: 3 } });
      expect(calm).toMatchObject({ stopped: true });
      const weights = await calmModel.getWeights(),
        ends = [...store.history.keys()];
      for (const at of ends.filter((end) => end % 5 === 1 || end === ends.length - 1)) {
        const model = await declare(),
          after = callbacks();
        const history = await fit(model, { epochs: 30, callbacks: after, resumeFrom: new MemoryStore(store.history[at]) });
        expect(history, `after write ${at}`).toEqual(calm);
        expect(sameWeights(await model.getWeights(), weights), `after write ${at}`).toBe(true);
        expect([after[0].stoppedEpoch, after[0].bestEpoch, after[1].text]).toEqual([
          given[0].stoppedEpoch,
          given[0].bestEpoch,
          given[1].text,
        ]);
        model.dispose();
      }
      // Other callbacks do not fit; none at all begin where it ended.
      const model = await declare(),
        before = await model.getWeights(),
        other = { callbacks: callbacks().slice(0, 2), resumeFrom: store };
      await expect(fit(model, { epochs: 30, ...other })).rejects.toThrow(FormatError);
      expect(sameWeights(await model.getWeights(), before)).toBe(true);
      expect(await fit(model, { epochs: calm.epochs + 1, resumeFrom: store })).toMatchObject({ epochs: calm.epochs + 1, stopped: false });
    });

    it("an error of one, and what it monitors that is not there, come out of it", async () => {
      const model = await declare(),
        before = await model.getWeights();
      await expect(fit(model, { callbacks: [earlyStopping({ monitor: "val_mse" })] })).rejects.toThrow(InputError);
      expect(sameWeights(await model.getWeights(), before)).toBe(true);
      await expect(fit(model, { callbacks: [{}, { onEpochEnd: () => Promise.reject(new Error("mine")) }] })).rejects.toThrow("mine");
    });
  });

  it("null and an empty list are none; a callback stays itself for `this`", async () => {
    const model = await declare(),
      bare = await declare();
    await model.fit(X, Y, { ...FIT, callbacks: null });
    await model.fit(X, Y, { ...FIT, callbacks: [] });
    await bare.fit(X, Y, { ...FIT, epochs: 2 });
    expect(sameWeights(await model.getWeights(), await bare.getWeights())).toBe(true);
    class Counter {
      epochs = 0;
      onEpochEnd() {
        this.epochs++;
      }
    }
    const counters = [new Counter(), new Counter()];
    await model.fit(X, Y, { ...FIT, epochs: 2, callbacks: counters });
    await model.fit(X, Y, { ...FIT, callbacks: counters[1] });
    expect(counters.map(({ epochs }) => epochs)).toEqual([2, 3]);
  });

  it("initialEpoch: the numbers of the epochs go on, and so many fewer are trained", async () => {
    const model = await declare(),
      other = await declare(),
      told: number[] = [],
      lines: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((line: string) => {
      lines.push(line.split("  ")[0]);
    });
    onTestFinished(() => log.mockRestore());
    await model.fit(X, Y, { ...FIT, epochs: 2 });
    const options: FitOptions = {
      epochs: 5,
      initialEpoch: 2,
      verbose: 1,
      callbacks: {
        onEpochBegin: (epoch) => {
          told.push(epoch);
        },
        onEpochEnd: (epoch) => {
          told.push(epoch);
        },
      },
    };
    expect(await model.fit(X, Y, { ...FIT, ...options })).toMatchObject({ epochs: 3, stopped: false });
    expect(told).toEqual([2, 2, 3, 3, 4, 4]);
    expect(lines).toEqual(["epoch 3/5", "epoch 4/5", "epoch 5/5"]);
    await other.fit(X, Y, { ...FIT, epochs: 5 });
    expect(sameWeights(await model.getWeights(), await other.getWeights())).toBe(true);
  });

  it("stepsPerEpoch: epochs go on in the data where the one before ended", async () => {
    const model = await declare(),
      other = await declare();
    const history = await model.fit(X, Y, { ...FIT, epochs: 3, stepsPerEpoch: 3 });
    expect(history).toMatchObject({ epochs: 3, steps: 9 });
    expect(history.history.val_loss).toHaveLength(3);
    // 18 rows are 4 mini-batches of 5: nine of them are two passes and one.
    await other.fit(X.subarray(0, 54), Y.subarray(0, 36), { batchSize: 5, steps: 9 });
    expect(sameWeights(await model.getWeights(), await other.getWeights())).toBe(true);
  });

  it("stepsPerEpoch and initialEpoch from a checkpoint in the middle of an epoch", async () => {
    const options: FitOptions = { ...FIT, epochs: 4, initialEpoch: 1, stepsPerEpoch: 5 },
      store = new MemoryStore(),
      calmModel = await declare();
    const calm = await calmModel.fit(X, Y, { ...options, checkpoint: { store, every: 2 } }),
      told: number[] = [];
    const model = await declare(),
      callbacks = {
        onResume: ({ epoch, batch }: { epoch: number; batch: number }) => {
          told.push(epoch, batch);
        },
      };
    expect(await model.fit(X, Y, { ...options, callbacks, resumeFrom: new MemoryStore(store.history[7]) })).toEqual(calm);
    // Behind 8 steps: an epoch of 5 and 3 of the next, counted from 1.
    expect(told).toEqual([2, 3]);
    expect(sameWeights(await model.getWeights(), await calmModel.getWeights())).toBe(true);
    await expect((await declare()).fit(X, Y, { ...options, initialEpoch: 2, resumeFrom: store })).rejects.toThrow(/from epoch 1 on/);
  });

  it("validationSteps: so many mini-batches from the first row on", async () => {
    const model = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, optimizer: sgd(0), backend });
    const logs = async (options: FitOptions) => (await model.fit(X, Y, { batchSize: 4, ...options })).history.val_loss[0];
    const mean = async (from: number, rows: number) =>
      (await model.evaluate(X.subarray(from * 3, (from + rows) * 3), Y.subarray(from * 2, (from + rows) * 2))).loss;
    const near = (value: number, wanted: number) => expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-6);
    near(await logs({ validationData: [X, Y], validationSteps: 2 }), await mean(0, 8));
    near(await logs({ validationSplit: 0.5, validationSteps: 1 }), await mean(12, 4));
    near(await logs({ validationSplit: 0.5, validationSteps: 99 }), await mean(12, 12));
    // Control: they differ.
    expect(Math.abs((await mean(0, 8)) - (await mean(0, 24)))).toBeGreaterThan(1e-3);
  });

  it("trainOnBatch() is one step on all rows", async () => {
    const model = await declare(),
      other = await declare(),
      before = await model.evaluate(X, Y),
      logs = await model.trainOnBatch(X, Y);
    const { history } = await other.fit(X, Y, { batchSize: ROWS, shuffle: false });
    expect(logs).toEqual({ loss: history.loss[0], meanAbsoluteError: history.meanAbsoluteError[0] });
    expect(Math.abs(logs.loss - before.loss)).toBeLessThanOrEqual(1e-6);
    expect(sameWeights(await model.getWeights(), await other.getWeights())).toBe(true);
    expect((await model.trainOnBatch([[1, 2, 3]], [[0, 0]])).loss).toBeGreaterThan(0);
  });
});
