// trainInWorker() leaves what model.fit() leaves, bit for bit, and can be steered and stopped like it. (Only in browsers: Node has no
// Web Workers, which test/train/no-worker.test.ts is about, and in Deno the sources that Vitest serves are no script for a worker.)

import { describe, expect, it, onTestFinished } from "vitest";
import {
  activation,
  adam,
  batchNormalization,
  cosineDecay,
  dataset,
  dense,
  DivergenceError,
  dropout,
  exponentialDecay,
  InputError,
  layerNormalization,
  piecewiseConstantDecay,
  sgd,
  simpleRNN,
  trainInWorker,
  UnsupportedError,
  warmup,
  type CheckpointStore,
  type CompileOptions,
  type FitOptions,
  type Layer,
  type ResumeInfo,
  type Sequential,
  type WorkerOptions,
} from "../../src/index.ts";
import { compiledModel, noise, sameWeights, type TestBackend } from "../support/models.ts";
import { ownDevice } from "./counted-device.ts";

const ROWS = 40;
const X = noise(ROWS * 3, 91),
  Y = noise(ROWS * 2, 92);
const SMALL = [dense({ units: 6, activation: "tanh", inputShape: [3] }), dropout({ rate: 0.2 }), dense({ units: 2 })];
const WIDE = [
  dense({ units: 70, activation: "gelu", inputShape: [3] }),
  dropout({ rate: 0.2 }),
  dense({ units: 60, activation: "tanh" }),
  dense({ units: 2 }),
];
const STATEFUL = [simpleRNN({ units: 4, inputShape: [6, 1], returnSequences: true, stateful: true }), dense({ units: 1 })];
const NORMALIZED = [
  batchNormalization({ inputShape: [3] }),
  dense({ units: 6 }),
  batchNormalization({ momentum: 0.7 }),
  activation("tanh"),
  dropout({ rate: 0.2 }),
  layerNormalization(),
  dense({ units: 2 }),
];
const RECIPE: CompileOptions = {
  optimizer: adam({
    learningRate: warmup({ steps: 5, then: cosineDecay({ initialLearningRate: 0.02, decaySteps: 50 }) }),
    globalClipNorm: 1,
  }),
  loss: "meanSquaredError",
  metrics: ["mae", "r2Score", "truePositives"],
  backend: "webgpu",
};

const hasWorkers = typeof document !== "undefined";

interface Course {
  readonly layers: readonly Layer[];
  readonly fits: readonly FitOptions[];
  readonly x?: Float32Array<ArrayBuffer>;
  readonly y?: Float32Array<ArrayBuffer>;
  readonly handle?: boolean;
  readonly optimizer?: CompileOptions["optimizer"];
}

/** One after the other, each here or in a worker, with all that callbacks are told. */
async function run(
  { layers, fits, x = X, y = Y, handle, optimizer = RECIPE.optimizer }: Course,
  backend: TestBackend,
  there: readonly boolean[],
) {
  const model = await compiledModel({ layers, seed: 3 }, { ...RECIPE, optimizer, backend });
  const data = dataset(x, y),
    told: unknown[] = [],
    histories: unknown[] = [];
  onTestFinished(() => data.dispose());
  for (const [i, options] of fits.entries()) {
    const callbacks: FitOptions["callbacks"] = {
      onTrainBegin: () => void told.push("begin"),
      onTrainEnd: () => void told.push("end"),
      onBatchEnd: (batch, logs) => void told.push([batch, logs]),
      onEpochEnd: async (epoch, logs) => void told.push(["epoch", epoch, logs]),
    };
    const given = { ...options, callbacks: { ...callbacks, ...options.callbacks } };
    if (there[i % there.length]) histories.push(await (handle ? trainInWorker(model, data, given) : trainInWorker(model, x, y, given)));
    else histories.push(await (handle ? model.fit(data, given) : model.fit(x, y, given)));
  }
  return { weights: await model.getWeights(), rate: model.learningRate, told, histories, model };
}

