// dataset(): the handle trains as its arrays do, goes to a device once, is made ready once, and is freed when it should be.

import { describe, expect, it, onTestFinished, vi } from "vitest";
import { adam, dataset, dense, InputError, type CompileOptions, type LabelledDatasetHandle } from "../../../src/index.ts";
import { BACKENDS, compiledModel, describeGpu, noise, sameWeights } from "../../support/models.ts";
import { counted, CREATING, ownDevice, type Counts } from "../counted-device.ts";

const ROWS = 40;
const X = noise(ROWS * 3, 91),
  Y = noise(ROWS * 2, 92);
const BYTES = Uint8Array.from({ length: ROWS * 3 }, (_, i) => (i * 37) % 256),
  LABELS = Uint32Array.from({ length: ROWS }, (_, i) => i % 2);
const LAYERS = [dense({ units: 6, activation: "tanh", inputShape: [3] }), dense({ units: 2 })];
const SOFTMAX = [LAYERS[0], dense({ units: 2, activation: "softmax" })];
const RECIPE = { optimizer: adam(0.01), loss: "meanSquaredError" } as const;
const CLASSES = { optimizer: adam(0.01), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] } as const;

const handle = (x: Float32Array | Uint8Array = X, y: Float32Array | Uint32Array = Y, scale?: number): LabelledDatasetHandle => {
  const made = dataset(x, y, { scale });
  onTestFinished(() => made.dispose());
  return made;
};

