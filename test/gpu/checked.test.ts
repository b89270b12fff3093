// checked() and the limits of buffers, on a device that reports what a test wants: no real one fails on demand.

import { describe, expect, it } from "vitest";
import { GpuError, OutOfMemoryError, UnsupportedError } from "../../src/errors.ts";
import { checked, createBuffer, REMEDIES } from "../../src/gpu/device.ts";
import { createFrom, createStorage } from "../../src/gpu/memory.ts";

/** Scopes close in the order memory, validation. `destroyed` are the sizes of buffers in the order in which they went. */
function deviceThatReports(memory: () => Promise<unknown>, validation: () => Promise<unknown>) {
  let depth = 0;
  const destroyed: number[] = [];
  const device = {
    limits: { maxStorageBufferBindingSize: 64, maxBufferSize: 128 },
    pushErrorScope: () => void depth++,
    popErrorScope: () => (--depth === 1 ? memory() : validation()),
    createBuffer: ({ size }: GPUBufferDescriptor) => {
      if (size > 1000) throw new RangeError("no room");
      return { size, destroy: () => void destroyed.push(size) };
    },
  } as unknown as GPUDevice;
  return { device, destroyed, depth: () => depth };
}
const nothing = () => Promise.resolve(null);
const make =
  (device: GPUDevice, ...sizes: number[]) =>
  () =>
    sizes.map((size) => createBuffer(device, { label: `buffer ${size}`, size, usage: 0 }).size);
const report = (message: string) => () => Promise.resolve({ message });

describe("checked()", () => {
  it("gives what was made and destroys nothing where nothing is reported", async () => {
    const { device, depth, destroyed } = deviceThatReports(nothing, nothing);
    expect(await checked(device, "plan", make(device, 4, 8))).toEqual([4, 8]);
    expect(destroyed).toEqual([]);
    expect(depth()).toBe(0);
  });

  it.each([
    [
      "lack of memory for a plan",
      "plan",
      report("full"),
      nothing,
      "plan: the GPU is out of memory (full); 12 bytes were asked for. Use a smaller batchSize.",
    ],
    [
      "lack of memory for weights",
      "weights",
      report("full"),
      nothing,
      "weights: the GPU is out of memory (full); 12 bytes were asked for. Use fewer units.",
    ],
    [
      "lack of memory for data",
      "data set",
      report("full"),
      nothing,
      `data set: the GPU is out of memory (full); 12 bytes were asked for. ${REMEDIES["data set"]}`,
    ],
    ["a broken rule", "plan", nothing, report("bad"), "plan: bad"],
    ["a lost device", "plan", () => Promise.reject(new Error("gone")), nothing, "plan: the GPU was lost (gone). Compile the model again."],
  ])("%s is a GpuError, and what was made is destroyed", async (name, what, memory, validation, message) => {
    const { device, destroyed } = deviceThatReports(memory, validation);
    const error: unknown = await checked(device, what, make(device, 4, 8)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(GpuError);
    expect(error instanceof OutOfMemoryError).toBe(name.startsWith("lack of memory"));
    expect((error as Error).message).toBe(message);
    expect(destroyed).toEqual([4, 8]);
  });

  it("a device that throws for lack of memory: what was made before is destroyed", async () => {
    const { device, destroyed, depth } = deviceThatReports(nothing, nothing);
    const error: unknown = await checked(device, "plan", make(device, 4, 8, 1001, 16)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error).toMatchObject({ bytesAsked: 1013, limit: null, batchSize: null });
    expect((error as Error).message).toMatch(/^buffer 1001: the GPU is out of memory \(no room\); 1013 bytes were asked for\./);
    expect(destroyed).toEqual([4, 8]);
    expect(depth()).toBe(0);
  });

  it("buffers of another time are left alone", async () => {
    const { device, destroyed } = deviceThatReports(report("full"), nothing);
    make(device, 32)();
    await expect(checked(device, "plan", make(device, 4))).rejects.toMatchObject({ bytesAsked: 4 });
    make(device, 64)();
    expect(destroyed).toEqual([4]);
  });

  it("closes its scopes before it returns, also where creating throws, and then throws that", async () => {
    const { device, depth } = deviceThatReports(nothing, nothing),
      oops = new UnsupportedError("too large");
    const made = checked(device, "plan", () => {
      throw oops;
    });
    expect(depth()).toBe(0);
    await expect(made).rejects.toBe(oops);
  });
});

it.each<[string, (device: GPUDevice) => unknown, RegExp]>([
  [
    "an intermediate",
    (device) => createStorage(device, 68, "slot 0"),
    /^slot 0: 68 bytes are asked for but one buffer of this device holds 64\. Use a smaller batchSize\.$/,
  ],
  ["data", (device) => createFrom(device, new Float32Array(17), "x"), /^x: 68 bytes .* Use fewer rows, or give bytes/],
  ["weights", (device) => createFrom(device, new Float32Array(17), "w1", REMEDIES.weights), /^w1: 68 bytes .* Use fewer units\.$/],
])("%s larger than a buffer can be: the advice fits", (_, create, message) => {
  const { device } = deviceThatReports(nothing, nothing);
  expect(() => create(device)).toThrow(OutOfMemoryError);
  expect(() => create(device)).toThrow(message);
});