const COURSES: readonly [name: string, course: Course][] = [
  [
    "a tiny network, validation in between",
    {
      layers: SMALL,
      fits: [
        { epochs: 3, batchSize: 6, validationSplit: 0.2 },
        { epochs: 2, batchSize: 6 },
      ],
    },
  ],
  [
    "a wider one",
    {
      layers: WIDE,
      fits: [
        { epochs: 2, batchSize: 7 },
        { epochs: 1, batchSize: 4, validationData: [X, Y] },
      ],
      optimizer: sgd({
        momentum: 0.9,
        learningRate: exponentialDecay({ initialLearningRate: 0.05, decaySteps: 7, decayRate: 0.9, staircase: true }),
      }),
    },
  ],
  [
    "by steps on a handle",
    {
      layers: SMALL,
      handle: true,
      fits: [
        { steps: 9, batchSize: 6 },
        { steps: 14, batchSize: 6 },
      ],
      optimizer: sgd({ learningRate: piecewiseConstantDecay({ boundaries: [4, 11], values: [0.1, 0.05, 0.01] }) }),
    },
  ],
  [
    "weighted rows, and by class",
    {
      layers: SMALL,
      fits: [
        { epochs: 2, batchSize: 6, validationSplit: 0.2, sampleWeight: noise(ROWS, 8).map((value) => 1 + value) },
        { epochs: 2, batchSize: 6, validationData: [X, Y, noise(ROWS, 9).map((value) => 1 + value)] },
        { epochs: 1, batchSize: 6, validationSplit: 0.2, classWeight: { 1: 3 } },
      ],
    },
  ],
  [
    "by class, by steps on a handle",
    {
      layers: SMALL,
      handle: true,
      fits: [
        { steps: 9, batchSize: 6, classWeight: { 1: 3 } },
        { steps: 14, batchSize: 6, classWeight: { 0: 2 } },
      ],
    },
  ],
  [
    "stateful layers",
    {
      layers: STATEFUL,
      x: noise(ROWS * 6, 5),
      y: noise(ROWS * 6, 6),
      optimizer: adam(0.01),
      fits: [
        { epochs: 3, batchSize: 8, shuffle: false },
        { epochs: 1, batchSize: 8, shuffle: false },
      ],
    },
  ],
  [
    "normalizations",
    {
      layers: NORMALIZED,
      fits: [
        { epochs: 3, batchSize: 6, validationSplit: 0.2 },
        { epochs: 2, batchSize: 7 },
      ],
    },
  ],
];

describe.runIf(hasWorkers).each(COURSES)("%s", (_, course) => {
  it.each(["cpu", "webgpu", "wasm"] as const)(
    "on %s: the bits, the history and what callbacks are told of fit(), wherever each part is trained",
    async (backend) => {
      const here = await run(course, backend, [false]);
      for (const there of [[true], [true, false], [false, true]]) {
        const { weights, rate, told, histories } = await run(course, backend, there);
        expect(sameWeights(weights, here.weights), String(there)).toBe(true);
        expect(rate).toBe(here.rate);
        expect(histories).toEqual(here.histories);
        expect(told).toEqual(here.told);
      }
      // Control: one fit() less is something else.
      const less = await run({ ...course, fits: course.fits.slice(1) }, backend, [true]);
      expect(sameWeights(less.weights, here.weights)).toBe(false);
    },
  );
});

/** Workers that were started and not terminated; each option is of use for one call. */
function watched(start = () => new Worker(new URL("../../src/train/worker/worker.ts", import.meta.url), { type: "module" })) {
  const alive = new Set<Worker>();
  const worker = () => {
    const started = start(),
      terminate = started.terminate.bind(started);
    alive.add(started);
    started.terminate = () => {
      alive.delete(started);
      terminate();
    };
    return started;
  };
  return { worker, alive };
}

const IN_ORDER = { batchSize: 2, shuffle: false } as const;
const declare = (recipe: Partial<CompileOptions> = {}) => compiledModel({ layers: SMALL, seed: 1 }, { ...RECIPE, ...recipe });

/** Weights after so many mini-batches of two rows. */
async function afterSteps(steps: number): Promise<Awaited<ReturnType<Sequential["getWeights"]>>> {
  const model = await declare(),
    perEpoch = ROWS / 2,
    epochs = Math.floor(steps / perEpoch),
    rest = 2 * (steps % perEpoch);
  if (epochs > 0) await model.fit(X, Y, { ...IN_ORDER, epochs });
  if (rest > 0) await model.fit(X.slice(0, rest * 3), Y.slice(0, rest * 2), IN_ORDER);
  return model.getWeights();
}

