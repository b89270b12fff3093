// Models and GPU devices: whose device it is, several models at once, what is allocated and when, and that nothing of a
// refused call reaches the device. A device of the test's own counts the calls that are made on it.

import { describe, expect, it } from "vitest";
import { adam, dataset, dense, InputError, sequential, sgd, type CompileOptions, type Sequential } from "../../../src/index.ts";
import { BUFFER_USAGE } from "../../../src/gpu/constants.ts";
import { compiledModel, noise, sameWeights } from "../../support/models.ts";
import { copiesIn, counted, CREATING, ownDevice, type Counts } from "../counted-device.ts";

const ROWS = 40;
const X = noise(ROWS * 3, 91),
  Y = noise(ROWS * 2, 92);
const LAYERS = [dense({ units: 6, activation: "tanh", inputShape: [3] }), dense({ units: 2 })];
const RECIPE: CompileOptions = { optimizer: adam(0.01), loss: "meanSquaredError" };

/** Firefox looks every 100 ms. */
const isLost = (device: GPUDevice): Promise<boolean> =>
  Promise.race([device.lost.then(() => true), new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 300))]);

describe("in the steady state of fit()", () => {
  it("a step creates nothing but its share of a command buffer, and a submit writes one table", async () => {
    const device = await ownDevice(),
      counts = counted(device),
      afterEpoch: Counts[] = [];
    const model = await compiledModel({ layers: LAYERS }, { ...RECIPE, device });
    const began = performance.now(),
      { steps } = await model.fit(X, Y, {
        epochs: 20,
        batchSize: 4,
        shuffle: false,
        validationSplit: 0.2,
        callbacks: { onEpochEnd: () => void afterEpoch.push({ ...counts }) },
      });
    const [first, last] = [afterEpoch[0], afterEpoch[19]];
    for (const name of CREATING) {
      if (name !== "createCommandEncoder") expect(last[name], name).toBe(first[name]);
    }
    expect(last.alive).toBe(first.alive);
    // Without shuffling the order is written once, so all that is written in an epoch is one table a submit. Those that copy the
    // state from which training would go on, were the GPU lost, need none.
    const submits = last.submit - first.submit,
      writes = last.writeBuffer - first.writeBuffer;
    expect(submits - writes).toBeGreaterThanOrEqual(0);
    expect(submits - writes).toBeLessThanOrEqual(copiesIn(performance.now() - began));
    expect(last.createCommandEncoder - first.createCommandEncoder).toBe(submits);
    // 8 training steps and 1 of validation an epoch: several steps share a submit.
    expect(steps).toBe(160);
    expect(submits).toBeLessThan(19 * 9);
    // Control: the counter does count.
    expect(first.createBuffer).toBeGreaterThan(0);
    expect(first.createShaderModule).toBeGreaterThan(0);
    device.destroy();
  });

  it("a second fit() of the same shapes compiles nothing, and all its buffers are freed again", async () => {
    const device = await ownDevice(),
      counts = counted(device);
    const model = await compiledModel({ layers: LAYERS }, { ...RECIPE, device });
    const use = async () => {
      await model.fit(X, Y, { batchSize: 4 });
      await model.evaluate(X, Y);
      await model.predict(X);
      await model.getWeights();
      return { ...counts };
    };
    const [first, second] = [await use(), await use()];
    expect(second.createShaderModule).toBe(first.createShaderModule);
    expect(second.createComputePipelineAsync).toBe(first.createComputePipelineAsync);
    expect(second.alive).toBe(first.alive);
    expect(second.createBuffer).toBeGreaterThan(first.createBuffer);
    model.dispose();
    expect(counts.alive).toBe(0);
    device.destroy();
  });
});

describe("a device of the user's own", () => {
  it("is named, used, and neither destroyed nor left with an error by dispose()", async () => {
    const device = await ownDevice(),
      uncaptured: string[] = [];
    device.addEventListener("uncapturederror", (event) => uncaptured.push(event.error.message));
    const model = await compiledModel({ layers: LAYERS, seed: 1 }, { ...RECIPE, device });
    expect(model.backend).toBe("webgpu");
    await model.fit(X, Y);
    model.dispose();
    expect(await isLost(device)).toBe(false);
    // Still of use to another model, which trains as one on a device of the library's own.
    const [next, apart] = [
      await compiledModel({ layers: LAYERS, seed: 1 }, { ...RECIPE, device }),
      await compiledModel({ layers: LAYERS, seed: 1 }, { ...RECIPE, backend: "webgpu" }),
    ];
    for (const each of [next, apart]) await each.fit(X, Y, { epochs: 2 });
    expect(sameWeights(await next.getWeights(), await apart.getWeights())).toBe(true);
    expect(uncaptured).toEqual([]);
    device.destroy();
    expect(await isLost(device)).toBe(true);
  });

  it("keeps its buffers until a fit() under way has stopped, when the model is disposed", async () => {
    const device = await ownDevice(),
      counts = counted(device),
      uncaptured: string[] = [];
    device.addEventListener("uncapturederror", (event) => uncaptured.push(event.error.message));
    const model = await compiledModel({ layers: LAYERS }, { ...RECIPE, device });
    const training = model.fit(X, Y, {
      epochs: 10_000,
      batchSize: 4,
      callbacks: { onEpochEnd: (epoch) => void (epoch === 2 && model.dispose()) },
    });
    await expect(training).rejects.toThrow(InputError);
    await expect(training).rejects.toThrow(/disposed/);
    expect(counts.alive).toBe(0);
    expect(await isLost(device)).toBe(false);
    expect(uncaptured).toEqual([]);
    device.destroy();
  });

  it('cannot be had together with backend "cpu"', async () => {
    const device = await ownDevice(),
      model = sequential({ layers: LAYERS });
    await expect(model.compile({ ...RECIPE, backend: "cpu", device })).rejects.toThrow(InputError);
    await expect(model.compile({ ...RECIPE, backend: "cpu", device })).rejects.toThrow(/backend "cpu" takes no device\. Leave one/);
    device.destroy();
  });
});

