// backend "wasm" by the public door: it agrees with the float64 reference, its bits do not depend on the number of threads or on how
// steps are cut into calls, a thread that dies is survived, and what it cannot do it says.

import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import {
  adam,
  dense,
  dropout,
  InputError,
  OutOfMemoryError,
  sequential,
  simpleRNN,
  UnsupportedError,
  type CompileOptions,
  type Sequential,
} from "../../src/index.ts";
import { compiledModel, noise, numbersOf, sameWeights } from "../support/models.ts";
import { worstError } from "../support/compare.ts";

const LAYERS = [
  dense({ units: 96, activation: "relu", inputShape: [150] }),
  dropout({ rate: 0.2 }),
  dense({ units: 4, activation: "softmax" }),
];
const RECIPE = { optimizer: adam({ learningRate: 1e-3 }), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] } as const;
const ROWS = 210,
  X = noise(ROWS * 150, 1),
  Y = Uint32Array.from({ length: ROWS }, (_, i) => (X[i * 150] > 0 ? 1 : 0) + (X[i * 150 + 1] > 0 ? 2 : 0));

const open = (options: Partial<CompileOptions> = {}): Promise<Sequential> =>
  compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, backend: "wasm", ...options });

afterEach(() => {
  vi.restoreAllMocks();
});

it("trains, evaluates and predicts as the reference does", async () => {
  const [wasm, cpu] = [await open(), await open({ backend: "cpu" })];
  const options = { epochs: 2, batchSize: 32, validationSplit: 0.2 };
  const [a, b] = [await wasm.fit(X, Y, options), await cpu.fit(X, Y, options)];
  for (const name of ["loss", "val_loss", "accuracy"]) expect(worstError(a.history[name], b.history[name])).toBeLessThan(1e-5);
  expect(worstError(await wasm.predict(X), await cpu.predict(X))).toBeLessThan(1e-4);
  expect(wasm.backend).toBe("wasm");
  expect(wasm.adapter).toMatch(/^CPU \(WebAssembly, (relaxed )?SIMD\)$/);
  expect(wasm.plan.toString()).toMatch(/stages, any number of steps in one call/);
  expect((await wasm.verify(X, Y, { steps: 2 })).ok).toBe(true);
});

it.each([2, 4])("%d threads leave the bits of one", async (threads) => {
  const models = [await open({ threads: 1 }), await open({ threads })];
  // Long enough that threads are tried.
  for (const model of models) await model.fit(X, Y, { epochs: 30, batchSize: 105 });
  expect(sameWeights(await models[0].getWeights(), await models[1].getWeights())).toBe(true);
});

it("stops at a step boundary, and goes on to the bits of a run that was not stopped", async () => {
  const whole = await open(),
    stopped = await open();
  await whole.fit(X, Y, { epochs: 2, batchSize: 32, shuffle: false });
  const abort = new AbortController();
  await stopped.fit(X, Y, {
    epochs: 1,
    batchSize: 32,
    shuffle: false,
    signal: abort.signal,
    callbacks: { onEpochEnd: () => abort.abort() },
  });
  await stopped.fit(X, Y, { epochs: 1, batchSize: 32, shuffle: false });
  expect(sameWeights(await whole.getWeights(), await stopped.getWeights())).toBe(true);
});

describe("a thread that dies", () => {
  it("is replaced, and training ends with the bits of one that was not disturbed", async () => {
    const layers = [
      dense({ units: 256, activation: "tanh", inputShape: [150] }),
      dense({ units: 256, activation: "tanh" }),
      dense({ units: 4, activation: "softmax" }),
    ];
    const [calm, disturbed] = [1, 2].map(() => compiledModel({ layers, seed: 3 }, { ...RECIPE, backend: "wasm", threads: 2 }));
    await (await calm).fit(X, Y, { epochs: 40, batchSize: 105 });
    const lost: string[] = [],
      send = vi.spyOn(Worker.prototype, "postMessage");
    let killed = false;
    const kill = (epoch: number): void => {
      const threads = send.mock.contexts as Worker[];
      if (killed || epoch < 20 || threads.length === 0) return;
      killed = true;
      void threads[threads.length - 1].terminate();
    };
    vi.spyOn(console, "warn").mockImplementation(() => {});
    await (
      await disturbed
    ).fit(X, Y, {
      epochs: 40,
      batchSize: 105,
      callbacks: {
        onEpochEnd: kill,
        onDeviceLost: ({ message }) => {
          lost.push(message);
        },
      },
    });
    expect(killed).toBe(true);
    expect(lost.join()).toMatch(/a thread of the WebAssembly engine has ended/);
    expect(sameWeights(await (await calm).getWeights(), await (await disturbed).getWeights())).toBe(true);
  });
});