describe.runIf(hasWorkers)("steering", () => {
  it("an abort ends it at a step boundary with exactly the steps that it reports, and fit() goes on from there", async () => {
    const model = await declare(),
      stop = new AbortController(),
      { worker, alive } = watched();
    let seen = 0;
    const history = await trainInWorker(model, X, Y, {
      ...IN_ORDER,
      epochs: 5000,
      signal: stop.signal,
      worker,
      callbacks: { onBatchEnd: () => void (++seen === 37 && stop.abort()) },
    });
    expect(history.stopped).toBe(true);
    expect(history.steps).toBeGreaterThanOrEqual(37);
    expect(history.steps).toBeLessThan(5000 * 20);
    expect(alive.size).toBe(0);
    expect(sameWeights(await model.getWeights(), await afterSteps(history.steps))).toBe(true);
    expect(sameWeights(await model.getWeights(), await afterSteps(history.steps + 1))).toBe(false);
    await model.fit(X, Y, IN_ORDER);
  });

  it("a signal that was given before leaves everything as it was", async () => {
    const model = await declare(),
      before = await model.getWeights();
    expect(await trainInWorker(model, X, Y, { signal: AbortSignal.abort() })).toMatchObject({ stopped: true, steps: 0, epochs: 0 });
    expect(sameWeights(await model.getWeights(), before)).toBe(true);
  });

  it("pause() stands still, resume() goes on, and the bits are those of a run without", async () => {
    const model = await declare();
    let batches = 0;
    const training = trainInWorker(model, X, Y, { ...IN_ORDER, epochs: 60, callbacks: { onBatchEnd: () => void batches++ } });
    // Right at the start, before there is a worker; then once more under way.
    for (const least of [0, 40]) {
      while (batches < least) await new Promise((resolve) => setTimeout(resolve, 5));
      await model.pause();
      const stood = batches;
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(batches).toBe(stood);
      expect(batches).toBeLessThan(60 * 20);
      model.resume();
    }
    expect(await training).toMatchObject({ steps: 60 * 20, stopped: false });
    expect(batches).toBe(60 * 20);
    expect(sameWeights(await model.getWeights(), await afterSteps(60 * 20))).toBe(true);
  });

  it("an abort ends it also while it stands still", async () => {
    const model = await declare(),
      stop = new AbortController();
    const training = trainInWorker(model, X, Y, { ...IN_ORDER, epochs: 100_000, signal: stop.signal });
    await model.pause();
    stop.abort();
    expect((await training).stopped).toBe(true);
  });

  it("waits for callbacks, and resetStates() in one counts from the next mini-batch on", async () => {
    const train = async (there: boolean) => {
      const model = await compiledModel({ layers: STATEFUL, seed: 1 }, { ...RECIPE, optimizer: adam(0.01) });
      const options: FitOptions = {
        epochs: 3,
        batchSize: 8,
        shuffle: false,
        callbacks: {
          async onEpochBegin() {
            await new Promise((resolve) => setTimeout(resolve, 20));
            model.resetStates();
          },
        },
      };
      const x = noise(ROWS * 6, 5),
        y = noise(ROWS * 6, 6);
      await (there ? trainInWorker(model, x, y, options) : model.fit(x, y, options));
      return model.getWeights();
    };
    expect(sameWeights(await train(true), await train(false))).toBe(true);
  });

  it("dispose() ends the worker, and the call says why", async () => {
    const model = await declare(),
      { worker, alive } = watched();
    const training = trainInWorker(model, X, Y, {
      epochs: 100_000,
      worker,
      callbacks: { onEpochEnd: (epoch) => void (epoch === 2 && model.dispose()) },
    });
    await expect(training).rejects.toThrow(InputError);
    await expect(training).rejects.toThrow(/disposed/);
    expect(alive.size).toBe(0);
  });

  it("one training at a time", async () => {
    const model = await declare(),
      training = trainInWorker(model, X, Y);
    await expect(trainInWorker(model, X, Y)).rejects.toThrow(/the model is training/);
    await expect(model.fit(X, Y)).rejects.toThrow(/the model is training/);
    await training;
  });
});

