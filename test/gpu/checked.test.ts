// checked() and the limits of buffers, on a device that reports what a test wants: no real one fails on demand.

import { describe, expect, it } from "vitest";
import { GpuError, UnsupportedError } from "../../src/errors.ts";
import { checked, REMEDIES } from "../../src/gpu/device.ts";
import { createFrom, createStorage } from "../../src/gpu/memory.ts";

/** Scopes close in the order memory, validation. */
function deviceThatReports(memory: () => Promise<unknown>, validation: () => Promise<unknown>) {
  let depth = 0;
  const device = {
    limits: { maxStorageBufferBindingSize: 64, maxBufferSize: 128 },
    pushErrorScope: () => void depth++,
    popErrorScope: () => (--depth === 1 ? memory() : validation()),
  } as unknown as GPUDevice;
  return { device, depth: () => depth };
}
const nothing = () => Promise.resolve(null);
const report = (message: string) => () => Promise.resolve({ message });

describe("checked()", () => {
  it("gives what was made and disposes nothing where nothing is reported", async () => {
    const { device, depth } = deviceThatReports(nothing, nothing), disposed: number[] = [];
    expect(await checked(device, "plan", () => 7, (made) => void disposed.push(made))).toBe(7);
    expect(disposed).toEqual([]);
    expect(depth()).toBe(0);
  });

  it.each([
    ["lack of memory for a plan", "plan", report("full"), nothing, "plan: the GPU is out of memory (full). Use a smaller batchSize."],
    ["lack of memory for weights", "weights", report("full"), nothing, "weights: the GPU is out of memory (full). Use fewer units."],
    ["lack of memory for data", "data set", report("full"), nothing, `data set: the GPU is out of memory (full). ${REMEDIES["data set"]}`],
    ["a broken rule", "plan", nothing, report("bad"), "plan: bad"],
    ["a lost device", "plan", () => Promise.reject(new Error("gone")), nothing, "plan: the GPU was lost (gone). Compile the model again."],
  ])("%s is a GpuError, and what was made is disposed", async (_, what, memory, validation, message) => {
    const { device } = deviceThatReports(memory, validation), disposed: number[] = [];
    const error: unknown = await checked(device, what, () => 7, (made) => void disposed.push(made)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(GpuError);
    expect((error as Error).message).toBe(message);
    expect(disposed).toEqual([7]);
  });

  it("closes its scopes before it returns, also where creating throws, and then throws that", async () => {
    const { device, depth } = deviceThatReports(nothing, nothing), oops = new UnsupportedError("too large");
    const made = checked(device, "plan", () => {
      throw oops;
    });
    expect(depth()).toBe(0);
    await expect(made).rejects.toBe(oops);
  });
});

it.each<[string, (device: GPUDevice) => unknown, RegExp]>([
  ["an intermediate", (device) => createStorage(device, 68, "slot 0"), /^slot 0: 68 bytes are asked for but one buffer of this device holds 64\. Use a smaller batchSize\.$/],
  ["data", (device) => createFrom(device, new Float32Array(17), "x"), /^x: 68 bytes .* Use fewer rows, or give bytes/],
  ["weights", (device) => createFrom(device, new Float32Array(17), "w1", REMEDIES.weights), /^w1: 68 bytes .* Use fewer units\.$/],
])("%s larger than a buffer can be: the advice fits", (_, create, message) => {
  const { device } = deviceThatReports(nothing, nothing);
  expect(() => create(device)).toThrow(UnsupportedError);
  expect(() => create(device)).toThrow(message);
});
