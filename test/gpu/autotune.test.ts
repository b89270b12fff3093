// Choosing by measuring: through the API with a device of the test, whose compiled shaders are counted; and by itself with a
// store and a judge of the test, so that who wins is known beforehand.

import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { isWorthTuning, tune } from "../../src/gpu/autotune.ts";
import { acquireDevice, planAdapter, type GpuContext } from "../../src/gpu/device.ts";
import { buildGraph } from "../../src/graph/build.ts";
import { adam, dense, sequential, type CompileOptions } from "../../src/index.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { candidatesFor, shapeName } from "../../src/schedule/candidates.ts";
import type { Choices } from "../../src/schedule/tuning.ts";
import { noise, sameWeights } from "../support/models.ts";
import { FORMULAS } from "../support/formulas.ts";

let context: GpuContext;
const complaints: string[] = [];
let cacheBefore: string | undefined;

beforeAll(async () => {
  context = await acquireDevice();
  context.device.addEventListener("uncapturederror", ({ error }) => complaints.push(error.message));
  if (typeof process === "undefined" || !process.getBuiltinModule) return;
  cacheBefore = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = process
    .getBuiltinModule("node:fs")
    .mkdtempSync(`${process.getBuiltinModule("node:os").tmpdir()}/deltaprop-`);
});

