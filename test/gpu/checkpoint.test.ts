// A training that is interrupted anywhere, in a page or process that is gone for good, and goes on from its checkpoints elsewhere: the
// end is the same, bit for bit.

import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  adam,
  dataset,
  dense,
  dropout,
  exponentialDecay,
  FormatError,
  l2,
  sequential,
  sgd,
  simpleRNN,
  warmup,
  type CompileOptions,
  type DenseOptions,
  type FitOptions,
  type Layer,
  type Sequential,
} from "../../src/index.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { BACKENDS, ENGINE, compiledModel, noise, sameWeights } from "../support/models.ts";

const ROWS = 40;
const X = noise(ROWS * 3, 91),
  Y = noise(ROWS * 2, 92);
const LAYERS = [dense({ units: 6, activation: "tanh", inputShape: [3] }), dropout({ rate: 0.2 }), dense({ units: 2 })];
const RECIPE: CompileOptions = {
  optimizer: adam({ learningRate: warmup({ steps: 5, then: 0.02 }) }),
  loss: "meanSquaredError",
  metrics: ["mae"],
};

interface Course {
  readonly layers: readonly Layer[];
  readonly recipe?: CompileOptions;
  readonly fit: FitOptions;
  readonly x?: Float32Array<ArrayBuffer>;
  readonly y?: Float32Array<ArrayBuffer>;
  /** Each epoch forgets the one before. */
  readonly resets?: boolean;
}

const STATEFUL: Course = {
  layers: [simpleRNN({ units: 4, inputShape: [6, 1], returnSequences: true, stateful: true }), dense({ units: 1 })],
  x: noise(ROWS * 6, 5),
  y: noise(ROWS * 6, 6),
  fit: { epochs: 2, batchSize: 8, shuffle: false },
};
const COURSES: readonly [name: string, course: Course][] = [
  ["epochs with validation", { layers: LAYERS, fit: { epochs: 3, batchSize: 7, validationSplit: 0.2 } }],
  [
    "steps",
    { layers: LAYERS, recipe: { ...RECIPE, optimizer: sgd({ learningRate: 0.05, momentum: 0.9 }) }, fit: { steps: 13, batchSize: 7 } },
  ],
  ["stateful layers", STATEFUL],
  ["stateful layers, reset before each epoch", { ...STATEFUL, resets: true }],
];