describe.each(BACKENDS)("on %s", (backend) => {
  const regression = () => compiledModel({ seed: 1, layers: LAYERS }, { ...RECIPE, backend });
  const classes = () => compiledModel({ seed: 1, layers: SOFTMAX }, { ...CLASSES, backend });

  it.each([
    ["floats and targets", regression, X, Y, undefined],
    ["bytes and labels", classes, BYTES, LABELS, 1 / 255],
  ] as const)("%s: fit, evaluate and predict give what they give for arrays, bit for bit", async (_, declare, x, y, scale) => {
    const [one, two] = [await declare(), await declare()],
      set = handle(x, y, scale);
    const options = { epochs: 2, batchSize: 7 };
    for (const extra of [{}, { validationSplit: 0.25 }, { shuffle: false }, { callbacks: { onEpochEnd() {} } }]) {
      expect(await one.fit(set, { ...options, ...extra })).toEqual(await two.fit(x, y, { ...options, ...extra, scale }));
      expect(await one.evaluate(set)).toEqual(await two.evaluate(x, y, { scale }));
      expect(await one.predict(set, { batchSize: 9 })).toEqual(await two.predict(x, { batchSize: 9, scale }));
    }
    expect(sameWeights(await one.getWeights(), await two.getWeights())).toBe(true);
    expect(one.plan.batch).toBe(7);
    // Control: other data end elsewhere.
    await two.fit(x, y, { ...options, scale });
    expect(sameWeights(await one.getWeights(), await two.getWeights())).toBe(false);
  });

  it("validates on a handle, and arrays beside a handle have its scale", async () => {
    const [one, two, three] = [await classes(), await classes(), await classes()],
      scale = 1 / 255;
    const set = handle(BYTES, LABELS, scale),
      other = [BYTES.slice(30), LABELS.slice(10)] as const;
    const options = { epochs: 3, batchSize: 8 };
    const { history } = await one.fit(set, { ...options, validationData: handle(...other, scale) });
    expect((await two.fit(BYTES, LABELS, { ...options, scale, validationData: other })).history).toEqual(history);
    expect((await three.fit(set, { ...options, validationData: other })).history).toEqual(history);
    expect(history.val_loss).toHaveLength(3);
  });

  it("serves models of other widths, losses and outputs, and the same model compiled anew", async () => {
    // Six features a row are half as many rows: 0/1 labels then are class indices, targets of one unit, and 20 rows of two.
    const zeroOne = Uint32Array.from(LABELS.subarray(0, ROWS)),
      set = handle(X, zeroOne);
    const binary = await compiledModel(
      { seed: 1, layers: [dense({ units: 1, activation: "sigmoid", inputShape: [3] })] },
      { ...RECIPE, loss: "binaryCrossentropy", backend },
    );
    const wide = await compiledModel({ seed: 1, layers: [dense({ units: 2, inputShape: [6] })] }, { ...RECIPE, backend });
    const sparse = await classes(),
      floats = Float32Array.from(zeroOne);
    for (const model of [binary, wide, sparse]) {
      const y = model === sparse ? zeroOne : floats,
        loss = (await model.evaluate(X, y)).loss;
      expect((await model.evaluate(set)).loss).toBe(loss);
      expect((await model.fit(set)).history.loss[0]).toBeCloseTo(loss, 1);
    }
    await sparse.compile({ ...CLASSES, loss: "sparseCategoricalCrossentropy", backend });
    expect(await sparse.evaluate(set)).toEqual(await sparse.evaluate(X, zeroOne));
    // As with arrays, the loss that does not fit says so, each time, and the others go on.
    const categorical = await compiledModel({ layers: SOFTMAX }, { ...CLASSES, loss: "categoricalCrossentropy", backend });
    for (let i = 0; i < 2; i++) {
      await expect(categorical.fit(set)).rejects.toThrow(/^fit\(\): y has one number a row but the last layer has 2 units/);
    }
    expect((await sparse.fit(set)).epochs).toBe(1);
  });

  it("predict() needs no y, and no y that fits", async () => {
    const model = await regression(),
      answers = await model.predict(X);
    expect(await model.predict(dataset(X))).toEqual(answers);
    expect(await model.predict(handle(X, LABELS))).toEqual(answers);
  });

  it("evaluate() and predict() at once, and within fit(), do not disturb one another", async () => {
    const [model, control] = [await regression(), await regression()],
      set = handle();
    const [loss, again, answers, more] = await Promise.all([
      model.evaluate(set),
      model.evaluate(set),
      model.predict(set),
      model.predict(set),
    ]);
    expect(again).toEqual(loss);
    expect(more).toEqual(answers);
    expect(loss).toEqual(await control.evaluate(X, Y));
    const seen: number[] = [],
      expected: number[] = [];
    await model.fit(set, { epochs: 3, callbacks: { onEpochEnd: async () => void seen.push((await model.evaluate(set)).loss) } });
    await control.fit(X, Y, { epochs: 3, callbacks: { onEpochEnd: async () => void expected.push((await control.evaluate(X, Y)).loss) } });
    expect(seen).toEqual(expected);
    expect(sameWeights(await model.getWeights(), await control.getWeights())).toBe(true);
  });

  it("dispose() during fit() takes effect after it, twice is harmless, and use after it is a clear error", async () => {
    const [model, control] = [await regression(), await regression()],
      set = handle();
    const training = model.fit(set, { epochs: 5, callbacks: { onEpochBegin: (epoch) => void (epoch === 1 && set.dispose()) } });
    expect((await training).epochs).toBe(5);
    await control.fit(X, Y, { epochs: 5 });
    expect(sameWeights(await model.getWeights(), await control.getWeights())).toBe(true);
    set.dispose();
    for (const [name, call] of [
      ["fit", () => model.fit(set)],
      ["evaluate", () => model.evaluate(set)],
      ["predict", () => model.predict(set)],
      ["gradientCheck", () => model.gradientCheck(set)],
      ["verify", () => model.verify(set)],
      ["fit(): validationData", () => model.fit(X, Y, { validationData: set })],
    ] as [string, () => Promise<unknown>][]) {
      const error: unknown = await call().catch((e: unknown) => e);
      expect(error, name).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(
        /^(fit|evaluate|predict|gradientCheck|verify)\(\):.* the data set was disposed\. Make a new one with dataset\(\)\.$/,
      );
    }
  });

  it("verify() and gradientCheck() take it", async () => {
    const model = await regression(),
      set = handle(X.subarray(0, 15), Y.subarray(0, 10));
    expect((await model.gradientCheck(set)).ok).toBe(true);
    if (backend !== "cpu") expect((await model.verify(set, { steps: 3, batchSize: 2 })).ok).toBe(true);
  });
});

