// Formulas that few networks use are loaded for these networks, and for no other. The tables are this file's own: modules are
// loaded anew for every test file.

import { expect, it } from "vitest";
import { DERIVATIVE, VALUE } from "../../shaders/activations.wgsl.ts";
import { SUMS } from "../../shaders/losses.wgsl.ts";
import { KINDS } from "../../shaders/product.wgsl.ts";
import { UPDATES } from "../../shaders/update.wgsl.ts";
import { dense, dropout, sequential, sgd, type CompileOptions, type Layer } from "../../src/index.ts";
import { buildGraph } from "../../src/graph/build.ts";
import { ELEMENTWISE_ACTIVATIONS } from "../../src/model/activations.ts";
import { DRAWS } from "../../src/model/initializers.ts";
import { LOSSES, matchingActivation, toLoss } from "../../src/model/losses.ts";
import * as initializers from "../../src/model/namespaces/initializers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { OPTIMIZERS } from "../../src/model/optimizers.ts";
import type { Backend } from "../../src/train/backend/backend.ts";
import { NORM_WRITERS } from "../../src/schedule/clip-factors.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { DEFAULT_ADAPTER } from "../../src/schedule/tiles.ts";
import { loadBlocks, loadExtras, loadUncommon, UNCOMMON } from "../../src/train/compiled/extras.ts";

const load = (layers: Layer[], options: CompileOptions) => {
  const network = resolveNetwork(layers, 1);
  return loadUncommon(network, resolveRecipe(network, options));
};
const known = () => [VALUE, DERIVATIVE, SUMS, UPDATES, DRAWS, KINDS].flatMap((table) => Object.keys(table));

const README_LAYERS = [
  dense({ units: 128, activation: "relu", inputShape: [784] }), dropout({ rate: 0.3 }), dense({ units: 10, activation: "softmax" }),
];
const README_OPTIONS: CompileOptions = { optimizer: "adam", loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] };

// In this order: what was loaded stays.
it("the page of README.md loads nothing beside the library", async () => {
  const before = known();
  await load(README_LAYERS, README_OPTIONS);
  expect(known()).toEqual(before);
  const backend = { residentBytes: 32_768 } as Backend;
  const network = resolveNetwork(README_LAYERS, 1);
  expect(await loadExtras(network, backend)).toEqual({});
  await loadBlocks(network, 64, backend, false);
  expect(known()).toEqual(before);
});

it("what stages products comes with large ones on a GPU", async () => {
  const network = resolveNetwork(README_LAYERS, 1), gpu = { planAdapter: DEFAULT_ADAPTER } as Backend;
  const software = { planAdapter: { ...DEFAULT_ADAPTER, kind: "software" } } as Backend;
  const isThereAfter = async (...given: Parameters<typeof loadBlocks>) => {
    await loadBlocks(...given);
    const isThere = "workgroup" in KINDS;
    delete KINDS.workgroup;
    return isThere;
  };
  expect(await isThereAfter(network, 1024, gpu, false)).toBe(true);
  expect(await isThereAfter(network, 64, gpu, true)).toBe(true);
  expect(await isThereAfter(network, 64, gpu, false)).toBe(false);
  expect(await isThereAfter(network, 1024, software, true)).toBe(false);
});

it.each([1, 64, 512, 1024, 4096])("a plan for batches of %i stages none that it has not asked for", (batch) => {
  const network = resolveNetwork(README_LAYERS, 1), recipe = resolveRecipe(network, README_OPTIONS);
  const plan = () => new Plan(buildGraph(network, recipe, "train"), { batch });
  if (batch < 1024) expect(plan).not.toThrow();
  else expect(plan).toThrow(/workgroup was not loaded/);
});

it("every other name has its formula from the start", () => {
  const common = (names: readonly string[]) => names.filter((name) => !UNCOMMON.has(name)).sort();
  expect(Object.keys(VALUE).sort()).toEqual(common(ELEMENTWISE_ACTIVATIONS));
  expect(Object.keys(DERIVATIVE).sort()).toEqual(common(ELEMENTWISE_ACTIVATIONS));
  expect(Object.keys(UPDATES).sort()).toEqual(common(OPTIMIZERS));
  expect(Object.keys(DRAWS).sort()).toEqual(common(Object.keys(initializers)));
  expect(Object.keys(SUMS).sort()).toEqual(common(LOSSES.filter((name) => matchingActivation(toLoss(name)) !== "softmax")));
});

it("getWeights() before compile() finds the initializer", async () => {
  const model = sequential({ layers: [dense({ units: 2, inputShape: [3], kernelInitializer: "orthogonal" })] });
  const [{ data }] = await model.getWeights();
  expect(data.every((weight) => weight !== 0 && Math.abs(weight) <= 1)).toBe(true);
});

it.each([...UNCOMMON])("%s is there once a network has it", async (name) => {
  const has = (names: readonly string[]) => names.includes(name);
  await load([dense({
    units: 1, inputShape: [3], activation: has(ELEMENTWISE_ACTIVATIONS) ? name as "gelu" : "linear",
    kernelInitializer: has(Object.keys(initializers)) ? name as "orthogonal" : "zeros",
  })], { optimizer: has(OPTIMIZERS) ? name as "rmsprop" : "sgd", loss: has(LOSSES) ? name as "huber" : "meanSquaredError" });
  expect(known()).toContain(name);
});

it.each([{ clipNorm: 1 }, { globalClipNorm: 1 }])("norms are there once a recipe has %o", async (clipping) => {
  delete NORM_WRITERS.norms;
  await load(README_LAYERS, { ...README_OPTIONS, optimizer: sgd({ clipValue: 1 }) });
  expect(NORM_WRITERS).toEqual({});
  await load(README_LAYERS, { ...README_OPTIONS, optimizer: sgd(clipping) });
  expect(NORM_WRITERS).toHaveProperty("norms");
});
