// Formulas that few networks use are loaded for these networks, and for no other.

import { expect, it } from "vitest";
import { dense, dropout, l1, l2, sequential, sgd, simpleRNN, type CompileOptions, type Layer } from "../../src/index.ts";
import { buildGraph } from "../../src/graph/build.ts";
import { cutGraph } from "../../src/graph/chunks.ts";
import { ELEMENTWISE_ACTIVATIONS } from "../../src/model/activations.ts";
import { COMMON_DRAWS } from "../../src/model/initializers.ts";
import { LOSSES, matchingActivation, toLoss } from "../../src/model/losses.ts";
import * as initializers from "../../src/model/namespaces/initializers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { OPTIMIZERS } from "../../src/model/optimizers.ts";
import { ALL_DRAWS } from "../../src/model/uncommon-initializers.ts";
import type { Backend } from "../../src/train/backend/backend.ts";
import { COMMON_FORMULAS } from "../../src/schedule/formulas.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { DEFAULT_ADAPTER } from "../../src/schedule/tiles.ts";
import { ALL_FORMULAS } from "../../src/schedule/uncommon.ts";
import { formulasOfSums, loadExtras, loadKnown, planExtras, type Extras } from "../../src/train/compiled/extras.ts";

const load = (layers: Layer[], options: CompileOptions) => {
  const network = resolveNetwork(layers, 1);
  return loadKnown(network, resolveRecipe(network, options));
};

const README_LAYERS = [
  dense({ units: 128, activation: "relu", inputShape: [784] }),
  dropout({ rate: 0.3 }),
  dense({ units: 10, activation: "softmax" }),
];
const README_OPTIONS: CompileOptions = { optimizer: "adam", loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] };

it("the page of README.md loads nothing beside the library", async () => {
  expect(await load(README_LAYERS, README_OPTIONS)).toEqual({ formulas: COMMON_FORMULAS, draws: COMMON_DRAWS });
  const backend = { persistentBytes: 32_768 } as Backend,
    network = resolveNetwork(README_LAYERS, 1);
  expect(await loadExtras(network, backend, { formulas: COMMON_FORMULAS })).toEqual({ formulas: COMMON_FORMULAS });
  expect(await formulasOfSums(network, undefined, 64, backend, false)).toEqual({});
});

it("what stages products comes with large ones on a GPU", async () => {
  const network = resolveNetwork(README_LAYERS, 1),
    gpu = { planAdapter: DEFAULT_ADAPTER } as Backend;
  const software = { planAdapter: { ...DEFAULT_ADAPTER, kind: "software" } } as Backend;
  const isThere = async (...given: Parameters<typeof formulasOfSums>) => typeof (await formulasOfSums(...given)).staged === "function";
  expect(await isThere(network, undefined, 1024, gpu, false)).toBe(true);
  expect(await isThere(network, undefined, 64, gpu, true)).toBe(true);
  expect(await isThere(network, undefined, 64, gpu, false)).toBe(false);
  expect(await isThere(network, undefined, 1024, software, true)).toBe(false);
});

it("what sums in blocks comes with very many rows, and with penalties and norms of large kernels", async () => {
  const software = { planAdapter: { ...DEFAULT_ADAPTER, kind: "software" } } as Backend,
    network = resolveNetwork(README_LAYERS, 1);
  const penalized = resolveNetwork([dense({ units: 128, inputShape: [784], kernelRegularizer: l2(0.1) })], 1);
  const small = resolveNetwork([dense({ units: 2, inputShape: [784], kernelRegularizer: l2(0.1) })], 1);
  const clipped = (optimizer: object) => resolveRecipe(network, { ...README_OPTIONS, optimizer });
  const isThere = async (of: typeof network, recipe: Parameters<typeof formulasOfSums>[1], batch: number) =>
    typeof (await formulasOfSums(of, recipe, batch, software, true)).blocks === "function";
  expect([await isThere(network, undefined, 4096), await isThere(network, undefined, 4097)]).toEqual([false, true]);
  expect([await isThere(small, undefined, 64), await isThere(penalized, undefined, 64)]).toEqual([false, true]);
  expect(await isThere(network, clipped(sgd({ clipValue: 1 })), 64)).toBe(false);
  expect([
    await isThere(network, clipped(sgd({ clipNorm: 1 })), 64),
    await isThere(network, clipped(sgd({ globalClipNorm: 1 })), 64),
  ]).toEqual([true, true]);
});

it.each([1, 64, 512, 1024, 4096])("a plan for batches of %i stages none that it was not given", (batch) => {
  const network = resolveNetwork(README_LAYERS, 1),
    recipe = resolveRecipe(network, README_OPTIONS);
  const plan = () => new Plan(buildGraph(network, recipe, "train"), { batch });
  if (batch < 1024) expect(plan).not.toThrow();
  else expect(plan).toThrow(/workgroup was not loaded/);
});

const SUMMED = LOSSES.filter((name) => matchingActivation(toLoss(name)) !== "softmax");

it("every name has its formula in the tables of all", () => {
  const names = (table: object) => Object.keys(table).sort(),
    sorted = (list: readonly string[]) => [...list].sort();
  expect(names(ALL_FORMULAS.values)).toEqual(sorted(ELEMENTWISE_ACTIVATIONS));
  expect(names(ALL_FORMULAS.derivatives)).toEqual(sorted(ELEMENTWISE_ACTIVATIONS));
  expect(names(ALL_FORMULAS.updates)).toEqual(sorted(OPTIMIZERS));
  expect(names(ALL_DRAWS)).toEqual(sorted(Object.keys(initializers)));
  expect(names(ALL_FORMULAS.losses)).toEqual(sorted(SUMMED));
});

