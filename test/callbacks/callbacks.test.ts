// The callbacks of deltaprop/callbacks by themselves: fed with logs whose outcome was worked out by hand from the rules of Keras.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  csvLogger,
  earlyStopping,
  learningRateScheduler,
  modelCheckpoint,
  reduceLROnPlateau,
  type EarlyStoppingOptions,
  type ReduceLROnPlateauOptions,
} from "../../src/callbacks/index.ts";
import { decodeSafetensors, FormatError, InputError, type Callback, type FitRun, type Logs, type Weight } from "../../src/index.ts";
import { MemoryStore } from "../support/memory-store.ts";

const NAMES = ["loss", "accuracy", "meanAbsoluteError", "strange", "val_loss", "val_accuracy"];

/** A fit() whose weights of epoch n are [n], and that calls what it is given. */
class Run {
  epoch = 0;
  reads = 0;
  ended: number | null = null;
  readonly rates: number[] = [];
  readonly model = { learningRate: 0.1, stopTraining: false };
  readonly run: FitRun = {
    model: this.model,
    names: NAMES,
    readWeights: async () => {
      this.reads++;
      return [{ name: "dense/kernel", shape: [1, 1], data: Float32Array.of(this.epoch) }] satisfies Weight[];
    },
    endWith: (weights) => {
      this.ended = weights && weights[0].data[0];
    },
  };

  /** Epochs with these logs, until it is stopped. @returns how many there were */
  async fit(callback: Callback, logs: readonly Logs[], state?: ReturnType<NonNullable<Callback["getState"]>>): Promise<number> {
    callback.begin?.(this.run);
    if (state) callback.setState?.(structuredClone(state));
    await callback.onTrainBegin?.();
    for (; this.epoch < logs.length && !this.model.stopTraining; this.epoch++) {
      await callback.onEpochBegin?.(this.epoch);
      this.rates.push(this.model.learningRate);
      await callback.onEpochEnd?.(this.epoch, { ...logs[this.epoch] });
    }
    await callback.onTrainEnd?.();
    return this.epoch;
  }
}

const losses = (...values: number[]): Logs[] => values.map((loss) => ({ loss, val_loss: loss, accuracy: -loss, strange: loss }));

