// The GPU is lost while training: fit() goes on with another device and leaves the very bits of a run that nothing disturbed.

import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  activation,
  adam,
  batchNormalization,
  dataset,
  dense,
  DeviceLostError,
  dropout,
  sequential,
  sgd,
  simpleRNN,
  warmup,
  type CompileOptions,
  type FitOptions,
  type History,
  type Layer,
  type Weight,
} from "../../src/index.ts";
import { compiledModel, noise, sameWeights } from "../support/models.ts";
import { ownDevice, shrink } from "./counted-device.ts";

const ROWS = 40;
const X = noise(ROWS * 3, 91),
  Y = noise(ROWS * 2, 92);
const SMALL = [dense({ units: 6, activation: "tanh", inputShape: [3] }), dropout({ rate: 0.2 }), dense({ units: 2 })];
const WIDE = [
  dense({ units: 70, activation: "relu", inputShape: [3] }),
  dropout({ rate: 0.2 }),
  dense({ units: 60, activation: "tanh" }),
  dense({ units: 2 }),
];
const STATEFUL = [simpleRNN({ units: 4, inputShape: [6, 1], returnSequences: true, stateful: true }), dense({ units: 1 })];
const RECIPE: CompileOptions = {
  optimizer: adam({ learningRate: warmup({ steps: 5, then: 0.02 }), globalClipNorm: 1 }),
  loss: "meanSquaredError",
  metrics: ["mae"],
};

/** Gives devices that can be lost; all are destroyed when the test ends. */
function devices(prepare: (device: GPUDevice) => void = () => {}) {
  const made: GPUDevice[] = [];
  onTestFinished(() => made.forEach((device) => device.destroy()));
  const next = async () => {
    const device = await ownDevice();
    prepare(device);
    made.push(device);
    return device;
  };
  return { next, made, lose: () => made.at(-1)?.destroy() };
}

interface Ran {
  readonly weights: Weight[];
  readonly histories: readonly History[];
  /** What callbacks were told, in order. */
  readonly told: readonly string[];
  readonly losses: number;
}

interface Course {
  readonly layers: readonly Layer[];
  readonly recipe?: CompileOptions;
  readonly fits: readonly FitOptions[];
  readonly x?: Float32Array<ArrayBuffer>;
  readonly y?: Float32Array<ArrayBuffer>;
  readonly handle?: boolean;
  /** What a buffer of the devices holds. */
  readonly bytes?: number;
}

/** Trains, and loses the device as soon as so many mini-batches have been reported, each time counted anew. */
async function run(
  { layers, recipe = RECIPE, fits, x = X, y = Y, handle = false, bytes }: Course,
  loseAt: readonly number[],
): Promise<Ran> {
  const { next, lose } = devices((device) => bytes !== undefined && shrink(device, bytes));
  const model = await compiledModel({ layers, seed: 3 }, { ...recipe, device: next });
  const told: string[] = [],
    histories: History[] = [],
    left = [...loseAt],
    data = dataset(x, y);
  onTestFinished(() => data.dispose());
  let batches = 0,
    losses = 0;
  for (const options of fits) {
    const callbacks: FitOptions["callbacks"] = {
      onBatchEnd(batch, logs) {
        told.push(`${batch} ${JSON.stringify(logs)}`);
        if (++batches >= left[0]) {
          left.shift();
          batches = 0;
          lose();
        }
      },
      onEpochEnd: (epoch, logs) => void told.push(`epoch ${epoch} ${JSON.stringify(logs)}`),
      onDeviceLost: ({ reason, recovery }) => {
        expect([reason, recovery]).toEqual(["destroyed", 1]);
        losses++;
      },
    };
    histories.push(await (handle ? model.fit(data, { ...options, callbacks }) : model.fit(x, y, { ...options, callbacks })));
  }
  return { weights: await model.getWeights(), histories, told, losses };
}

const COURSES: readonly [name: string, course: Course][] = [
  ["a tiny network, validation in between", { layers: SMALL, fits: [{ epochs: 3, batchSize: 6, validationSplit: 0.2 }] }],
  [
    "a wider one, two fits",
    {
      layers: WIDE,
      fits: [
        { epochs: 2, batchSize: 7 },
        { epochs: 1, batchSize: 4 },
      ],
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
    },
  ],
  [
    "in slices",
    {
      layers: SMALL,
      recipe: { optimizer: sgd({ learningRate: 0.05, momentum: 0.9 }), loss: "meanSquaredError" },
      bytes: 20_000,
      x: noise(2000 * 3, 7),
      y: noise(2000 * 2, 8),
      fits: [{ epochs: 2, batchSize: 64 }],
    },
  ],
  // 30 rows of 150 floats are more than 10,000 bytes: gradients of chunks are added up on the device.
  [
    "in chunks",
    {
      layers: [dense({ units: 150, activation: "relu", inputShape: [3] }), dropout({ rate: 0.2 }), dense({ units: 2 })],
      bytes: 10_000,
      fits: [{ epochs: 8, batchSize: 30 }],
    },
  ],
  [
    "stateful layers",
    { layers: STATEFUL, x: noise(ROWS * 6, 5), y: noise(ROWS * 6, 6), fits: [{ epochs: 3, batchSize: 8, shuffle: false }] },
  ],
  [
    "moving statistics",
    {
      layers: [
        dense({ units: 6, inputShape: [3] }),
        batchNormalization({ momentum: 0.7 }),
        activation("tanh"),
        dropout({ rate: 0.2 }),
        dense({ units: 2 }),
      ],
      fits: [{ epochs: 3, batchSize: 6, validationSplit: 0.2 }],
    },
  ],
];