it("carried states, padding and whole numbers go through the public door", async () => {
  const layers = [
    simpleRNN({ units: 7, inputShape: [5], inputVocabulary: 6, returnSequences: true, stateful: true }),
    dense({ units: 6, activation: "softmax" }),
  ];
  const x = Uint32Array.from({ length: 40 }, (_, i) => (i * 5) % 6),
    y = Uint32Array.from({ length: 40 }, (_, i) => (i * 5 + 5) % 6);
  const models = await Promise.all(
    (["wasm", "cpu"] as const).map((backend) =>
      compiledModel({ layers, seed: 1 }, { backend, optimizer: "adam", loss: "sparseCategoricalCrossentropy" }),
    ),
  );
  for (const model of models) await model.fit(x, y, { epochs: 3, batchSize: 4, shuffle: false });
  const [a, b] = [await models[0].predict(x, { batchSize: 4 }), await models[1].predict(x, { batchSize: 4 })];
  expect(worstError(a, b)).toBeLessThan(1e-5);
  const [p, q] = [(await numbersOf(models[0])).flat(), (await numbersOf(models[1])).flat()];
  expect(worstError(p, q)).toBeLessThan(1e-4);
});

describe("refuses, with what to do", () => {
  const model = (): Sequential => {
    const made = sequential({ layers: LAYERS });
    onTestFinished(() => made.dispose());
    return made;
  };

  it.each([
    [{ precision: "f16" }, InputError, /computes in float32 and takes no precision "f16"/],
    [{ device: {} as GPUDevice }, InputError, /takes no device/],
    [{ threads: 0 }, InputError, /threads must be a whole number from 1 to 8; got 0/],
    [{ threads: 1.5 }, InputError, /threads must be a whole number from 1 to 8; got 1.5/],
    [{ threads: "2" as unknown as number }, InputError, /threads must be a whole number/],
  ] as const)("%o", async (options, kind, message) => {
    const error: unknown = await model()
      .compile({ ...RECIPE, backend: "wasm", ...options })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(message);
  });

  it("a page whose policy forbids to compile", async () => {
    vi.spyOn(WebAssembly, "compile").mockRejectedValue(new WebAssembly.CompileError("blocked by CSP"));
    await expect(model().compile({ ...RECIPE, backend: "wasm" })).rejects.toThrow(UnsupportedError);
    await expect(model().compile({ ...RECIPE, backend: "wasm" })).rejects.toThrow(/'wasm-unsafe-eval'/);
    // "auto" goes on with the reference.
    const warned = vi.spyOn(console, "warn").mockImplementation(() => {}),
      other = model();
    await other.compile({ ...RECIPE });
    expect(other.backend).toBe("cpu");
    expect(warned.mock.calls.join()).toMatch(/no GPU and no WebAssembly/);
  });

  it("more memory than there is", async () => {
    const other = model();
    await other.compile({ ...RECIPE, backend: "wasm" });
    vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(() => {
      throw new RangeError("no more");
    });
    const error: unknown = await other.fit(X, Y).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(OutOfMemoryError);
    vi.restoreAllMocks();
    await other.fit(X, Y, { epochs: 1 });
  });
});

it('"auto" trains on WebAssembly where there is no GPU, and says nothing', async () => {
  const warned = vi.spyOn(console, "warn"),
    model = await compiledModel({ layers: LAYERS }, { ...RECIPE });
  expect(model.backend).toBe("wasm");
  expect(warned).not.toHaveBeenCalled();
});