describe("earlyStopping()", () => {
  // Epochs until it stops, and the epoch whose weights it ends with.
  it.each<[string, EarlyStoppingOptions, number[], number, number]>([
    ["at the first epoch that is no better, by default", {}, [3, 2, 2, 1], 3, 1],
    ["runs through where all get better", {}, [4, 3, 2, 1], 4, 3],
    ["waits for patience epochs", { patience: 2 }, [3, 2, 2.5, 2.2, 1, 0], 4, 1],
    ["begins to wait anew when it gets better", { patience: 2 }, [3, 4, 2, 3, 1, 2, 2, 0], 7, 4],
    ["better means by more than minDelta", { patience: 1, minDelta: 0.5 }, [3, 2.6, 1], 2, 0],
    ["the sign of minDelta does not matter", { patience: 1, minDelta: -0.5 }, [3, 2.6, 1], 2, 0],
    ["exactly minDelta is not better", { patience: 1, minDelta: 0.5 }, [3, 2.5, 1], 2, 0],
    ["max: larger is better", { mode: "max", patience: 1 }, [1, 2, 1.5, 3], 3, 1],
    ["auto knows that accuracies rise", { monitor: "accuracy", patience: 1 }, [3, 2, 2.5, 0], 3, 1],
    ["NaN is never better, and never the best", { patience: 2 }, [3, NaN, NaN, 1], 3, 0],
    ["not at epoch 0, whatever it is", {}, [NaN, 2, 3], 3, 1],
    ["only NaN: the first epoch stands for the best", { patience: 2 }, [NaN, NaN, NaN], 2, 0],
    ["epochs before startFromEpoch do not count", { startFromEpoch: 2, patience: 1 }, [1, 1, 5, 4, 4.5, 0], 5, 3],
    ["a baseline that is not reached: stops though it gets better", { baseline: 1, patience: 3 }, [4, 3, 2.5, 2.6, 1], 4, 2],
    ["a baseline that is reached", { baseline: 2.7, patience: 3 }, [4, 3, 2.5, 2.6, 2.4, 9, 9, 9, 9], 8, 4],
  ])("%s", async (_, options, values, epochs, best) => {
    const run = new Run();
    expect(await run.fit(earlyStopping({ restoreBestWeights: true, ...options }), losses(...values))).toBe(epochs);
    expect(run.ended).toBe(best);
    // Control: without it no weights are read or set.
    const other = new Run(),
      callback = earlyStopping(options);
    expect(await other.fit(callback, losses(...values))).toBe(epochs);
    expect([other.ended, other.reads, callback.stoppedEpoch]).toEqual([null, 0, other.model.stopTraining ? epochs - 1 : 0]);
  });

  it("reads the weights once for each epoch that is the best so far", async () => {
    const run = new Run();
    await run.fit(earlyStopping({ restoreBestWeights: true, patience: 5 }), losses(5, 4, 6, 3, 7));
    expect(run.reads).toBe(3);
  });

  it("the same object begins anew with each fit()", async () => {
    const callback = earlyStopping({ patience: 1 });
    expect(await new Run().fit(callback, losses(1, 2))).toBe(2);
    expect(await new Run().fit(callback, losses(9, 8, 7, 8))).toBe(4);
  });

  it("goes on from its state, and stops at once where it had stopped", async () => {
    const values = losses(3, 2, 2.5, 2.2, 2.1, 1),
      options = { patience: 3, restoreBestWeights: true };
    for (let cut = 1; cut <= 5; cut++) {
      const before = earlyStopping(options),
        run = new Run();
      await run.fit(before, values.slice(0, cut));
      const after = earlyStopping(options);
      run.model.stopTraining = false;
      run.ended = null;
      expect(await run.fit(after, values, before.getState!()), `cut after ${cut}`).toBe(5);
      expect([run.ended, after.best, after.bestEpoch, after.stoppedEpoch]).toEqual([1, 2, 1, 4]);
    }
    // Control: without the state it goes on for longer.
    const run = new Run();
    run.epoch = 3;
    expect(await run.fit(earlyStopping(options), values)).toBe(6);
  });

  it.each<[string, unknown]>([
    ["none", null],
    ["a list", []],
    ["half an epoch waited", { wait: 0.5, best: 1, bestEpoch: 0, stoppedEpoch: 0 }],
    ["a best in words", { wait: 0, best: "1", bestEpoch: 0, stoppedEpoch: 0 }],
    ["nothing of the best", { wait: 0, bestEpoch: 0, stoppedEpoch: 0 }],
    ["a negative epoch", { wait: 0, best: 1, bestEpoch: -1, stoppedEpoch: 0 }],
  ])("refuses a state that is no such: %s", (_, values) => {
    expect(() => earlyStopping().setState!({ values, weights: null })).toThrow(FormatError);
  });
});

describe("reduceLROnPlateau()", () => {
  // Rates of the epochs.
  it.each<[string, ReduceLROnPlateauOptions, number[], number[]]>([
    ["a tenth after patience epochs that are no better", { patience: 2 }, [3, 3, 3, 3, 3, 3], [0.1, 0.1, 0.1, 0.01, 0.01, 0.001]],
    ["no change while it gets better", { patience: 1 }, [3, 2, 1], [0.1, 0.1, 0.1]],
    ["less than minDelta, 1e-4, is not better", { patience: 1 }, [1, 0.99995, 0.5], [0.1, 0.1, 0.01]],
    ["patience 10 by default", {}, Array.from({ length: 13 }, () => 1), [...Array.from({ length: 11 }, () => 0.1), 0.01, 0.01]],
    ["factor, down to minLr", { patience: 1, factor: 0.5, minLr: 0.03 }, [1, 1, 1, 1, 1], [0.1, 0.1, 0.05, 0.03, 0.03]],
    // Reduced behind epoch 1. The cooldown of 2 falls to 1 in epoch 2, which does not count, and to 0 in epoch 3, which does.
    ["cooldown", { patience: 1, factor: 0.5, cooldown: 2 }, [1, 1, 1, 1, 1, 1], [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]],
    ["NaN is not better", { patience: 1, factor: 0.5 }, [1, NaN, NaN], [0.1, 0.1, 0.05]],
    ["max", { mode: "max", patience: 1, factor: 0.5 }, [1, 2, 2, 2], [0.1, 0.1, 0.1, 0.05]],
  ])("%s", async (_, options, values, rates) => {
    const run = new Run();
    await run.fit(reduceLROnPlateau(options), losses(...values));
    run.rates.forEach((rate, i) => expect(Math.abs(rate / rates[i] - 1)).toBeLessThan(1e-12));
    expect(run.rates).toHaveLength(rates.length);
  });

  it("goes on from its state", async () => {
    const options = { patience: 2, cooldown: 1, factor: 0.5 },
      values = losses(3, 3, 3, 3, 3, 3, 3, 3),
      calm = new Run();
    await calm.fit(reduceLROnPlateau(options), values);
    for (let cut = 1; cut < values.length; cut++) {
      const run = new Run(),
        before = reduceLROnPlateau(options);
      await run.fit(before, values.slice(0, cut));
      await run.fit(reduceLROnPlateau(options), values, before.getState!());
      expect(run.rates).toEqual(calm.rates);
    }
  });
});