describe("the device's owner", () => {
  /** All that the library offers on a device, to its end. */
  async function useAll(device: GPUDevice): Promise<void> {
    const model = await compiledModel({ layers: LAYERS }, { ...RECIPE, device }),
      data = dataset(X, Y);
    await model.fit(X, Y, { batchSize: 4, validationSplit: 0.2 });
    await model.fit(data, { steps: 3 });
    await model.evaluate(X, Y);
    await model.predict(data);
    await model.setWeights(await model.getWeights());
    expect((await model.verify(X, Y)).ok).toBe(true);
    await model.inspectStep(X, Y);
    // One that ends by an error, and one by dispose().
    await expect(
      model.fit(X, Y, {
        callbacks: {
          onEpochEnd() {
            throw new Error("stop");
          },
        },
      }),
    ).rejects.toThrow("stop");
    const training = model.fit(X, Y, { epochs: 1000, callbacks: { onEpochEnd: () => model.dispose() } });
    await expect(training).rejects.toThrow(/disposed/);
    data.dispose();
    model.dispose();
  }

  it("finds the error scopes as they were, with the owner's errors in them and no others", async () => {
    const device = await ownDevice(),
      calls = { push: 0, pop: 0 };
    const push = device.pushErrorScope.bind(device),
      pop = device.popErrorScope.bind(device);
    device.pushErrorScope = (filter) => {
      calls.push++;
      push(filter);
    };
    device.popErrorScope = () => {
      calls.pop++;
      return pop();
    };
    push("out-of-memory");
    push("validation");
    await useAll(device);
    // The owner's own: a usage that WebGPU forbids.
    device.createBuffer({ size: 4, usage: 0 });
    expect((await pop())?.message).toMatch(/usage/i);
    expect(await pop()).toBeNull();
    // Control: there is none left to pop.
    await expect(pop()).rejects.toThrow();
    expect(calls.push).toBeGreaterThan(0);
    expect(calls.pop).toBe(calls.push);
    device.destroy();
  });

  it("keeps the device and what else is on it, also where dispose() is called twice", async () => {
    const device = await ownDevice(),
      counts = counted(device),
      destroyed: string[] = [];
    const destroy = device.destroy.bind(device);
    device.destroy = () => {
      destroyed.push("device");
    };
    // The owner's, 16 bytes.
    device.createBuffer({ size: 16, usage: BUFFER_USAGE.copySource | BUFFER_USAGE.copyDestination });
    const model = await compiledModel({ layers: LAYERS }, { ...RECIPE, device });
    await model.fit(X, Y);
    const held = counts.alive;
    model.dispose();
    expect(held).toBeGreaterThan(1);
    expect([counts.alive, counts.aliveBytes]).toEqual([1, 16]);
    const before = { ...counts };
    model.dispose();
    expect(counts).toEqual(before);
    await expect(model.predict(X)).rejects.toThrow(/the model was disposed\. Make a new one/);
    await expect(model.fit(X, Y)).rejects.toThrow(InputError);
    expect(counts).toEqual(before);
    await useAll(device);
    expect([counts.alive, counts.aliveBytes]).toEqual([1, 16]);
    expect(destroyed).toEqual([]);
    destroy();
  });
});