describeGpu("on a device that counts", () => {
  const setUp = async (recipe: Partial<CompileOptions> = {}) => {
    const device = await ownDevice(),
      counts = counted(device);
    onTestFinished(() => device.destroy());
    return { device, counts, model: await compiledModel({ layers: LAYERS, seed: 1 }, { ...RECIPE, ...recipe, device }) };
  };
  const since = (before: Counts, after: Counts): Counts =>
    Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - before[name as keyof Counts]])) as Counts;
  const made = (counts: Counts): number => CREATING.reduce((sum, name) => sum + (name === "createCommandEncoder" ? 0 : counts[name]), 0);

  // The network of LAYERS is tiny and trains in one dispatch; more than 3,000 weights take several launches a step.
  const LARGE = [dense({ units: 600, activation: "tanh", inputShape: [3] }), dense({ units: 2 })];
  it.each([
    ["tiny", LAYERS],
    ["larger", LARGE],
  ])("a second fit() of a %s network creates nothing and uploads nothing but what changes", async (_, layers) => {
    const device = await ownDevice(),
      counts = counted(device),
      set = handle();
    onTestFinished(() => device.destroy());
    const model = await compiledModel({ layers, seed: 1 }, { ...RECIPE, device });
    const measure = async (call: () => Promise<unknown>) => {
      const before = { ...counts };
      await call();
      return since(before, counts);
    };
    for (const options of [{ steps: 30 }, { steps: 30, shuffle: false }, { epochs: 2 }, { epochs: 2, validationSplit: 0.25 }]) {
      const call = () => model.fit(set, { batchSize: 4, ...options });
      await call();
      const second = await measure(call);
      expect(made(second), JSON.stringify({ options, second })).toBe(0);
      expect(second.alive).toBe(0);
      expect(second.submit).toBeGreaterThan(0);
      // One table a submit, and an order a pass where it is shuffled: 3 passes for 30 steps of 4 rows.
      const orders = options.shuffle === false ? 0 : (options.epochs ?? 4);
      expect(second.writeBuffer).toBeLessThanOrEqual(second.submit + orders);
    }
    for (const call of [() => model.evaluate(set), () => model.predict(set)]) {
      await call();
      const second = await measure(call);
      expect(made(second)).toBe(0);
      expect(second.writeBuffer).toBe(second.submit);
    }
    // Control: arrays are uploaded and made ready anew.
    const arrays = () => model.fit(X, Y, { batchSize: 4, epochs: 2 });
    await arrays();
    const second = await measure(arrays);
    expect(second.createBuffer).toBeGreaterThan(0);
    expect(second.createBindGroup).toBeGreaterThan(0);
    expect(second.writtenBytes).toBeGreaterThan(X.byteLength + Y.byteLength);
  });

  it.each([
    ["floats", X, undefined],
    ["bytes, which stay bytes", BYTES, 1 / 255],
  ])("x and y go to the device exactly once: %s", async (_, x, scale) => {
    const { device, model } = await setUp(),
      set = handle(x, Y, scale);
    const write = device.queue.writeBuffer.bind(device.queue),
      written: Record<string, number[]> = { x: [], y: [], order: [] };
    Object.defineProperty(device.queue, "writeBuffer", {
      value: (...args: Parameters<GPUQueue["writeBuffer"]>) => {
        written[args[0].label]?.push(args[4] ?? 0);
        return write(...args);
      },
    });
    await Promise.all([model.evaluate(set), model.evaluate(set), model.predict(set)]);
    for (let i = 0; i < 3; i++) await model.fit(set, { epochs: 2, batchSize: 4 + i, validationSplit: 0.2 });
    await model.predict(set, { batchSize: 3 });
    expect([written.x, written.y]).toEqual([[x.byteLength], [Y.byteLength]]);
    // A shuffled order an epoch, and the rows' own once for each runner: 2 evaluate, 1 predict, 3 · (2 + 1 kept), 1 predict.
    expect(written.order.length).toBeLessThanOrEqual(13);
    // Control: arrays go there with each call.
    await model.fit(x, Y, { scale });
    expect([written.x.length, written.y.length]).toEqual([2, 2]);
  });

  it("dispose() of the handle frees what it has, and the model goes on; dispose() of the model frees all", async () => {
    const { counts, model } = await setUp(),
      [one, two] = [handle(), handle()];
    await model.getWeights();
    const bare = counts.alive;
    for (const set of [one, two]) await model.fit(set, { epochs: 2, validationSplit: 0.1 });
    const held = counts.alive;
    expect(held).toBeGreaterThan(bare);
    one.dispose();
    expect(counts.alive).toBeLessThan(held);
    await model.predict(two);
    two.dispose();
    expect(counts.alive).toBe(bare);
    const three = handle();
    await model.fit(three);
    model.dispose();
    expect(counts.alive).toBe(0);
    three.dispose();
    expect(counts.alive).toBe(0);
  });

  it("dispose() of the handle during fit() frees after it; of the model, too", async () => {
    const { counts, model } = await setUp(),
      set = handle(),
      bare = counts.alive;
    let during = 0;
    await model.fit(set, {
      epochs: 3,
      callbacks: {
        onEpochEnd: (epoch) => {
          if (epoch === 0) set.dispose();
          during = counts.alive;
        },
      },
    });
    expect(during).toBeGreaterThan(bare);
    expect(counts.alive).toBe(bare);
    const other = handle();
    await expect(model.fit(other, { epochs: 3, callbacks: { onEpochEnd: () => model.dispose() } })).rejects.toThrow(/disposed/);
    expect(counts.alive).toBe(0);
  });

  it("many batch sizes do not pile up memory", async () => {
    const { counts, model } = await setUp(),
      set = handle();
    const alive: number[] = [];
    for (let batchSize = 1; batchSize <= 14; batchSize++) {
      await model.predict(set, { batchSize });
      alive.push(counts.alive);
    }
    expect(alive[13]).toBe(alive[9]);
    expect(alive[1]).toBeGreaterThan(alive[0]);
  });

  it("compile() on another device frees it on the first and brings it to the second; a lost device is survived", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    onTestFinished(() => void vi.restoreAllMocks());
    const { device, counts, model } = await setUp(),
      set = handle(),
      second = await ownDevice(),
      counts2 = counted(second);
    onTestFinished(() => second.destroy());
    await model.fit(set);
    const answers = await model.predict(set);
    await model.compile({ ...RECIPE, device: second });
    expect(counts.alive).toBe(0);
    expect(await model.predict(set)).toEqual(answers);
    expect(counts2.alive).toBeGreaterThan(0);
    device.destroy();
    await model.getWeights();
    second.destroy();
    await second.lost;
    await expect(model.predict(set)).rejects.toThrow(/the GPU was lost/);
    await model.compile({ ...RECIPE, backend: "webgpu" });
    expect(await model.predict(set)).toEqual(answers);
    expect((await model.fit(set)).epochs).toBe(1);
  });

  it("a handle that is too much for the device fails with what to do, and can be used again", async () => {
    const { device, counts, model } = await setUp(),
      set = handle(),
      bare = counts.alive;
    // No host lacks memory on demand: the scope says what it would say then. Kernels, which have none for memory, are not meant.
    const push = device.pushErrorScope.bind(device),
      pop = device.popErrorScope.bind(device),
      filters: GPUErrorFilter[] = [];
    let scopes = 0;
    device.pushErrorScope = (filter) => {
      filters.push(filter);
      push(filter);
    };
    device.popErrorScope = async () => {
      const filter = filters.pop(),
        error = await pop();
      return filter === "out-of-memory" && scopes++ === 0 ? new GPUOutOfMemoryError("as if") : error;
    };
    await expect(model.fit(set)).rejects.toThrow(/data set: the GPU is out of memory \(as if\); \d+ bytes were asked for\. Use fewer rows/);
    expect(counts.alive).toBe(bare);
    expect((await model.fit(set)).epochs).toBe(1);
  });

  it("kernels are compiled while the data go to the device", async () => {
    const { device, model } = await setUp(),
      events: string[] = [];
    const createPipeline = device.createComputePipelineAsync.bind(device),
      createBuffer = device.createBuffer.bind(device);
    const watch = (name: "createComputePipelineAsync" | "createBuffer", value: unknown) =>
      Object.defineProperty(device, name, { configurable: true, value });
    watch("createComputePipelineAsync", (descriptor: GPUComputePipelineDescriptor) => {
      events.push("kernel");
      return createPipeline(descriptor);
    });
    watch("createBuffer", (descriptor: GPUBufferDescriptor) => {
      events.push(descriptor.label ?? "");
      return createBuffer(descriptor);
    });
    await model.fit(handle());
    expect(events.slice(0, events.indexOf("x") + 1)).toEqual([...events.filter((event) => event === "kernel"), "x"]);
    expect(events).toContain("kernel");
  });
});