afterAll(async () => {
  await context.device.queue.onSubmittedWorkDone();
  expect(complaints).toEqual([]);
  context.device.destroy();
  if (typeof process === "undefined" || !process.getBuiltinModule) return;
  process.getBuiltinModule("node:fs").rmSync(process.env.XDG_CACHE_HOME!, { recursive: true });
  if (cacheBefore === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cacheBefore;
});

const LAYERS = [dense({ units: 96, activation: "tanh", inputShape: [200] }), dense({ units: 5, activation: "softmax" })];

function planWith(choices: Choices): Plan {
  const network = resolveNetwork(LAYERS, 1),
    recipe = resolveRecipe(network, { optimizer: adam(), loss: "categoricalCrossentropy" });
  return new Plan(buildGraph(network, recipe, "train"), { formulas: FORMULAS, batch: 32, choices, adapter: planAdapter(context) });
}

function memoryStore(entries = new Map<string, unknown>()) {
  return {
    entries,
    read: (key: string) => Promise.resolve(entries.get(key)),
    write: (key: string, value: string) => {
      entries.set(key, value);
      return Promise.resolve();
    },
  };
}

/** Compiled by the work: one a candidate where something is measured. */
async function shadersOf<T>(work: () => Promise<T>): Promise<{ made: T; shaders: number }> {
  const spy = vi.spyOn(context.device, "createShaderModule");
  try {
    return { made: await work(), shaders: spy.mock.calls.length };
  } finally {
    spy.mockRestore();
  }
}

describe("tune", () => {
  it("measures each product once, takes a candidate for it and remembers that", async () => {
    const store = memoryStore();
    const plan = planWith(new Map()),
      products = plan.products.filter(({ site, launch }) => isWorthTuning(site, plan.launches[launch]));
    expect(products).toHaveLength(2);
    const first = await shadersOf(() => tune(context, planWith, new Map(), { store }));
    expect([...first.made.keys()].sort()).toEqual(products.map(({ site }) => site.key).sort());
    for (const { site } of products) expect(candidatesFor(site)).toContainEqual(first.made.get(site.key));
    expect(first.shaders).toBe(products.reduce((sum, { site }) => sum + candidatesFor(site).length, 0));
    expect(store.entries.size).toBe(products.length);
    const again = await shadersOf(() => tune(context, planWith, new Map(), { store }));
    expect(again.shaders).toBe(0);
    expect(planWith(again.made).launches.map(({ source }) => source)).toEqual(planWith(first.made).launches.map(({ source }) => source));
    // What is known already is not even looked up.
    expect((await shadersOf(() => tune(context, planWith, first.made, { store: memoryStore() }))).shaders).toBe(0);
  });

  it("control: another candidate wins where it is said to be fast", async () => {
    const { site, launch } = planWith(new Map()).products[0],
      all = candidatesFor(site),
      winner = all[all.length - 1];
    expect(winner).not.toEqual(candidatesFor(site)[0]);
    const fast = planWith(new Map([[site.key, winner]])).launches[launch].source;
    const choices = await tune(context, planWith, new Map(), {
      store: memoryStore(),
      judge: ({ source }) => (source === fast ? 10 : 100),
    });
    expect(choices.get(site.key)).toEqual(winner);
  });

  it("takes from the store what is a candidate's name, and measures where anything else lies there", async () => {
    const store = memoryStore();
    await tune(context, planWith, new Map(), { store, judge: () => 100 });
    const [key] = store.entries.keys(),
      { site } = planWith(new Map()).products[0],
      other = candidatesFor(site)[1];
    store.entries.set(key, shapeName(other));
    expect((await tune(context, planWith, new Map(), { store })).get(site.key)).toEqual(other);
    for (const hostile of ["direct 16×8 lanes 4096×1×1 unroll 1 depth 0", { ...other, lanesX: 1e9 }, other, 7, null]) {
      store.entries.set(key, hostile);
      const { made, shaders } = await shadersOf(() => tune(context, planWith, new Map(), { store, judge: () => 100 }));
      expect(shaders).toBe(candidatesFor(site).length);
      expect(made.get(site.key)).toEqual(candidatesFor(site)[0]);
      expect(store.entries.get(key)).toBe(shapeName(candidatesFor(site)[0]));
    }
  });
});

describe("compile({ autotune: true })", () => {
  const rows = 64,
    x = noise(rows * 200, 5),
    y = Float32Array.from({ length: rows * 5 }, (_, i) => (i % 5 === Math.floor(i / 5) % 5 ? 1 : 0));
  const train = async (options: Partial<CompileOptions>) => {
    const model = sequential({ seed: 3, layers: LAYERS });
    onTestFinished(() => model.dispose());
    await model.compile({ optimizer: adam(), loss: "categoricalCrossentropy", device: context.device, backend: "webgpu", ...options });
    const { history } = await model.fit(x, y, { batchSize: 32, epochs: 2 });
    return { model, loss: history.loss, weights: await model.getWeights() };
  };

  it("trains right, does not measure again, and repeats bit for bit", async () => {
    const plain = await shadersOf(() => train({}));
    const first = await shadersOf(() => train({ autotune: true })),
      second = await shadersOf(() => train({ autotune: true }));
    expect(first.shaders).toBeGreaterThan(plain.shaders + 2);
    expect(second.shaders).toBe(plain.shaders);
    expect(second.made.loss).toEqual(first.made.loss);
    expect(sameWeights(second.made.weights, first.made.weights)).toBe(true);
    first.made.loss.forEach((loss, epoch) => expect(loss).toBeCloseTo(plain.made.loss[epoch], 4));
    const report = await first.made.model.verify(x, y, { batchSize: 32 });
    expect(report.ok).toBe(true);
  });

  it("measures where gradients are clipped by a norm", async () => {
    const warn = vi.spyOn(console, "warn");
    onTestFinished(() => warn.mockRestore());
    const options = { optimizer: adam({ clipNorm: 1 }) };
    const plain = await shadersOf(() => train(options)),
      tuned = await shadersOf(() => train({ ...options, autotune: true }));
    expect(tuned.shaders).toBeGreaterThan(plain.shaders + 2);
    expect(warn).not.toHaveBeenCalled();
  });

  it("is ignored by the CPU, and must be true or false", async () => {
    const { loss } = await train({ backend: "cpu", device: undefined, autotune: true });
    expect(loss).toHaveLength(2);
    await expect(train({ autotune: "yes" as never })).rejects.toThrow("compile(): autotune must be true or false");
  });
});
