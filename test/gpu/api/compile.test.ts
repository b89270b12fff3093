// compile() in its life: its error reaches whoever should see it, calls wait for it, a backend under a running call stays,
// what it made is freed when it fails, and a lost GPU is survived.

import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  dense,
  DeviceLostError,
  GpuError,
  InputError,
  OutOfMemoryError,
  sequential,
  sgd,
  type CompileOptions,
  type Sequential,
} from "../../../src/index.ts";
import { BACKENDS, compiledModel, describeGpu, noise, sameWeights } from "../../support/models.ts";

const ROWS = 40;
const X = noise(ROWS * 3, 61),
  Y = noise(ROWS * 2, 62);
const LAYERS = [dense({ units: 6, activation: "tanh", inputShape: [3] }), dense({ units: 2 })];
const RECIPE: CompileOptions = { optimizer: sgd(0.1), loss: "meanSquaredError" };
const MISFIT = { ...RECIPE, loss: "categoricalCrossentropy" } as const;

async function ownDevice(descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("no adapter");
  return adapter.requestDevice(descriptor);
}

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "no error",
    (error: unknown) => error,
  );

describe.each(BACKENDS)("on %s", (backend) => {
  const declare = () => {
    const model = sequential({ seed: 1, layers: LAYERS });
    onTestFinished(() => model.dispose());
    return model;
  };
  const compiled = async () => {
    const model = declare();
    await model.compile({ ...RECIPE, backend });
    return model;
  };

  it("a failed compile() is told with its cause by every call after it, until the next one", async () => {
    const model = declare(),
      cause = await failure(model.compile({ ...MISFIT, backend }));
    expect(cause).toBeInstanceOf(InputError);
    for (const call of [() => model.fit(X, Y), () => model.predict(X), () => model.evaluate(X, Y), () => model.gradientCheck(X, Y)]) {
      const error = await failure(call());
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(
        /not compiled as asked, because compile\(\) failed\. compile\(\): categoricalCrossentropy needs/,
      );
      expect((error as Error).cause).toBe(cause);
    }
    expect(() => model.plan).toThrow(/compile\(\) failed/);
    // Weights are none of its business.
    expect(await model.getWeights()).toHaveLength(4);
    await model.compile({ ...RECIPE, backend });
    expect((await model.fit(X, Y)).epochs).toBe(1);
  });

  it("fit() that waited for a compile() which failed does not train with what was compiled before", async () => {
    const model = await compiled(),
      before = await model.getWeights();
    const compiling = failure(model.compile({ ...MISFIT, backend })),
      fitting = failure(model.fit(X, Y));
    expect(((await fitting) as Error).cause).toBe(await compiling);
    expect(sameWeights(await model.getWeights(), before)).toBe(true);
    // Afterwards the model is what it was before.
    expect((await model.fit(X, Y)).epochs).toBe(1);
  });

  it("getWeights() and setWeights() wait for a compile() under way, and add() is refused", async () => {
    const model = declare(),
      given = (await model.getWeights()).map((w) => ({ ...w, data: w.data.map((v) => v + 1) }));
    const compiling = model.compile({ ...RECIPE, backend });
    expect(() => model.add(dense({ units: 1 }))).toThrow(InputError);
    const setting = model.setWeights(given),
      reading = model.getWeights();
    await Promise.all([compiling, setting]);
    expect(sameWeights(await reading, given)).toBe(true);
    expect(sameWeights(await model.getWeights(), given)).toBe(true);
  });

  it("the last of two compile() calls holds, and both promises resolve", async () => {
    const model = declare();
    await Promise.all([model.compile({ ...RECIPE, metrics: ["mse"], backend }), model.compile({ ...RECIPE, metrics: ["mae"], backend })]);
    expect(Object.keys(await model.evaluate(X, Y))).toEqual(["loss", "meanAbsoluteError"]);
  });

  it("compile() right after fit() is called is refused, and training goes on", async () => {
    const model = await compiled(),
      training = model.fit(X, Y, { epochs: 3 });
    await expect(model.compile({ ...RECIPE, backend })).rejects.toThrow(/model is training/);
    expect((await training).epochs).toBe(3);
  });

  it("leaves predict() and evaluate() under way to finish on the backend that they began on", async () => {
    const model = await compiled(),
      answers = await model.predict(X),
      { loss } = await model.evaluate(X, Y);
    const running = [model.predict(X, { batchSize: 1 }), model.evaluate(X, Y, { batchSize: 1 })] as const;
    await model.compile({ ...RECIPE, backend });
    const [predicted, evaluated] = await Promise.all(running);
    expect(predicted).toEqual(answers);
    expect(evaluated.loss).toBeCloseTo(loss, 5);
  });
});

it("an error of a compile() that nobody awaits stays unhandled, so that the host reports it", async () => {
  // A promise is marked as handled by then() and catch(): nobody within may call them on the one that the caller gets.
  const methods = Promise.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const looked = new Set<unknown>(),
    kept = { then: methods.then, catch: methods.catch };
  const restore = () => void Object.assign(methods, kept);
  onTestFinished(restore);
  for (const [name, method] of Object.entries(kept)) {
    methods[name] = function (this: unknown, ...args) {
      looked.add(this);
      return method.apply(this, args);
    };
  }
  const model = sequential({ layers: LAYERS }),
    compiling = model.compile({ ...MISFIT, backend: "cpu" });
  const fitting = model.fit(X, Y);
  const touched = looked.has(compiling);
  restore();
  expect(touched).toBe(false);
  await Promise.all([expect(compiling).rejects.toThrow(InputError), expect(fitting).rejects.toThrow(InputError)]);
});

