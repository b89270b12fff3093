// Where there is no WebGPU: "webgpu" says what to do, "auto" falls back to the CPU and says so. Node without the package
// `webgpu` is such a place; a navigator with or without `gpu` is put in its stead where a browser would have one.

import { afterEach, describe, expect, it, vi } from "vitest";
import { acquireDevice } from "../../src/gpu/device.ts";
import { withoutDevice } from "../../src/gpu/unsupported.ts";
import { DeltapropError, dense, sequential, UnsupportedError, type CompileOptions } from "../../src/index.ts";

const RECIPE: CompileOptions = { optimizer: "sgd", loss: "meanSquaredError" };
const declare = () => sequential({ layers: [dense({ units: 1, inputShape: [1] })] });

const HOSTS: [string, unknown, RegExp][] = [
  ["no navigator at all (Node 20)", undefined, /this host has no WebGPU \(navigator\.gpu is missing\)/],
  ["a navigator without gpu", {}, /navigator\.gpu is missing/],
  ["gpu without an adapter", { gpu: { requestAdapter: async () => null } }, /offers no adapter/],
  [
    "gpu that fails to look for one",
    { gpu: { requestAdapter: () => Promise.reject(new Error("blocked")) } },
    /gives no device \(blocked\)/,
  ],
  [
    "an adapter that refuses a device",
    {
      gpu: {
        requestAdapter: async () => ({
          limits: {},
          features: new Set(),
          requestDevice: () => Promise.reject(new Error("no more devices")),
        }),
      },
    },
    /gives no device \(no more devices\)/,
  ],
];

it("a page is told of browsers, not of packages", () => {
  expect(withoutDevice(undefined, undefined, false)).toMatch(/Chrome.*Firefox.*Or compile with backend: "wasm"\.$/);
  expect(withoutDevice(undefined, undefined, false)).not.toMatch(/npm/);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe.each(HOSTS)("%s", (_, navigator, reason) => {
  it('backend "webgpu" fails with what to do, and the model can still be compiled for the CPU', async () => {
    vi.stubGlobal("navigator", navigator);
    const model = declare(),
      weights = await model.getWeights();
    const error: unknown = await model.compile({ ...RECIPE, backend: "webgpu" }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toBeInstanceOf(DeltapropError);
    expect((error as Error).message).toMatch(reason);
    expect((error as Error).message).toMatch(/npm install webgpu, and import "deltaprop\/node" first\. Or compile with backend: "wasm"\.$/);
    await model.compile({ ...RECIPE, backend: "cpu" });
    expect(await model.getWeights()).toEqual(weights);
    expect((await model.fit([1, 2], [1, 2])).steps).toBe(1);
  });

  it.each([["auto"], [undefined]] as const)("backend %s trains on WebAssembly", async (backend) => {
    vi.stubGlobal("navigator", navigator);
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const model = declare();
    await model.compile({ ...RECIPE, backend });
    expect(model.backend).toBe("wasm");
    expect((await model.fit([1, 2], [1, 2])).steps).toBe(1);
    expect(warn).not.toHaveBeenCalled();
  });
});

it('backend "cpu" needs no WebGPU and says nothing', async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const model = declare();
  await model.compile({ ...RECIPE, backend: "cpu" });
  expect(model.backend).toBe("cpu");
  expect(warn).not.toHaveBeenCalled();
});

it("an adapter that refuses its own limits is asked once more, without them", async () => {
  const asked: unknown[] = [],
    device = { lost: new Promise(() => {}) };
  const adapter = {
    limits: { maxBufferSize: 5 },
    features: new Set(),
    info: { vendor: "test" },
    requestDevice: async (descriptor: GPUDeviceDescriptor) => {
      asked.push(descriptor.requiredLimits);
      if (descriptor.requiredLimits) throw new Error("too much");
      return device;
    },
  };
  vi.stubGlobal("navigator", { gpu: { requestAdapter: async () => adapter } });
  expect(await acquireDevice()).toEqual({ device, adapter: "test", owned: true });
  expect(asked).toEqual([expect.objectContaining({ maxBufferSize: 5 }), undefined]);
});