describe.each(COURSES)("%s", (_, course) => {
  it("ends with the same bits, wherever the device is lost, and tells of no step twice", async () => {
    const calm = await run(course, []);
    expect(calm.losses).toBe(0);
    const steps = calm.histories.reduce((sum, history) => sum + history.steps, 0);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: steps }), async (at) => {
        const disturbed = await run(course, [at]);
        expect(sameWeights(disturbed.weights, calm.weights), `lost after ${at}`).toBe(true);
        expect(disturbed.histories).toEqual(calm.histories);
        expect(disturbed.told).toEqual(calm.told);
        // Steps are reported in bursts: where the last came with this one, nothing on the device is missed any more.
        expect(disturbed.losses).toBeLessThanOrEqual(1);
        // The first submit has one step.
        if (at === 1) expect(disturbed.losses).toBe(1);
      }),
      { numRuns: 3, seed: 7, examples: [[1]] },
    );
  });
});

it("control: without what comes back from the snapshot the bits differ", async () => {
  const calm = await run(COURSES[1][1], []),
    shorter = await run({ ...COURSES[1][1], fits: [{ epochs: 2, batchSize: 7 }] }, []);
  expect(sameWeights(calm.weights, shorter.weights)).toBe(false);
});

describe("between two calls", () => {
  it("nothing is lost but a warning: fit(), predict(), evaluate(), setWeights() and verify() go on", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const calm = await compiledModel({ layers: SMALL, seed: 1 }, { ...RECIPE, device: ownDevice });
    const { next, lose, made } = devices(),
      model = await compiledModel({ layers: SMALL, seed: 1 }, { ...RECIPE, device: next });
    const loseNow = async () => {
      // By then what fit() left is on the CPU.
      await model.getWeights();
      lose();
      await made.at(-1)?.lost;
    };
    for (const each of [calm, model]) await each.fit(X, Y, { epochs: 2 });
    await loseNow();
    // The weights are read without a device.
    expect(sameWeights(await model.getWeights(), await calm.getWeights())).toBe(true);
    expect(made).toHaveLength(1);
    expect(await model.predict(X)).toEqual(await calm.predict(X));
    expect(warn.mock.calls.map(String)).toEqual([
      expect.stringMatching(/^deltaprop: predict\(\): the GPU was lost\. Going on .* after step 4\./),
    ]);
    await loseNow();
    expect(await model.evaluate(X, Y)).toEqual(await calm.evaluate(X, Y));
    await loseNow();
    for (const each of [calm, model]) await each.fit(X, Y, { epochs: 2 });
    await loseNow();
    expect((await model.verify(X, Y)).ok).toBe(true);
    await loseNow();
    for (const each of [calm, model])
      await each.setWeights((await each.getWeights()).map((weight) => ({ ...weight, data: weight.data.map((w) => w / 2) })));
    await loseNow();
    for (const each of [calm, model]) await each.fit(X, Y, { epochs: 2 });
    expect(sameWeights(await model.getWeights(), await calm.getWeights())).toBe(true);
  });

  it("what predict() carried in stateful layers is lost, and said to be", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const { next, lose, made } = devices(),
      model = await compiledModel({ layers: STATEFUL, seed: 1 }, { ...RECIPE, device: next });
    const x = noise(6, 1),
      first = await model.predict(x);
    expect(await model.predict(x)).not.toEqual(first);
    lose();
    await made[0].lost;
    expect(await model.predict(x)).toEqual(first);
    expect(warn.mock.calls.map(String).join()).toMatch(/carried from predict\(\) to predict\(\) was lost/);
  });
});