describe.runIf(hasWorkers)("data", () => {
  it("stay with the user: nothing is detached, and only the bytes that are meant travel", async () => {
    const memory = new ArrayBuffer(1 << 16),
      bytes = new Uint8Array(memory, 100, ROWS * 3).fill(3),
      y = new Float64Array(ROWS * 2).fill(0.5);
    // Pages that are not isolated have no constructor of such buffers.
    const shared = new Float32Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer, 0, ROWS * 3),
      data = dataset(X, Y);
    onTestFinished(() => data.dispose());
    shared.set(X);
    const model = await declare(),
      here = await declare();
    for (const [x, of] of [
      [bytes, { scale: 1 / 255 }],
      [shared, {}],
    ] as const) {
      await trainInWorker(model, x, y, of);
      await here.fit(x, y, of);
    }
    await trainInWorker(model, data, { validationData: data });
    await here.fit(data, { validationData: data });
    expect(sameWeights(await model.getWeights(), await here.getWeights())).toBe(true);
    expect([memory.byteLength, bytes.length, y.length, shared.length, X.length]).toEqual([1 << 16, ROWS * 3, ROWS * 2, ROWS * 3, ROWS * 3]);
  });
});

describe.runIf(hasWorkers)("checkpoints", () => {
  function memoryStore(): CheckpointStore & { readonly files: Map<string, Uint8Array<ArrayBuffer>> } {
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    return { files, read: async (name) => files.get(name) ?? null, write: async (name, bytes) => void files.set(name, bytes.slice()) };
  }

  it("are written to the page's store and read from it: what a worker began, fit() ends, and the other way round", async () => {
    const whole = await declare();
    await whole.fit(X, Y, { epochs: 4, batchSize: 6 });
    for (const first of [true, false]) {
      const store = memoryStore(),
        begun = await declare(),
        resumed = await declare();
      const train = (model: Sequential, there: boolean, options: FitOptions) =>
        there ? trainInWorker(model, X, Y, { batchSize: 6, ...options }) : model.fit(X, Y, { batchSize: 6, ...options });
      await train(begun, first, { epochs: 2, checkpoint: { store, every: 5 } });
      expect([...store.files.keys()]).toContain("checkpoint-latest");
      const told: unknown[] = [],
        callbacks = { onResume: (info: ResumeInfo) => void told.push(info) };
      const history = await train(resumed, !first, { epochs: 4, resumeFrom: store, callbacks });
      expect(told).toEqual([{ epoch: 2, batch: 0, steps: history.steps / 2 }]);
      expect(history).toMatchObject({ epochs: 4, stopped: false });
      expect(sameWeights(await resumed.getWeights(), await whole.getWeights())).toBe(true);
      expect(sameWeights(await begun.getWeights(), await whole.getWeights())).toBe(false);
    }
  });

  it("a store that fails to read ends it with its error, and one that fails to write does not", async () => {
    const failing: CheckpointStore = {
      read: () => Promise.reject(new Error("the disk is gone")),
      write: () => Promise.reject(new Error("the disk is full")),
    };
    const model = await declare();
    await expect(trainInWorker(model, X, Y, { resumeFrom: failing })).rejects.toThrow("the disk is gone");
    expect(await trainInWorker(model, X, Y, { checkpoint: { store: failing, every: 1 } })).toMatchObject({ epochs: 1 });
  });
});