describe.each(BACKENDS)("on %s", (backend) => {
  describe.each(COURSES)("%s", (_, { layers, recipe = RECIPE, fit, x = X, y = Y, resets = false }) => {
    const declare = () => compiledModel({ layers, seed: 3 }, { ...recipe, backend });
    const end = async (model: Sequential, options: FitOptions) => {
      const callbacks = resets ? { onEpochBegin: () => model.resetStates() } : {};
      return { history: await model.fit(x, y, { callbacks, ...options }), weights: await model.getWeights() };
    };

    it("ends with the same bits from whatever a killed process left, and goes on as the other would", async () => {
      const calmModel = await declare(),
        calm = await end(calmModel, fit),
        store = new MemoryStore();
      const watched = await end(await declare(), { ...fit, checkpoint: { store, every: 3 } });
      expect(watched.history).toEqual(calm.history);
      expect(sameWeights(watched.weights, calm.weights)).toBe(true);
      // A slot, the pointer, a slot, …: every write may have been the last.
      expect(store.history.length).toBeGreaterThan(6);
      for (const [at, contents] of [new Map(), ...store.history].entries()) {
        if (backend !== "cpu" && at % 3 === 1) continue;
        const model = await declare(),
          after = await end(model, { ...fit, resumeFrom: new MemoryStore(contents) });
        expect(after.history, `after write ${at}`).toEqual(calm.history);
        expect(sameWeights(after.weights, calm.weights), `after write ${at}`).toBe(true);
        model.dispose();
      }
      // Optimizer, step and order of the next pass are those of the other, too.
      const resumed = await declare();
      await end(resumed, { ...fit, resumeFrom: store });
      expect(sameWeights((await end(resumed, fit)).weights, (await end(calmModel, fit)).weights)).toBe(true);
    });

    it("control: what comes back is needed", async () => {
      const store = new MemoryStore(),
        model = await declare();
      await end(model, { ...fit, checkpoint: { store, every: 3 } });
      const early = new MemoryStore(store.history[1]),
        other = await declare();
      const first = await end(other, { ...fit, ...("epochs" in fit ? { epochs: 1 } : {}) });
      expect(sameWeights(first.weights, (await end(await declare(), { ...fit, resumeFrom: early })).weights)).toBe("steps" in fit);
    });
  });

  it("a handle: training by steps goes on in the middle of a pass", async () => {
    const store = new MemoryStore(),
      options: FitOptions = { steps: 9, batchSize: 7 };
    const train = async (interrupted: boolean) => {
      const set = dataset(X, Y);
      let model = await compiledModel({ layers: LAYERS, seed: 1 }, { ...RECIPE, backend });
      await model.fit(set, { ...options, checkpoint: { store, every: 2 } });
      if (interrupted) {
        model = await compiledModel({ layers: LAYERS, seed: 1 }, { ...RECIPE, backend });
        await model.fit(set, { ...options, resumeFrom: new MemoryStore(store.history[5]) });
      }
      await model.fit(set, { ...options, steps: 4 });
      set.dispose();
      return model.getWeights();
    };
    expect(sameWeights(await train(false), await train(true))).toBe(true);
  });

  it("callbacks are told where it goes on, and of no beginning twice", async () => {
    const store = new MemoryStore(),
      fit: FitOptions = { epochs: 2, batchSize: 7 };
    const told = async (options: FitOptions) => {
      const heard: unknown[] = [],
        model = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend });
      await model.fit(X, Y, {
        ...fit,
        ...options,
        callbacks: {
          onTrainBegin: () => void heard.push("train"),
          onResume: (info) => void heard.push(info),
          onEpochBegin: (epoch) => void heard.push(epoch),
          onBatchEnd: (batch) => void heard.push(`batch ${batch}`),
        },
      });
      return heard;
    };
    const batches = [0, 1, 2, 3, 4, 5].map((batch) => `batch ${batch}`);
    expect(await told({ checkpoint: { store, every: 4 } })).toEqual(["train", 0, ...batches, 1, ...batches]);
    // The first slot and the pointer; then the second slot and the pointer.
    expect(await told({ resumeFrom: new MemoryStore(store.history[1]) })).toEqual([
      { epoch: 0, batch: 4, steps: 4 },
      "train",
      "batch 4",
      "batch 5",
      1,
      ...batches,
    ]);
    expect(await told({ resumeFrom: new MemoryStore(store.history[3]) })).toEqual([
      { epoch: 1, batch: 2, steps: 8 },
      "train",
      ...batches.slice(2),
    ]);
    expect(await told({ resumeFrom: new MemoryStore() })).toEqual(["train", 0, ...batches, 1, ...batches]);
  });

  it("an abort between two epochs goes on with the order of the next one, not of the one behind it", async () => {
    const fit: FitOptions = { epochs: 3, batchSize: 7 },
      declare = () => compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend });
    const calm = await declare(),
      store = new MemoryStore(),
      stop = new AbortController(),
      model = await declare();
    await calm.fit(X, Y, fit);
    // Its 6 steps are behind the first checkpoint, and before the second.
    const { steps } = await model.fit(X, Y, {
      ...fit,
      checkpoint: { store, every: 4 },
      signal: stop.signal,
      callbacks: { onEpochBegin: (epoch) => void (epoch === 1 && stop.abort()) },
    });
    expect(steps).toBe(6);
    const resumed = await declare();
    expect((await resumed.fit(X, Y, { ...fit, resumeFrom: store })).steps).toBe(18);
    expect(sameWeights(await resumed.getWeights(), await calm.getWeights())).toBe(true);
  });

  it("an abort saves where it stopped; a longer fit() goes on from there", async () => {
    const store = new MemoryStore(),
      stop = new AbortController(),
      fit: FitOptions = { epochs: 3, batchSize: 7 };
    const calm = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend });
    const calmHistory = await calm.fit(X, Y, { ...fit, epochs: 4 });
    const model = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend });
    const aborted = await model.fit(X, Y, {
      ...fit,
      checkpoint: { store },
      signal: stop.signal,
      callbacks: { onBatchEnd: (batch) => void (batch === 4 && stop.abort()) },
    });
    expect(aborted.stopped).toBe(true);
    const other = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend });
    expect(await other.fit(X, Y, { ...fit, epochs: 4, resumeFrom: store })).toEqual(calmHistory);
    expect(sameWeights(await other.getWeights(), await calm.getWeights())).toBe(true);
  });
});