describe("two models", () => {
  const train = (model: Sequential, epochs = 6) => model.fit(X, Y, { epochs, batchSize: 4 });

  it.each([
    ["each on its own device", false],
    ["on one device", true],
  ])("%s train side by side as they would alone", async (_, shared) => {
    const device = shared ? await ownDevice() : undefined;
    const declare = (seed: number) => compiledModel({ layers: LAYERS, seed }, { ...RECIPE, backend: "webgpu", device });
    const [one, two, alone1, alone2] = [await declare(1), await declare(2), await declare(1), await declare(2)];
    await Promise.all([train(one), train(two)]);
    await train(alone1);
    await train(alone2);
    expect(sameWeights(await one.getWeights(), await alone1.getWeights())).toBe(true);
    expect(sameWeights(await two.getWeights(), await alone2.getWeights())).toBe(true);
    expect(sameWeights(await one.getWeights(), await two.getWeights())).toBe(false);
  });

  it("on one device, fit() by fit(): the bits of training alone, whichever begins and whichever ends first", async () => {
    const device = await ownDevice(),
      counts = counted(device),
      uncaptured: string[] = [];
    device.addEventListener("uncapturederror", (event) => uncaptured.push(event.error.message));
    const declare = (seed: number) => compiledModel({ layers: LAYERS, seed }, { ...RECIPE, device });
    const alone = await Promise.all(
      [1, 2].map(async (seed) => {
        const model = await compiledModel({ layers: LAYERS, seed }, { ...RECIPE, backend: "webgpu" });
        for (let i = 0; i < 4; i++) await train(model, 2);
        return model.getWeights();
      }),
    );
    for (const [first, second] of [
      [0, 1],
      [1, 0],
    ]) {
      const models = [await declare(1), await declare(2)];
      for (let i = 0; i < 3; i++) {
        await train(models[first], 2);
        await train(models[second], 2);
      }
      await train(models[first], 2);
      expect(sameWeights(await models[first].getWeights(), alone[first])).toBe(true);
      const both = counts.alive;
      models[first].dispose();
      expect(counts.alive).toBeLessThan(both);
      // One's end is not the other's.
      await train(models[second], 2);
      expect(sameWeights(await models[second].getWeights(), alone[second])).toBe(true);
      expect(await models[second].predict(X)).toHaveLength(ROWS * 2);
      models[second].dispose();
      expect(counts.alive).toBe(0);
    }
    expect(uncaptured).toEqual([]);
    device.destroy();
  });

  it.each([0, 1])("on one device: number %i disposed while both train leaves the other's bits alone", async (ending) => {
    const device = await ownDevice(),
      models = [1, 2].map((seed) => ({ seed }));
    const [one, two, alone] = await Promise.all(
      [...models, models[1 - ending]].map(({ seed }) => compiledModel({ layers: LAYERS, seed }, { ...RECIPE, device })),
    );
    const [ended, kept] = ending === 0 ? [one, two] : [two, one];
    const stopped = ended.fit(X, Y, {
      epochs: 10_000,
      batchSize: 4,
      callbacks: { onEpochEnd: (epoch) => void (epoch === 3 && ended.dispose()) },
    });
    const [outcome] = await Promise.all([stopped.catch((error: unknown) => error), train(kept, 40)]);
    expect(outcome).toBeInstanceOf(InputError);
    await train(alone, 40);
    expect(sameWeights(await kept.getWeights(), await alone.getWeights())).toBe(true);
    device.destroy();
  });
});

it("a refused call makes no call on the device", async () => {
  const device = await ownDevice(),
    counts = counted(device);
  const model = await compiledModel({ layers: LAYERS }, { ...RECIPE, device });
  const before = { ...counts };
  const refused: (() => Promise<unknown>)[] = [
    () => model.fit(X.slice(1), Y),
    () => model.fit(X, Y.slice(1)),
    () =>
      model.fit(
        X.map(() => NaN),
        Y,
      ),
    () => model.fit(X, Y, { batchSize: 0 }),
    () => model.fit(X, Y, { validationSplit: 2 }),
    () => model.fit([], []),
    () => model.fit(X, Y, { validationData: [X, Y.slice(2)] }),
    () => model.fit(new Uint8Array(9), Y),
    () => model.evaluate(X, Y, { batchSize: 0.5 }),
    () => model.predict(X.slice(1)),
    () => model.setWeights([]),
    () => model.compile({ ...RECIPE, loss: "categoricalCrossentropy", device }),
    () => model.verify(X, Y, { steps: 0 }),
  ];
  for (const call of refused) await expect(call()).rejects.toThrow(InputError);
  expect(counts).toEqual(before);
  // Control: a call that is not refused does.
  await model.predict(X);
  expect(counts.submit).toBeGreaterThan(before.submit);
  device.destroy();
});

it("verify() holds on this host, and puts everything back", async () => {
  const model = await compiledModel(
    { layers: LAYERS, seed: 1 },
    { optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }), loss: "halfSquaredError", backend: "webgpu" },
  );
  const control = await compiledModel(
    { layers: LAYERS, seed: 1 },
    { optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }), loss: "halfSquaredError", backend: "webgpu" },
  );
  await model.fit(X, Y, { batchSize: 7 });
  await control.fit(X, Y, { batchSize: 7 });
  const report = await model.verify(X, Y, { steps: 3, batchSize: 7 });
  expect(report.ok, String(report)).toBe(true);
  expect(report.firstFailure).toBeNull();
  expect(report.tensors).toBeGreaterThan(3);
  expect(String(report)).toMatch(/^verify: \d+ tensors of 3 training steps .* all within their rounding bounds\./);
  for (const each of [model, control]) await each.fit(X, Y, { batchSize: 7 });
  expect(sameWeights(await model.getWeights(), await control.getWeights())).toBe(true);
});