it("learningRateScheduler() is asked before each epoch, and tells the logs", async () => {
  const run = new Run(),
    callback = learningRateScheduler((epoch, rate) => (epoch < 2 ? rate : rate / 2)),
    logs: Logs = {};
  await run.fit(callback, losses(1, 1, 1, 1));
  expect(run.rates).toEqual([0.1, 0.1, 0.05, 0.025]);
  await callback.onEpochEnd?.(3, logs);
  expect(logs).toEqual({ learning_rate: 0.025 });
  await expect(
    new Run().fit(
      learningRateScheduler(() => NaN),
      losses(1),
    ),
  ).rejects.toThrow(/schedule must return a number ≥ 0; got NaN for epoch 0/);
});

describe("modelCheckpoint()", () => {
  const saved = (store: MemoryStore) => [...store.contents].map(([name, bytes]) => [name, decodeSafetensors(bytes).tensors[0].data[0]]);

  it("saves each epoch by the name that Python would write", async () => {
    const store = new MemoryStore();
    await new Run().fit(modelCheckpoint({ store, filepath: "w-{epoch:02d}-{val_loss:.2f}-{accuracy}-{loss:6.1f}.st" }), losses(3.14159, 2));
    expect(saved(store)).toEqual([
      ["w-01-3.14--3.14159-   3.1.st", 0],
      ["w-02-2.00--2-   2.0.st", 1],
    ]);
  });

  it.each<[string, Partial<Parameters<typeof modelCheckpoint>[0]>, number[], number[]]>([
    ["every epoch", {}, [3, 2, 4], [0, 1, 2]],
    ["the best only", { saveBestOnly: true }, [3, 2, 4, 1], [0, 1, 3]],
    ["the best that is better than a threshold", { saveBestOnly: true, initialValueThreshold: 2.5 }, [3, 2, 4, 1], [1, 3]],
    ["the largest", { saveBestOnly: true, mode: "max" }, [3, 2, 4, 1], [0, 2]],
    ["never NaN", { saveBestOnly: true }, [NaN, 2], [1]],
  ])("%s", async (_, options, values, epochs) => {
    const store = new MemoryStore();
    await new Run().fit(modelCheckpoint({ store, filepath: "best", ...options }), losses(...values));
    expect(store.history.map((contents) => decodeSafetensors(contents.get("best")!).tensors[0].data[0])).toEqual(epochs);
  });

  it("goes on from its state; a store that fails ends training", async () => {
    const store = new MemoryStore(),
      before = modelCheckpoint({ store, filepath: "best", saveBestOnly: true }),
      run = new Run(),
      values = losses(3, 2, 2.5);
    await run.fit(before, values.slice(0, 2));
    await run.fit(modelCheckpoint({ store, filepath: "best", saveBestOnly: true }), values, before.getState!());
    expect(store.history).toHaveLength(2);
    await expect(
      new Run().fit(modelCheckpoint({ store: new MemoryStore(new Map(), () => "throw"), filepath: "best" }), values),
    ).rejects.toThrow("disk is full");
  });

  it("files, by path", async () => {
    const folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await new Run().fit(modelCheckpoint({ filepath: join(folder, "runs", "w{epoch}.safetensors") }), losses(1, 2));
    expect(decodeSafetensors(await readFile(join(folder, "runs", "w2.safetensors"))).tensors[0].data[0]).toBe(1);
  });
});