describe("a learning rate that was set", () => {
  const fit: FitOptions = { epochs: 4, batchSize: 7 };
  const declare = () => compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend: "cpu" });
  /** As reduceLROnPlateau does: set once, by what was seen. */
  const lowersIn = (model: Sequential, epoch: number) => ({
    onEpochEnd: (now: number) => {
      if (now === epoch) model.learningRate = exponentialDecay({ initialLearningRate: 0.005, decaySteps: 2, decayRate: 0.9 });
    },
  });

  it("goes on as it was, with the bits of training without a break; control: a fit() that forgets it ends elsewhere", async () => {
    const calm = await declare(),
      store = new MemoryStore();
    await calm.fit(X, Y, { ...fit, callbacks: lowersIn(calm, 0), checkpoint: { store, every: 4 } });
    const ends: boolean[] = [];
    for (const [at, contents] of store.history.entries()) {
      const model = await declare();
      // What was seen in the first epoch is not seen again.
      await model.fit(X, Y, { ...fit, resumeFrom: new MemoryStore(contents) });
      ends.push(sameWeights(await model.getWeights(), await calm.getWeights()));
      if (ends.at(-1)) expect(model.learningRate, `after write ${at}`).toBe(calm.learningRate);
    }
    // Slot, pointer, slot, pointer, …: of 24 steps the first checkpoint, after 4, was written before the rate was set.
    expect(ends).toEqual(store.history.map((_, at) => at >= 3));
  });

  it("before the fit() is state, too, and is not in the way of one that declares the same", async () => {
    const store = new MemoryStore(),
      first = await declare();
    first.learningRate = 0.001;
    await first.fit(X, Y, { ...fit, checkpoint: { store, every: 5 } });
    const second = await declare();
    await second.fit(X, Y, { ...fit, resumeFrom: store });
    expect(second.learningRate).toBe(0.001);
    const third = await declare();
    third.learningRate = 0.5;
    await third.fit(X, Y, { ...fit, resumeFrom: store });
    expect(third.learningRate).toBe(0.001);
  });
});

describe("a store that fails", () => {
  const fit: FitOptions = { epochs: 2, batchSize: 7 };
  const trained = async (store: MemoryStore) => {
    const model = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend: "cpu" });
    await model.fit(X, Y, { ...fit, checkpoint: { store, every: 2 } });
    return model.getWeights();
  };

  it.each(["throw", "cut"] as const)(
    "by %s at any call: training ends as it would, with a warning, and a good checkpoint stays",
    async (how) => {
      const healthy = new MemoryStore(),
        calm = await trained(healthy);
      expect(healthy.calls).toBeGreaterThan(20);
      for (let at = 0; at < healthy.calls; at++) {
        const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
        const store = new MemoryStore(new Map(), (call) => (call === at ? how : null));
        expect(sameWeights(await trained(store), calm)).toBe(true);
        expect(store.calls).toBeGreaterThan(at);
        const said = warn.mock.calls.map(String);
        if (how === "throw")
          expect(said).toEqual([expect.stringMatching(/the checkpoint after step \d+ could not be saved \(the disk is/)]);
        // Whatever the store held at any moment after its first good checkpoint, one could go on from it.
        const firstGood = store.history.findIndex((contents) => contents.has("checkpoint-latest"));
        for (const contents of store.history.slice(firstGood)) {
          const model = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend: "cpu" });
          await model.fit(X, Y, { ...fit, resumeFrom: new MemoryStore(contents) });
          expect(sameWeights(await model.getWeights(), calm)).toBe(true);
        }
        warn.mockRestore();
      }
    },
  );
});