describeGpu("on a device of the user's own", () => {
  const track = (device: GPUDevice): Set<GPUBuffer> => {
    const alive = new Set<GPUBuffer>(),
      create = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      const buffer = create(descriptor),
        destroy = buffer.destroy.bind(buffer);
      alive.add(buffer);
      buffer.destroy = () => {
        alive.delete(buffer);
        return destroy();
      };
      return buffer;
    };
    return alive;
  };

  it("the backend before is freed once the calls on it are over, and its buffers with it", async () => {
    const [first, second] = [await ownDevice(), await ownDevice()],
      alive = track(first);
    const model = await compiledModel({ layers: LAYERS }, { ...RECIPE, device: first });
    const predicting = model.predict(X, { batchSize: 1 });
    await model.compile({ ...RECIPE, device: second });
    await predicting;
    expect(alive.size).toBe(0);
    expect((await model.fit(X, Y)).epochs).toBe(1);
  });

  it("weights too large for it: compile() fails with what to do, frees all, and the model can be compiled elsewhere", async () => {
    // 2^20 · 40 · 4 bytes are more than the 128 MiB that a binding holds by default.
    const device = await ownDevice(),
      alive = track(device);
    const model = sequential({ layers: [dense({ units: 40, inputShape: [2 ** 20], kernelInitializer: "zeros" })] });
    onTestFinished(() => model.dispose());
    const error = await failure(model.compile({ ...RECIPE, device }));
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect((error as Error).message).toMatch(/^w1: 167772160 bytes are asked for .* Use fewer units\.$/);
    expect(alive.size).toBe(0);
    await model.compile({ ...RECIPE, backend: "cpu" });
    expect(model.backend).toBe("cpu");
  });

  it("lack of memory for weights is a GpuError, not an uncaptured one, and what was made is freed", async () => {
    const device = await ownDevice(),
      alive = track(device),
      uncaptured: string[] = [];
    device.addEventListener("uncapturederror", (event) => uncaptured.push(event.error.message));
    // No host lacks memory on demand: the scope says what it would say then.
    const pop = device.popErrorScope.bind(device);
    let scopes = 0;
    device.popErrorScope = async () => {
      const error = await pop();
      return scopes++ === 0 ? new GPUOutOfMemoryError("as if") : error;
    };
    const model = sequential({ layers: LAYERS });
    const error = await failure(model.compile({ ...RECIPE, device }));
    expect(error).toBeInstanceOf(GpuError);
    expect((error as Error).message).toBe("weights: the GPU is out of memory (as if); 328 bytes were asked for. Use fewer units.");
    expect(alive.size).toBe(0);
    expect(uncaptured).toEqual([]);
  });
});

describeGpu("a lost GPU", () => {
  const lose = async (device: GPUDevice) => {
    device.destroy();
    await device.lost;
  };
  const train = async (model: Sequential) => {
    await model.fit(X, Y, { epochs: 2 });
    return model.getWeights();
  };

  it("that was the user's own: every call that needs it says so and what to do", async () => {
    const device = await ownDevice(),
      model = await compiledModel({ layers: LAYERS }, { ...RECIPE, device });
    const weights = await train(model);
    await lose(device);
    for (const call of [
      () => model.setWeights(weights),
      () => model.fit(X, Y),
      () => model.predict(X),
      () => model.evaluate(X, Y),
      () => model.verify(X, Y),
    ]) {
      const error = await failure(call());
      expect(error).toBeInstanceOf(DeviceLostError);
      expect((error as Error).message).toMatch(/^\w+\(\): the GPU was lost: .* is gone\. Pass compile\(\) a function/);
    }
    expect(sameWeights(await model.getWeights(), weights)).toBe(true);
  });

  it.each([
    ["at once", false],
    ["after the loss is known", true],
  ])("compile() on a fresh device, %s, goes on from the last weights", async (_, wait) => {
    const device = await ownDevice(),
      model = await compiledModel({ seed: 1, layers: LAYERS }, { ...RECIPE, device });
    const trained = await train(model);
    device.destroy();
    if (wait) await device.lost;
    await model.compile({ ...RECIPE, device: await ownDevice() });
    expect(sameWeights(await model.getWeights(), trained)).toBe(true);
    expect((await model.fit(X, Y)).epochs).toBe(1);
  });

  it("or from those of setWeights(), or from the initial ones", async () => {
    const initial = await sequential({ seed: 1, layers: LAYERS }).getWeights();
    for (const given of [null, initial.map((weight) => ({ ...weight, data: weight.data.map((value) => value / 2) }))]) {
      const device = await ownDevice(),
        model = await compiledModel({ seed: 1, layers: LAYERS }, { ...RECIPE, device });
      if (given) await model.setWeights(given);
      await lose(device);
      await model.compile({ ...RECIPE, backend: "cpu" });
      expect(sameWeights(await model.getWeights(), given ?? initial)).toBe(true);
    }
  });

  it("under a running fit() ends it with a GpuError, and compile() makes the model whole again", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    onTestFinished(() => void vi.restoreAllMocks());
    const device = await ownDevice(),
      model = await compiledModel({ layers: LAYERS }, { ...RECIPE, device });
    const error = await failure(
      model.fit(X, Y, { epochs: 100_000, callbacks: { onEpochEnd: (epoch) => void (epoch === 3 && device.destroy()) } }),
    );
    expect(error).toBeInstanceOf(GpuError);
    await model.compile({ ...RECIPE, device: await ownDevice() });
    expect((await model.fit(X, Y)).epochs).toBe(1);
  });
});