describe.runIf(hasWorkers)("what goes wrong", () => {
  const oops = new Error("the user's own");
  const thrower = (): never => {
    throw oops;
  };

  it.each(["onTrainBegin", "onEpochBegin", "onBatchEnd", "onEpochEnd", "onTrainEnd"] as const)(
    "an error of %s comes out as it is, whole steps are kept, and nothing is called after it",
    async (name) => {
      const model = await declare(),
        { worker, alive } = watched(),
        after: string[] = [];
      let thrown = false;
      const callbacks = Object.fromEntries(
        ["onEpochBegin", "onBatchEnd", "onEpochEnd", "onTrainEnd"].map((other) => [other, () => void (thrown && after.push(other))]),
      );
      await expect(
        trainInWorker(model, X, Y, {
          ...IN_ORDER,
          epochs: 3,
          worker,
          callbacks: {
            ...callbacks,
            [name]: () => {
              thrown = true;
              thrower();
            },
          },
        }),
      ).rejects.toBe(oops);
      expect(after).toEqual([]);
      expect(alive.size).toBe(0);
      const weights = await model.getWeights(),
        ends: boolean[] = [];
      // The rate of the very first step is 0.
      for (const steps of name === "onBatchEnd"
        ? Array.from({ length: 20 }, (_, i) => i + 1)
        : [{ onTrainBegin: 0, onEpochBegin: 0, onEpochEnd: 20, onTrainEnd: 60 }[name]]) {
        ends.push(sameWeights(weights, await afterSteps(steps)));
      }
      expect(ends.filter(Boolean)).toHaveLength(1);
      expect((await model.fit(X, Y, IN_ORDER)).steps).toBe(20);
    },
  );

  it("a divergence is told with step, loss and tensor, and the model is as before that step", async () => {
    const train = async (there: boolean) => {
      const model = await declare({ optimizer: sgd(1e30) });
      const error = await (
        there ? trainInWorker : (each: Sequential, ...given: [Float32Array, Float32Array, FitOptions]) => each.fit(...given)
      )(model, X, Y, { epochs: 3, batchSize: 4 }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DivergenceError);
      const { message, name, step, lossBefore, tensor } = error as DivergenceError;
      return { message, name, step, lossBefore, tensor, weights: await model.getWeights() };
    };
    const [there, here] = [await train(true), await train(false)];
    expect(sameWeights(there.weights, here.weights)).toBe(true);
    expect({ ...there, weights: 0 }).toEqual({ ...here, weights: 0 });
  });

  it("a GPU that is lost in the worker is told, replaced, and changes no bit", async () => {
    const model = await compiledModel({ layers: WIDE, seed: 1 }, RECIPE),
      calm = await compiledModel({ layers: WIDE, seed: 1 }, RECIPE);
    const told: unknown[] = [],
      start = () => new Worker(new URL("./worker-scripts/lossy.ts", import.meta.url), { type: "module" });
    await trainInWorker(model, X, Y, {
      epochs: 4,
      batchSize: 4,
      worker: start,
      callbacks: { onDeviceLost: async (info) => void told.push(info) },
    });
    await calm.fit(X, Y, { epochs: 4, batchSize: 4 });
    expect(told).toEqual([expect.objectContaining({ reason: "destroyed", recovery: 1 })]);
    expect(sameWeights(await model.getWeights(), await calm.getWeights())).toBe(true);
  });

  it("wrong data and options are refused before a worker is started", async () => {
    const model = await declare(),
      { worker, alive } = watched();
    await expect(trainInWorker(model, X.slice(1), Y, { worker })).rejects.toThrow(InputError);
    await expect(trainInWorker(model, X, Y, { worker, epochs: 0 })).rejects.toThrow(InputError);
    await expect(trainInWorker(model, X, Y, { worker: 3 as never })).rejects.toThrow(
      /worker must be a function that gives a Worker; got 3/,
    );
    await expect(trainInWorker(null as never, X, Y)).rejects.toThrow(/the first argument must be a model/);
    expect(alive.size).toBe(0);
  });

  it("a device of the user's own cannot go there, and the error says so", async () => {
    const device = await ownDevice();
    onTestFinished(() => device.destroy());
    for (const given of [device, () => device]) {
      const model = await declare({ device: given });
      await expect(trainInWorker(model, X, Y)).rejects.toThrow(InputError);
      await expect(trainInWorker(model, X, Y)).rejects.toThrow(/compile\(\) was given a device, which cannot go to another thread/);
    }
  });

  it("a worker without WebGPU, one whose script fails, and one that cannot be had are UnsupportedErrors, and change nothing", async () => {
    const model = await declare(),
      before = await model.getWeights();
    const fails = async (worker: WorkerOptions["worker"], words: RegExp) => {
      const error = await trainInWorker(model, X, Y, { worker }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(UnsupportedError);
      expect((error as Error).message).toMatch(words);
    };
    await fails(
      () => new Worker(new URL("./worker-scripts/without-gpu.ts", import.meta.url), { type: "module" }),
      /this host has no WebGPU/,
    );
    await fails(
      () => new Worker(new URL("./worker-scripts/broken.ts", import.meta.url), { type: "module" }),
      /script does not run .*this is no worker of the library/,
    );
    await fails(() => new Worker("/nowhere.js", { type: "module" }), /script does not run .*Pass trainInWorker\(\) the option worker/);
    await fails(() => {
      throw new Error("not here");
    }, /starts no worker \(Error: not here\)/);
    expect(sameWeights(await model.getWeights(), before)).toBe(true);
    expect((await model.fit(X, Y)).epochs).toBe(1);
  });
});
