// pause() resolves whatever comes next, and what waits for a store that never answers can be ended. On the CPU backend.

import { expect, it, vi } from "vitest";
import { adam, dense, type CheckpointStore, type FitOptions, type Sequential } from "../../src/index.ts";
import { compiledModel, noise, sameWeights } from "../support/models.ts";
import { MemoryStore } from "../support/memory-store.ts";

const ROWS = 40,
  X = noise(ROWS * 3, 91),
  Y = noise(ROWS * 2, 92);
const declare = () =>
  compiledModel(
    { seed: 1, layers: [dense({ units: 6, activation: "tanh", inputShape: [3] }), dense({ units: 2 })] },
    { optimizer: adam(0.01), loss: "meanSquaredError", backend: "cpu" },
  );
const moment = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const never = () => new Promise<never>(() => {});
/** "late" where the promise takes longer than that. */
const within = <T>(promise: Promise<T>, milliseconds = 2000): Promise<T | "late"> =>
  Promise.race([promise, moment(milliseconds).then(() => "late" as const)]);
/** So many that fit() is under way until it is stopped. */
const LONG = { epochs: 1_000_000, batchSize: 4 };

it("pause() and resume() and pause() before a boundary: each promise resolves, and the last one stands", async () => {
  const model = await declare(),
    stop = new AbortController();
  let batches = 0;
  const promises: Promise<void>[] = [];
  const training = model.fit(X, Y, {
    ...LONG,
    signal: stop.signal,
    callbacks: {
      onBatchEnd() {
        if (++batches !== 5) return;
        promises.push(model.pause());
        model.resume();
        promises.push(model.pause(), model.pause());
      },
    },
  });
  while (promises.length < 3) await moment(1);
  expect(await within(Promise.all(promises))).toHaveLength(3);
  const stood = batches;
  await moment(50);
  expect(batches).toBe(stood);
  model.resume();
  // Control: it goes on.
  while (batches === stood) await moment(1);
  stop.abort();
  await training;
  expect(await within(model.pause())).toBeUndefined();
});

it.each(["onTrainBegin", "onEpochBegin", "onEpochEnd", "onTrainEnd", "onResume"] as const)(
  "await model.pause() within %s resolves, and fit() stands until resume()",
  async (name) => {
    const store = new MemoryStore(),
      calm = await declare(),
      model = await declare(),
      FIT = { epochs: 2, batchSize: 8 };
    await calm.fit(X, Y, FIT);
    if (name === "onResume") await (await declare()).fit(X, Y, { ...FIT, epochs: 1, checkpoint: { store } });
    let paused = false,
      batches = 0,
      resumed = false;
    const training = model.fit(X, Y, {
      ...FIT,
      resumeFrom: store,
      callbacks: {
        onBatchEnd: () => void batches++,
        async [name]() {
          if (paused) return;
          await model.pause();
          paused = true;
        },
      },
    });
    for (let turn = 0; turn < 400 && !paused; turn++) await moment(5);
    expect(paused).toBe(true);
    if (name !== "onTrainEnd") {
      const stood = batches;
      void training.then(() => {
        expect(resumed).toBe(true);
      });
      await moment(50);
      expect(batches).toBe(stood);
      expect(batches).toBeLessThan(10);
    }
    resumed = true;
    model.resume();
    expect(await within(training)).toMatchObject({ epochs: 2, stopped: false });
    expect(sameWeights(await model.getWeights(), await calm.getWeights())).toBe(true);
  },
);

/** Answers until a call of this kind, which it never answers. */
const hanging = (kind: "read" | "write", at = 1): CheckpointStore & { readonly hangs: () => boolean } => {
  const store = new MemoryStore();
  let calls = 0,
    hangs = false;
  const answer = <T>(of: "read" | "write", given: () => Promise<T>): Promise<T> => {
    if (of === kind && ++calls >= at) hangs = true;
    return hangs ? never() : given();
  };
  return {
    hangs: () => hangs,
    read: (name) => answer("read", () => store.read(name)),
    write: (name, bytes) => answer("write", () => store.write(name, bytes)),
  };
};

const STORES: [string, () => ReturnType<typeof hanging>, (store: CheckpointStore) => FitOptions][] = [
  ["a store to resume from", () => hanging("read"), (resumeFrom) => ({ resumeFrom })],
  ["the first write", () => hanging("write"), (store) => ({ checkpoint: { store, every: 3 } })],
  ["the read that looks for the last one", () => hanging("read"), (store) => ({ checkpoint: { store, every: 3 } })],
  ["a write in between", () => hanging("write", 4), (store) => ({ checkpoint: { store, every: 3 } })],
];
const ENDS: [string, (model: Sequential, stop: AbortController) => void][] = [
  ["abort", (_, stop) => stop.abort()],
  ["dispose()", (model) => model.dispose()],
];

it.each(STORES.flatMap(([what, make, options]) => ENDS.map(([end, act]) => [what, end, make, options, act] as const)))(
  "%s never answers: %s ends fit()",
  async (_, end, make, options, act) => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const store = make(),
      model = await declare(),
      stop = new AbortController();
    const training = model.fit(X, Y, { ...LONG, ...options(store), signal: stop.signal }).catch((error: unknown) => error);
    while (!store.hangs()) await moment(1);
    // Control: without an end it waits.
    expect(await within(training, 60)).toBe("late");
    act(model, stop);
    const ended = await within(training, 9000);
    if (end === "abort") expect(ended).toMatchObject({ stopped: true });
    else expect((ended as Error).message).toMatch(/the model was disposed/);
    if (end === "abort") {
      expect(await within(model.fit(X, Y))).toMatchObject({ epochs: 1 });
      expect((await model.getWeights()).every(({ data }) => data.every(Number.isFinite))).toBe(true);
    }
    warn.mockRestore();
  },
);

it("an abort waits for a store that is slow, so that the last checkpoint is that of the end", async () => {
  const inner = new MemoryStore(),
    model = await declare(),
    stop = new AbortController();
  const store: CheckpointStore = {
    read: (name) => inner.read(name),
    write: async (name, bytes) => {
      await moment(100);
      await inner.write(name, bytes);
    },
  };
  let batches = 0;
  const { steps } = await model.fit(X, Y, {
    ...LONG,
    signal: stop.signal,
    checkpoint: { store, every: 7 },
    callbacks: { onBatchEnd: () => void (++batches === 12 && stop.abort()) },
  });
  const resumed = await declare(),
    heard: number[] = [];
  await resumed.fit(X, Y, {
    ...LONG,
    epochs: Math.ceil(steps / 10),
    resumeFrom: inner,
    callbacks: { onResume: (info) => void heard.push(info.steps) },
  });
  expect(heard).toEqual([steps]);
});
