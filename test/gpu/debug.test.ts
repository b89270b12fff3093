// compile({ debug }) on a GPU: plans, launches with their equations, and how long each launch takes.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { dense, sequential, type Sequential } from "../../src/index.ts";
import { acquireDevice } from "../../src/gpu/device.ts";

const X = Float32Array.from({ length: 8 * 96 }, (_, i) => Math.sin(i)),
  Y = Uint32Array.from({ length: 96 }, (_, i) => i % 3);
const NETWORKS = { "of several launches": 500, "that stays on the device": 4 } as const;

let lines: string[];
beforeEach(() => {
  lines = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => {
    lines.push(line);
  });
});
afterEach(() => vi.restoreAllMocks());

async function compiled(units: number, debug: 0 | 1 | 2 | 3, device?: GPUDevice): Promise<Sequential> {
  const model = sequential({
    seed: 1,
    layers: [dense({ units, activation: "relu", inputShape: [8] }), dense({ units: 3, activation: "softmax" })],
  });
  await model.compile({
    optimizer: "adam",
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
    backend: "webgpu",
    debug,
    device,
  });
  return model;
}

async function trained(units: number, debug: 0 | 1 | 2 | 3): Promise<number[]> {
  const model = await compiled(units, debug),
    history = await model.fit(X, Y, { epochs: 2, batchSize: 16 });
  const weights = (await model.getWeights()).flatMap(({ data }) => [...data]),
    { launches } = model.plan;
  model.dispose();
  return [...weights, ...history.history.loss, launches.length];
}

/** The lines of level 3 on training with that batch size: one for the call, and one for each second of it. */
const timings = (batch: number): { line: string; steps: number }[] =>
  lines.flatMap((line) => {
    const steps = new RegExp(`^deltaprop: train, batch ${batch}: (\\d+) steps? in `).exec(line)?.[1];
    return steps === undefined ? [] : [{ line, steps: Number(steps) }];
  });

/** What a line of level 3 says of its launches. */
const launchesIn = (line: string): { launch: number; millis: number; share: number }[] =>
  [...line.matchAll(/^ {2}launch (\d+) +([\d.e+-]+) ms +(\d+) %/gm)].map(([, launch, millis, share]) => ({
    launch: Number(launch),
    millis: Number(millis),
    share: Number(share),
  }));

describe.each(Object.entries(NETWORKS))("a network %s", (_, units) => {
  it("2 logs the plan with its launches, their tensors and equations, once", async () => {
    await trained(units, 2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^deltaprop: webgpu, .*\ntrain step, batch 16: /);
    expect(lines[0]).toMatch(/launch 1 of \d+: .*computes data, z, a/);
    expect(lines[0]).toMatch(/BP2 +delta1 = grad_a1 ⊙ slope_z1 +\(16, \d+\)/);
  });

  it("3 logs what each launch takes, by the clock of the device, and nothing that training leaves changes by a bit", async () => {
    const quiet = await trained(units, 0),
      loud = await trained(units, 3),
      launches = quiet.at(-1)!;
    expect(loud).toEqual(quiet);
    const context = await acquireDevice(),
      hasQueries = context.device.features.has("timestamp-query");
    context.device.destroy();
    const told = timings(16);
    expect(told.reduce((sum, { steps }) => sum + steps, 0)).toBe(12);
    for (const { line } of told) {
      const found = launchesIn(line);
      expect(found.map(({ launch }) => launch)).toEqual(hasQueries ? Array.from({ length: launches }, (_, i) => i + 1) : []);
      // Clocks of devices may be coarse, so no launch is known to take any time.
      for (const { millis } of found) expect(millis).toBeGreaterThanOrEqual(0);
    }
    expect(lines.some((line) => line.includes("no timestamp queries"))).toBe(!hasQueries);
  });
});

it("3 times submits where the device has no timestamp queries, and says so", async () => {
  const adapter = await navigator.gpu.requestAdapter(),
    device = await adapter!.requestDevice();
  const model = await compiled(500, 3, device);
  await model.fit(X, Y, { epochs: 1, batchSize: 16 });
  model.dispose();
  device.destroy();
  expect(lines.filter((line) => line.includes("no timestamp queries"))).toHaveLength(1);
  const told = timings(16);
  expect(told.reduce((sum, { steps }) => sum + steps, 0)).toBe(6);
  for (const { line } of told) expect(launchesIn(line)).toEqual([]);
});

it("launches of many steps add up to no more than the steps took", async () => {
  const model = await compiled(500, 3);
  await model.fit(X, Y, { epochs: 1, batchSize: 1 });
  model.dispose();
  expect(timings(1).reduce((sum, { steps }) => sum + steps, 0)).toBe(96);
  for (const { line } of timings(1)) {
    const step = Number(/([\d.e+-]+) ms a step/.exec(line)?.[1]),
      found = launchesIn(line);
    expect(step).toBeGreaterThan(0);
    // Chrome rounds each timestamp to 0.1 ms.
    expect(found.reduce((total, { millis }) => total + millis, 0)).toBeLessThan(step + 0.2 * found.length);
  }
});