describe("a checkpoint that is of no use", () => {
  const fit: FitOptions = { epochs: 2, batchSize: 7 };
  const saved = async () => {
    const store = new MemoryStore(),
      model = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend: "cpu" });
    await model.fit(X, Y, { ...fit, checkpoint: { store } });
    return store.contents;
  };
  interface Changes {
    readonly fit?: FitOptions;
    readonly seed?: number;
    readonly layers?: Layer[];
    readonly recipe?: CompileOptions;
    readonly x?: Float32Array<ArrayBuffer>;
    readonly y?: Float32Array<ArrayBuffer>;
  }
  const refused = async (contents: ReadonlyMap<string, Uint8Array<ArrayBuffer>>, changes: Changes) => {
    const model = sequential({ layers: changes.layers ?? LAYERS, seed: changes.seed ?? 3 });
    onTestFinished(() => model.dispose());
    await model.compile({ ...RECIPE, ...changes.recipe, backend: "cpu" });
    const before = await model.getWeights();
    const error: unknown = await model
      .fit(changes.x ?? X, changes.y ?? Y, { ...fit, ...changes.fit, resumeFrom: new MemoryStore(contents) })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(FormatError);
    expect(sameWeights(await model.getWeights(), before)).toBe(true);
    return (error as Error).message;
  };

  it("because it is another training's: says in what", async () => {
    const contents = await saved();
    expect(await refused(contents, { fit: { batchSize: 8 } })).toMatch(/made with batchSize 7; this fit\(\) has 8/);
    expect(await refused(contents, { seed: 4 })).toMatch(/made with seed 3; this fit\(\) has 4/);
    expect(await refused(contents, { fit: { shuffle: false } })).toMatch(/made with shuffle true/);
    expect(await refused(contents, { recipe: { ...RECIPE, optimizer: "sgd" } })).toMatch(/made with optimizer adam; this fit\(\) has sgd/);
    expect(await refused(contents, { layers: [dense({ units: 2, inputShape: [3] })] })).toMatch(/made with weights dense\/kernel \[3, 6\]/);
  });

  const layersWith = (rate: number, options: Partial<DenseOptions>) => [
    dense({ units: 6, activation: "tanh", inputShape: [3], ...options }),
    dropout({ rate }),
    dense({ units: 2 }),
  ];
  const other = (data: Float32Array<ArrayBuffer>, at: number) => data.map((value, i) => (i === at ? value + 1e-6 : value));

  it.each<[string, Changes, RegExp]>([
    [
      "activation",
      { layers: layersWith(0.2, { activation: "relu" }) },
      /made with stage 2 of the network .*"tanh".*; this fit\(\) has .*"relu"/,
    ],
    ["rate of dropout", { layers: layersWith(0.3, {}) }, /stage 3 .*0\.2.*has .*0\.3/],
    ["penalty", { layers: layersWith(0.2, { kernelRegularizer: l2(0.01) }) }, /stage 1 .*has .*0\.01/],
    [
      "learning rate",
      { recipe: { ...RECIPE, optimizer: adam({ learningRate: 0.02 }) } },
      /optimizer's settings .*"warmup".*has .*"constant"/,
    ],
    [
      "schedule",
      { recipe: { ...RECIPE, optimizer: adam({ learningRate: warmup({ steps: 6, then: 0.02 }) }) } },
      /optimizer's settings .*"steps":5.*"steps":6/,
    ],
    [
      "beta",
      { recipe: { ...RECIPE, optimizer: adam({ learningRate: warmup({ steps: 5, then: 0.02 }), beta1: 0.8 }) } },
      /optimizer's settings .*0\.9.*0\.8/,
    ],
    [
      "clipping",
      { recipe: { ...RECIPE, optimizer: adam({ learningRate: warmup({ steps: 5, then: 0.02 }), clipNorm: 1 }) } },
      /optimizer's settings/,
    ],
    ["loss", { recipe: { ...RECIPE, loss: "huber" } }, /loss function .*meanSquaredError.*huber/],
    ["last number of x", { x: other(X, X.length - 1) }, /data of SHA-256 [0-9a-f]{64}; this/],
    ["first target", { y: other(Y, 0) }, /data of SHA-256/],
    ["validation", { fit: { validationData: [X, Y] } }, /validation none; this fit\(\) has of other data/],
  ])("because another %s was declared", async (_, changes, message) => {
    expect(await refused(await saved(), changes)).toMatch(message);
  });

  it("control: declared and made anew, all alike, it is of use", async () => {
    const model = await compiledModel(
      { layers: layersWith(0.2, {}), seed: 3 },
      {
        ...RECIPE,
        optimizer: adam({ learningRate: warmup({ steps: 5, then: 0.02 }) }),
        backend: "cpu",
      },
    );
    expect((await model.fit(X.slice(), Array.from(Y), { ...fit, resumeFrom: new MemoryStore(await saved()) })).epochs).toBe(2);
  });

  it("another engine is told of, and training goes on", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const contents = await saved();
    for (const backend of ["cpu", ENGINE] as const) {
      const model = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend });
      expect((await model.fit(X, Y, { ...fit, epochs: 3, resumeFrom: new MemoryStore(contents) })).epochs).toBe(3);
      expect(warn.mock.calls.map(String)).toEqual(
        backend === "cpu" ? [] : [expect.stringMatching(new RegExp(`made on "cpu, .*runs on "${ENGINE}, `))],
      );
    }
  });

  it("because both slots are damaged; where one is, the other is used", async () => {
    const contents = await saved(),
      [a, b] = ["checkpoint-a.safetensors", "checkpoint-b.safetensors"];
    expect([...contents.keys()].sort()).toEqual([a, b, "checkpoint-latest"]);
    const cut = (name: string, from: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) =>
      new Map([...from, [name, from.get(name)!.slice(0, -1)]]);
    expect(await refused(cut(a, cut(b, contents)), {})).toMatch(/truncated/);
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const latest = new TextDecoder().decode(contents.get("checkpoint-latest"));
    const calm = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend: "cpu" });
    const model = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend: "cpu" });
    await calm.fit(X, Y, { ...fit, epochs: 3 });
    await model.fit(X, Y, { ...fit, epochs: 3, resumeFrom: new MemoryStore(cut(latest, contents)) });
    expect(sameWeights(await model.getWeights(), await calm.getWeights())).toBe(true);
    expect(warn.mock.calls.map(String)).toEqual([expect.stringMatching(/truncated.* Going on from the one before, after step \d+\./)]);
  });
});