describe("a device that is lost again and again", () => {
  it("ends fit() with a DeviceLostError after two recoveries; the last good weights are there, and compile() goes on from them", async () => {
    const { next, made } = devices(),
      model = await compiledModel({ layers: WIDE, seed: 1 }, { ...RECIPE, device: next });
    await model.fit(X, Y);
    const before = await model.getWeights(),
      recoveries: number[] = [];
    // Each is lost a moment after it is there.
    const lost = setInterval(() => made.at(-1)?.destroy(), 1);
    const failure: unknown = await model
      .fit(X, Y, { epochs: 100_000, callbacks: { onDeviceLost: ({ recovery }) => void recoveries.push(recovery) } })
      .catch((error: unknown) => error);
    clearInterval(lost);
    expect(failure).toBeInstanceOf(DeviceLostError);
    expect((failure as Error).message).toMatch(/^fit\(\): the GPU was lost 3 times in a row\. getWeights\(\) gives the last good weights/);
    expect(recoveries).toEqual([1, 2, 3]);
    expect(sameWeights(await model.getWeights(), before)).toBe(true);
    await model.compile({ ...RECIPE, backend: "webgpu" });
    expect(sameWeights(await model.getWeights(), before)).toBe(true);
    expect((await model.fit(X, Y)).epochs).toBe(1);
  });

  it("a device that was handed over cannot be replaced, and the error says how it could", async () => {
    const device = await ownDevice(),
      model = await compiledModel({ layers: SMALL }, { ...RECIPE, device });
    await model.fit(X, Y);
    const weights = await model.getWeights();
    device.destroy();
    await expect(model.fit(X, Y)).rejects.toThrow(
      /^fit\(\): the GPU was lost: the device that compile\(\) was given is gone\. Pass compile\(\) a function/,
    );
    expect(sameWeights(await model.getWeights(), weights)).toBe(true);
  });
});

it("a loss while results are on their way back: what was not seen whole counts for nothing", async () => {
  const { next, made } = devices((device) => {
    // Lost between a submit and the mapping of its results, once.
    const submit = device.queue.submit.bind(device.queue);
    const first = made.length === 0;
    let submits = 0;
    device.queue.submit = (buffers) => {
      submit(buffers);
      if (first && ++submits === 4) device.destroy();
    };
  });
  const model = await compiledModel({ layers: WIDE, seed: 1 }, { ...RECIPE, device: next });
  const calm = await compiledModel({ layers: WIDE, seed: 1 }, { ...RECIPE, device: ownDevice });
  for (const each of [model, calm]) await each.fit(X, Y, { epochs: 3, batchSize: 4 });
  expect(made).toHaveLength(2);
  expect(sameWeights(await model.getWeights(), await calm.getWeights())).toBe(true);
});

it("a loss while kernels compile, after which the module says no more than its pipelines (a crashed GPU process)", async () => {
  const dropped = () => Promise.reject(new DOMException("Instance dropped", "OperationError"));
  const { next, made } = devices((device) => {
    if (made.length > 0) return;
    const createModule = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) => Object.defineProperty(createModule(descriptor), "getCompilationInfo", { value: dropped });
    device.createComputePipelineAsync = () => {
      device.destroy();
      return dropped();
    };
  });
  const model = await compiledModel({ layers: WIDE, seed: 1 }, { ...RECIPE, device: next }),
    told: string[] = [];
  const calm = await compiledModel({ layers: WIDE, seed: 1 }, { ...RECIPE, device: ownDevice });
  await model.fit(X, Y, { batchSize: 4, callbacks: { onDeviceLost: ({ reason }) => void told.push(reason) } });
  await calm.fit(X, Y, { batchSize: 4 });
  expect(made).toHaveLength(2);
  expect(told).toEqual(["destroyed"]);
  expect(sameWeights(await model.getWeights(), await calm.getWeights())).toBe(true);
});

describe("the library's own device", () => {
  /** Follows the devices that the host gives; of the calls for an adapter, those of `none` are given none. */
  function watchHost(none: readonly number[] = []) {
    const given: GPUDevice[] = [],
      request = navigator.gpu.requestAdapter.bind(navigator.gpu);
    let calls = 0;
    navigator.gpu.requestAdapter = async (options) => {
      if (none.includes(calls++)) return null;
      const adapter = await request(options),
        give = adapter?.requestDevice.bind(adapter);
      if (adapter && give)
        adapter.requestDevice = async (descriptor) => {
          const device = await give(descriptor);
          given.push(device);
          return device;
        };
      return adapter;
    };
    onTestFinished(() => {
      navigator.gpu.requestAdapter = request;
    });
    return given;
  }

  async function train(given: readonly GPUDevice[], lose: boolean): Promise<Weight[]> {
    const model = sequential({ layers: SMALL, seed: 1 });
    onTestFinished(() => model.dispose());
    await model.compile({ ...RECIPE, backend: "webgpu" });
    await model.fit(X, Y, {
      epochs: 4,
      batchSize: 4,
      callbacks: { onEpochEnd: (epoch) => void (lose && epoch === 1 && given.at(-1)?.destroy()) },
    });
    return model.getWeights();
  }

  it("is replaced as well", async () => {
    const given = watchHost();
    expect(sameWeights(await train(given, true), await train(given, false))).toBe(true);
    expect(given).toHaveLength(3);
  });

  it("is waited for where the host has no adapter for a while, as after a crash", async () => {
    // The first is that of compile().
    const given = watchHost([1, 2]),
      disturbed = await train(given, true);
    expect(given).toHaveLength(2);
    expect(sameWeights(disturbed, await train(given, false))).toBe(true);
  });
});