it("getWeights() before compile() finds the initializer", async () => {
  const model = sequential({ layers: [dense({ units: 2, inputShape: [3], kernelInitializer: "orthogonal" })] });
  const [{ data }] = await model.getWeights();
  expect(data.every((weight) => weight !== 0 && Math.abs(weight) <= 1)).toBe(true);
});

it.each([...ELEMENTWISE_ACTIVATIONS, ...Object.keys(initializers), ...OPTIMIZERS, ...SUMMED])(
  "%s is there once a network has it",
  async (name) => {
    const has = (names: readonly string[]) => names.includes(name);
    const {
      formulas: { values, derivatives, losses, updates },
      draws,
    } = await load(
      [
        dense({
          units: 1,
          inputShape: [3],
          activation: name === "binaryCrossentropy" ? "sigmoid" : has(ELEMENTWISE_ACTIVATIONS) ? (name as "gelu") : "linear",
          kernelInitializer: has(Object.keys(initializers)) ? (name as "orthogonal") : "zeros",
        }),
      ],
      { optimizer: has(OPTIMIZERS) ? (name as "rmsprop") : "sgd", loss: has(SUMMED) ? (name as "huber") : "meanSquaredError" },
    );
    const tables = has(ELEMENTWISE_ACTIVATIONS) ? [values, derivatives] : has(OPTIMIZERS) ? [updates] : has(SUMMED) ? [losses] : [draws];
    for (const table of tables) expect(table).toHaveProperty(name);
  },
);

it.each([{ clipNorm: 1 }, { globalClipNorm: 1 }, { clipValue: 1 }])(
  "clipping is there once a recipe has %o, and is not without",
  async (clipping) => {
    expect((await load(README_LAYERS, { ...README_OPTIONS, optimizer: sgd() })).formulas).not.toHaveProperty("clip");
    const { formulas } = await load(README_LAYERS, { ...README_OPTIONS, optimizer: sgd(clipping) });
    expect(formulas.clip).toHaveProperty("clipValueFunction");
    expect(formulas.norms).toBeDefined();
  },
);

it.each(["kernelRegularizer", "biasRegularizer"])("penalties are there once a layer has a %s, and are not without", async (regularizer) => {
  const loaded = (options: object) =>
    load([dense({ units: 1, inputShape: [3], ...options })], { optimizer: "sgd", loss: "meanSquaredError" });
  expect((await loaded({})).formulas).not.toHaveProperty("penalty");
  expect((await loaded({ [regularizer]: l2(0.1) })).formulas.penalty).toHaveProperty("penaltyTermFunction");
});

/** Every plan of a network: of whole steps and of both parts of those that are computed in chunks, fused, unfused and persistent. */
async function writePlans(
  layers: Layer[],
  options: CompileOptions,
  change: (extras: Extras) => Extras = (extras) => extras,
): Promise<number> {
  const network = resolveNetwork(layers, 1),
    recipe = resolveRecipe(network, options),
    { columns } = (await loadKnown(network, recipe)).measures?.(network, recipe) ?? {};
  const extras = change(await loadExtras(network, { persistentBytes: 32_768 }, await loadKnown(network, recipe)));
  const graphs = (["train", "evaluate", "predict"] as const).map((purpose) =>
    buildGraph(network, recipe, purpose, undefined, extras.recurrent?.graph, columns),
  );
  const { accumulate, apply } = cutGraph(graphs[0]);
  const plans = [...graphs, accumulate, apply].flatMap((graph) =>
    [{ fuse: true }, { fuse: false }, { persistentBytes: 32_768 }].map(
      (way) => new Plan(graph, { batch: 8, ...way, ...planExtras(extras) }),
    ),
  );
  return plans.length;
}

const PLAIN: CompileOptions = { optimizer: "sgd", loss: "meanSquaredError" };

it.each<[string, Partial<Parameters<typeof dense>[0]>, Partial<CompileOptions>]>([
  ["clipNorm", {}, { optimizer: sgd({ clipNorm: 1 }) }],
  ["globalClipNorm", {}, { optimizer: sgd({ globalClipNorm: 1 }) }],
  ["clipValue", {}, { optimizer: sgd({ clipValue: 1 }) }],
  ["a penalty on kernels", { kernelRegularizer: l2(0.1) }, {}],
  ["a penalty on biases", { biasRegularizer: l1(0.1) }, {}],
  ["R²", {}, { metrics: ["r2Score"] }],
  ["counts", {}, { metrics: ["recall"] }],
  ["a loss as a metric", {}, { metrics: ["huber"] }],
  ["gelu", { activation: "gelu" }, {}],
  ["adamax", {}, { optimizer: "adamax" }],
])(
  "every plan of a network with %s is written from what is loaded for it, and so is every plan of one without",
  async (_, layer, options) => {
    const layers = [dense({ units: 3, inputShape: [4], ...layer }), dense({ units: 2 })];
    const sequences = [simpleRNN({ units: 3, inputShape: [4, 2] }), dense({ units: 2, ...layer })];
    for (const each of [layers, sequences]) expect(await writePlans(each, { ...PLAIN, ...options })).toBe(15);
    expect(await writePlans([dense({ units: 3, inputShape: [4] })], PLAIN)).toBe(15);
    // Control: what every page loads is not enough.
    await expect(writePlans(layers, { ...PLAIN, ...options }, (extras) => ({ ...extras, formulas: COMMON_FORMULAS }))).rejects.toThrow(
      /was not loaded/,
    );
  },
);
