// No thread outlives its use: after an abort, dispose(), another compile(), a loss, and for models that nobody disposes. Threads are
// counted here from outside, as Node starts and ends them.

import workerThreads, { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { dense, sequential, type FitOptions, type Sequential } from "../../src/index.ts";
import { noise, sameWeights } from "../support/models.ts";

const ROWS = 210,
  WIDTH = 150,
  X = noise(ROWS * WIDTH, 1),
  Y = Uint32Array.from({ length: ROWS }, (_, i) => i % 4);
const RECIPE = { optimizer: "adam", loss: "sparseCategoricalCrossentropy", backend: "wasm", threads: 2 } as const;
/** How long threads may idle, and what a busy machine takes to end them, in milliseconds. */
const PATIENCE = 8000;

/** Threads that were started and have not ended. */
const living = new Set<Worker>();
/** Threads of them that were given work. */
const working = new Set<Worker>();
let started = 0;
let script: string | null = null;

/** Node's Worker, counted. */
class CountedWorker extends Worker {
  constructor(...[url, options]: ConstructorParameters<typeof Worker>) {
    if (script === null) super(url, options);
    else super(script, { ...options, eval: true });
    started++;
    living.add(this);
    this.once("exit", () => {
      living.delete(this);
      working.delete(this);
    });
  }

  override postMessage(message: unknown): void {
    working.add(this);
    super.postMessage(message);
  }
}

beforeEach(() => {
  started = 0;
  script = null;
  vi.spyOn(workerThreads, "Worker", "get").mockReturnValue(CountedWorker);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await noneLives();
});

const noneLives = () => vi.waitFor(() => expect(living.size).toBe(0), { timeout: PATIENCE, interval: 20 });
/** Within a moment: not because they idled. */
const noneLivesSoon = () => vi.waitFor(() => expect(living.size).toBe(0), { timeout: 900, interval: 5 });

/** A network whose steps are worth dividing. */
async function compiled(): Promise<Sequential> {
  const model = sequential({
    layers: [
      dense({ units: 256, activation: "tanh", inputShape: [WIDTH] }),
      dense({ units: 256, activation: "tanh" }),
      dense({ units: 4, activation: "softmax" }),
    ],
    seed: 3,
  });
  await model.compile(RECIPE);
  return model;
}
const disposed = async (): Promise<Sequential> => {
  const model = await compiled();
  onTestFinished(() => model.dispose());
  return model;
};

/** Trains until two new threads share the work, and calls `then` at the end of an epoch with them. */
const whenThreadsWork = (then: () => void, options: FitOptions = {}): FitOptions => {
  const before = started;
  let told = false;
  return {
    epochs: 4000,
    batchSize: 105,
    ...options,
    callbacks: {
      ...options.callbacks,
      onEpochEnd() {
        if (told || started < before + 2 || working.size < 2) return;
        told = true;
        then();
      },
    },
  };
};

describe("no thread is left", () => {
  it("after an abort", async () => {
    const model = await disposed(),
      abort = new AbortController();
    const { stopped } = await model.fit(
      X,
      Y,
      whenThreadsWork(() => abort.abort(), { signal: abort.signal }),
    );
    expect(stopped).toBe(true);
    // Control: they lived when fit() was told to end.
    expect(started).toBe(2);
    await noneLives();
    // The model is whole, and has threads again when it trains long enough.
    const again = new AbortController();
    await model.fit(
      X,
      Y,
      whenThreadsWork(() => again.abort(), { signal: again.signal }),
    );
    expect(started).toBe(4);
  });

  it("after dispose() while it trains", async () => {
    const model = await compiled();
    await expect(
      model.fit(
        X,
        Y,
        whenThreadsWork(() => model.dispose()),
      ),
    ).rejects.toThrow(/disposed/);
    expect(started).toBe(2);
    await noneLivesSoon();
  });

  it("after dispose() while they start", async () => {
    const model = await compiled();
    const training = model.fit(X, Y, { epochs: 4000, batchSize: 105 });
    await vi.waitFor(() => expect(started).toBe(2), { timeout: PATIENCE, interval: 1 });
    model.dispose();
    await expect(training).rejects.toThrow(/disposed/);
    await noneLivesSoon();
  });

  it("after dispose() behind the training", async () => {
    const model = await compiled(),
      abort = new AbortController();
    await model.fit(
      X,
      Y,
      whenThreadsWork(() => abort.abort(), { signal: abort.signal }),
    );
    expect(living.size).toBe(2);
    model.dispose();
    await noneLivesSoon();
  });

  it("of the backend before, after another compile()", async () => {
    const model = await disposed(),
      abort = new AbortController();
    await model.fit(
      X,
      Y,
      whenThreadsWork(() => abort.abort(), { signal: abort.signal }),
    );
    expect(living.size).toBe(2);
    await model.compile(RECIPE);
    await noneLivesSoon();
  });

  it("of a sweep over models that nobody disposes", async () => {
    for (let i = 0; i < 4; i++) {
      const abort = new AbortController();
      await (
        await compiled()
      ).fit(
        X,
        Y,
        whenThreadsWork(() => abort.abort(), { signal: abort.signal }),
      );
    }
    expect(started).toBe(8);
    await noneLives();
  });

  it("after a loss", async () => {
    const model = await compiled(),
      lost: string[] = [];
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const kill = whenThreadsWork(() => void [...working][0].terminate(), { epochs: 150 });
    await model.fit(X, Y, {
      ...kill,
      callbacks: { ...kill.callbacks, onDeviceLost: ({ message }) => void lost.push(message) },
    });
    expect(lost.join()).toMatch(/a thread of the WebAssembly engine has ended/);
    model.dispose();
    await noneLivesSoon();
  });
});

describe("threads that cannot be had", () => {
  it.each(["throw new Error('no')", "process.exit(3)"])("a script that does this: %s", async (ends) => {
    const alone = await disposed(),
      model = await disposed(),
      warned = vi.spyOn(console, "warn"),
      onDeviceLost = vi.fn();
    await alone.fit(X, Y, { epochs: 40, batchSize: 105 });
    script = ends;
    await model.fit(X, Y, { epochs: 40, batchSize: 105, callbacks: { onDeviceLost } });
    expect(started).toBeGreaterThan(0);
    await noneLives();
    // One thread goes on, and nothing was lost.
    expect(onDeviceLost).not.toHaveBeenCalled();
    expect(warned).not.toHaveBeenCalled();
    expect(sameWeights(await alone.getWeights(), await model.getWeights())).toBe(true);
  });
});

it("other calls on the engine whose thread died are done again, too", async () => {
  const model = await disposed();
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const expected = await model.evaluate(X, Y);
  let evaluating: Promise<unknown> | null = null;
  await model.fit(
    X,
    Y,
    whenThreadsWork(
      () => {
        const evaluations = Array.from({ length: 8 }, () => model.evaluate(X, Y, { batchSize: 1 }));
        evaluating = Promise.all(evaluations);
        void [...working][0].terminate();
      },
      { epochs: 150 },
    ),
  );
  expect(evaluating).not.toBeNull();
  for (const logs of (await evaluating!) as (typeof expected)[]) expect(Object.keys(logs)).toEqual(Object.keys(expected));
});