describe("csvLogger()", () => {
  it("writes what Python's CSVLogger writes", async () => {
    const store = new MemoryStore(),
      logger = csvLogger({ store, filename: "a.csv" });
    await new Run().fit(logger, [
      { val_loss: 2, loss: 1, accuracy: 0.5 },
      { loss: NaN, val_loss: 1e-7, more: 3 },
    ]);
    expect(logger.text).toBe("epoch,accuracy,loss,val_loss\r\n0,0.5,1,2\r\n1,NA,NaN,1e-7\r\n");
    expect(new TextDecoder().decode(store.contents.get("a.csv"))).toBe(logger.text);
  });

  it("begins anew, or appends; another separator; no file at all", async () => {
    const store = new MemoryStore(),
      fit = (append: boolean) => new Run().fit(csvLogger({ store, append, separator: ";" }), [{ loss: 1 }]);
    const text = () => new TextDecoder().decode(store.contents.get("training.csv"));
    await fit(false);
    await fit(true);
    expect(text()).toBe("epoch;loss\r\n0;1\r\n0;1\r\n");
    await fit(false);
    expect(text()).toBe("epoch;loss\r\n0;1\r\n");
    const logger = csvLogger();
    await new Run().fit(logger, [{ loss: 1 }]);
    expect(logger.text).toBe("epoch,loss\r\n0,1\r\n");
  });

  it("a log of more than 4 KiB is appended to in a file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const filename = join(folder, "log.csv"),
      many = losses(...Array.from({ length: 200 }, (_, i) => 1 / (i + 1)));
    await new Run().fit(csvLogger({ filename }), many);
    await new Run().fit(csvLogger({ filename, append: true }), many);
    expect((await readFile(filename, "utf8")).split("\r\n")).toHaveLength(402);
  });

  it("goes on from its state", async () => {
    const logs = [{ loss: 1 }, { loss: 2 }, { loss: 3 }],
      store = new MemoryStore(),
      before = csvLogger({ store }),
      run = new Run();
    await run.fit(before, logs.slice(0, 1));
    const after = csvLogger({ store });
    await run.fit(after, logs, before.getState!());
    expect(after.text).toBe("epoch,loss\r\n0,1\r\n1,2\r\n2,3\r\n");
    expect(() => after.setState!({ values: { text: 5 }, weights: null })).toThrow(FormatError);
  });
});

describe("bad options", () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      "an unknown option",
      () => earlyStopping({ restore: true } as EarlyStoppingOptions),
      /earlyStopping\(\): unknown option restore\. Known: monitor/,
    ],
    ["Python's names", () => earlyStopping({ min_delta: 1 } as EarlyStoppingOptions), /unknown option min_delta/],
    ["half an epoch", () => earlyStopping({ patience: 1.5 }), /patience must be a whole number ≥ 0; got 1\.5/],
    ["NaN for minDelta", () => earlyStopping({ minDelta: NaN }), /minDelta must be a finite number; got NaN/],
    [
      "a mode that is none",
      () => reduceLROnPlateau({ mode: "up" as "max" }),
      /reduceLROnPlateau\(\): mode must be "auto", "min" or "max"; got "up"/,
    ],
    ["a factor of 1", () => reduceLROnPlateau({ factor: 1 }), /factor must be in \[0, 1\); got 1/],
    ["no schedule", () => learningRateScheduler(0.1 as never), /schedule must be a function of epoch and learning rate; got 0\.1/],
    ["no filepath", () => modelCheckpoint({} as never), /filepath must be the name of a file; got undefined/],
    ["no store", () => modelCheckpoint({ filepath: "a", store: {} as never }), /store must have read\(\) and write\(\)/],
    ["saveFreq 0", () => modelCheckpoint({ filepath: "a", saveFreq: 0 }), /saveFreq.* must be a whole number ≥ 1/],
    ["no separator", () => csvLogger({ separator: "" }), /separator must be a text/],
  ])("%s", (_, make, pattern) => {
    expect(make).toThrow(InputError);
    expect(make).toThrow(pattern);
  });

  it.each<[string, Callback, RegExp]>([
    ["what the logs will not hold", earlyStopping({ monitor: "val_mse" }), /monitor is "val_mse", but the logs will hold loss, accuracy/],
    ["a metric of unknown direction", reduceLROnPlateau({ monitor: "strange" }), /not known whether a larger strange is better\. Set mode/],
    [
      "a name of no log",
      modelCheckpoint({ filepath: "{val_acc}", store: new MemoryStore() }),
      /filepath names \{val_acc\}; there are epoch, loss/,
    ],
  ])("%s is said when fit() begins", (_, callback, pattern) => {
    expect(() => callback.begin!(new Run().run)).toThrow(pattern);
  });
});

it("verbose says what is done", async () => {
  const lines: unknown[] = [],
    log = vi.spyOn(console, "log").mockImplementation((line) => {
      lines.push(line);
    });
  onTestFinished(() => log.mockRestore());
  await new Run().fit(earlyStopping({ verbose: 1, restoreBestWeights: true }), losses(1, 2));
  await new Run().fit(reduceLROnPlateau({ verbose: 1, patience: 1, factor: 0.5 }), losses(1, 2));
  expect(lines).toEqual([
    "epoch 2: early stopping",
    "the weights are those of the end of epoch 1, the best one",
    "epoch 2: the learning rate is reduced to 0.05",
  ]);
});
