// Mini-batches over a limit of the engine are computed in chunks. On an engine that says that it holds less, or takes fewer
// workgroups, than it does, every result lies within the rounding bound of the whole mini-batch: a sum over its rows cut into
// chunks of two rows at least rounds each number no more often than the longest chain that the bound allows.

import { describe, expect, it } from "vitest";
import {
  dataset,
  dense,
  dropout,
  l2,
  OutOfMemoryError,
  sgd,
  simpleRNN,
  UnsupportedError,
  type CompileOptions,
  type Layer,
  type Optimizer,
} from "../../../src/index.ts";
import { buildGraph } from "../../../src/graph/build.ts";
import * as recurrent from "../../../src/graph/recurrent.ts";
import type { Graph } from "../../../src/graph/types.ts";
import { initialParameters, resolveNetwork, resolveRecipe } from "../../../src/model/network.ts";
import { compareTensor, given, runGraphBounded, type Bounded } from "../../../src/reference/bounds.ts";
import { miniBatches } from "../../../src/train/data/batches.ts";
import { initialStates } from "../../../src/model/initial-states.ts";
import { describeGpu, ENGINE, noise, sameWeights } from "../../support/models.ts";
import { openLimited } from "../limited.ts";
import { ALL_DRAWS } from "../../../src/model/uncommon-initializers.ts";

const WIDTH = 20,
  BATCH = 64;

interface Declared {
  readonly layers: Layer[];
  readonly optimizer: Optimizer;
  /** Of the data: those of four mini-batches, the last one smaller, unless bounds are too wide after as many. */
  readonly rows: number;
}
const dataOf = ({ rows }: Declared) => ({ x: noise(rows * WIDTH, 71), y: noise(rows * 2, 72) });
const WIDE: Declared = {
  rows: 200,
  optimizer: sgd({ learningRate: 0.05, momentum: 0.5, globalClipNorm: 0.2 }),
  layers: [
    dense({ units: 150, activation: "relu", inputShape: [WIDTH], kernelRegularizer: l2(0.01) }),
    dropout({ rate: 0.2 }),
    dense({ units: 2 }),
  ],
};
const TINY: Declared = {
  rows: 200,
  optimizer: sgd(0.1),
  layers: [dense({ units: 6, activation: "tanh", inputShape: [WIDTH] }), dense({ units: 2 })],
};
const RECURRENT: Declared = {
  rows: 64,
  optimizer: sgd(0.1),
  layers: [simpleRNN({ units: 30, inputShape: [2, 10], dropout: 0.3 }), dense({ units: 2, biasRegularizer: l2(0.1) })],
};

const recipeOf = ({ optimizer }: Declared): Pick<CompileOptions, "optimizer" | "loss" | "metrics"> => ({
  optimizer,
  loss: "meanSquaredError",
  metrics: ["mae"],
});

/** One epoch in the rows' own order, then the loss of all rows and their answers, in float64 with bounds. */
function reference(declared: Declared) {
  const network = resolveNetwork(declared.layers, 2),
    recipe = resolveRecipe(network, recipeOf(declared)),
    { rows } = declared,
    { x, y } = dataOf(declared);
  const graph = (purpose: Graph["purpose"]) => buildGraph(network, recipe, purpose, undefined, network.sequences ? recurrent : null);
  const values = new Map<string, Bounded>(
    [
      ...initialParameters(network, ALL_DRAWS),
      ...initialStates(network, recipe.optimizer),
      ["data_x", x] as const,
      ["data_y", y] as const,
      ["order", Uint32Array.from({ length: rows }, (_, i) => i)] as const,
    ].map(([name, numbers]) => [name, given(numbers)]),
  );
  for (const step of miniBatches(rows, BATCH, 0, 0, recipe.optimizer)) runGraphBounded(graph("train"), values, step);
  const evaluated = new Map(values),
    predicted = new Map(values),
    [all] = miniBatches(rows, rows, 0);
  runGraphBounded(graph("evaluate"), evaluated, all);
  const forward = graph("predict");
  runGraphBounded(forward, predicted, all);
  return {
    weights: network.parameters.map(({ symbol }) => values.get(symbol)!),
    logs: evaluated.get("results")!,
    answers: predicted.get(forward.output)!,
  };
}

async function deviceDataset(declared: Declared, limits?: Parameters<typeof openLimited>[2]) {
  return { ...(await openLimited({ seed: 2, layers: declared.layers }, recipeOf(declared), limits)), ...dataOf(declared) };
}

type DeviceDataset = Awaited<ReturnType<typeof deviceDataset>>;

async function results({ model, x, y }: DeviceDataset) {
  const { history } = await model.fit(x, y, { batchSize: BATCH, shuffle: false });
  const logs = await model.evaluate(x, y, { batchSize: BATCH }),
    answers = await model.predict(x, { batchSize: BATCH });
  return { history, logs: Object.values(logs), answers, weights: (await model.getWeights()).map(({ data }) => data) };
}

function expectWithin({ weights, logs, answers }: Awaited<ReturnType<typeof results>>, expected: ReturnType<typeof reference>): void {
  weights.forEach((data, i) => expect(compareTensor(`weight ${i}`, data, expected.weights[i])).toMatchObject({ ok: true }));
  expect(compareTensor("answers", answers, expected.answers)).toMatchObject({ ok: true });
  expect(compareTensor("logs", logs, expected.logs)).toMatchObject({ ok: true });
}

describe.each<[string, Declared, bytes: number, intermediates?: number]>([
  // 64 rows of 150 floats are 38,400 bytes; the data 16,000; the largest tensor of weights 12,000.
  ["a tensor between the layers is too large", WIDE, 30_000, 380_000],
  ["so it is, and the data come in slices", WIDE, 15_008, 380_000],
  ["one mini-batch of the data is too large", TINY, 4_000],
  // 64 · 2 · 30 floats are 15,360 bytes.
  ["sequences", RECURRENT, 10_000, 350_000],
])("%s", (_, declared, limit, intermediates) => {
  const limits = { bytes: limit, intermediates };

  it("trains, evaluates and predicts within the bounds of the whole", async () => {
    const expected = reference(declared),
      small = await deviceDataset(declared, limits),
      whole = await deviceDataset(declared);
    const bare = await small.alive();
    expectWithin(await results(small), expected);
    expectWithin(await results(whole), expected);
    // The plan of the whole is refused: it was computed in chunks, and nothing was over the limit.
    if (declared !== TINY) expect(() => small.model.plan).toThrow(OutOfMemoryError);
    // The intermediates of WebAssembly are one piece, no tensor of which is over the limit.
    if (ENGINE === "webgpu" || declared === TINY) {
      expect(await small.largest()).toBeLessThanOrEqual(limit);
      expect(await whole.largest()).toBeGreaterThan(limit);
    }
    // What stays is the sums of the gradients, as the optimizer's states do.
    expect(await small.alive()).toBe(ENGINE === "webgpu" ? bare + 1 : bare);
    small.model.dispose();
    expect(await small.alive()).toBe(0);
  });

  it("control: other mini-batches end outside of them", async () => {
    const { model, x, y } = await deviceDataset(declared, limits),
      expected = reference(declared);
    await model.fit(x, y, { batchSize: BATCH / 2, shuffle: false });
    const weights = await model.getWeights();
    expect(weights.every(({ data }, i) => compareTensor("weight", data, expected.weights[i]).ok)).toBe(false);
  });
});

describeGpu("grids", () => {
  it("no more workgroups in a dimension of a grid than the device takes, and the same results", async () => {
    const few = await deviceDataset(WIDE, { workgroups: 6 }),
      many = await deviceDataset(WIDE);
    expect(await results(few)).toEqual(await results(many));
    expect(few.workgroups()).toBeLessThanOrEqual(6);
    // Control: otherwise there are more.
    expect(many.workgroups()).toBeGreaterThan(6);
    const none = await deviceDataset(WIDE, { workgroups: 2 });
    await expect(none.model.fit(none.x, none.y, { batchSize: BATCH })).rejects.toThrow(UnsupportedError);
  });
});

it("a second fit() of a handle creates nothing, and repeats to the bit", async () => {
  const [one, two] = [
      await deviceDataset(WIDE, { bytes: 15_008, intermediates: 380_000 }),
      await deviceDataset(WIDE, { bytes: 15_008, intermediates: 380_000 }),
    ],
    set = dataset(one.x, one.y);
  await one.model.fit(set, { batchSize: BATCH, epochs: 3 });
  for (let epoch = 0; epoch < 3; epoch++) await two.model.fit(set, { batchSize: BATCH });
  expect(sameWeights(await one.model.getWeights(), await two.model.getWeights())).toBe(true);
  const before = await one.made();
  await one.model.fit(set, { batchSize: BATCH });
  expect(await one.made()).toBe(before);
  set.dispose();
});

it("stateful layers are refused before anything is allocated, with a batch size that fits", async () => {
  const layers = [simpleRNN({ units: 30, inputShape: [4, 5], stateful: true }), dense({ units: 2 })];
  const { model, made, x, y } = await deviceDataset({ ...RECURRENT, layers, rows: 200 }, { bytes: 20_000, intermediates: 400_000 }),
    bare = await made();
  const error: unknown = await model.fit(x, y, { batchSize: 100, shuffle: false }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(OutOfMemoryError);
  const { batchSize, limit, bytesAsked } = error as OutOfMemoryError;
  expect(limit).toBe(ENGINE === "webgpu" ? 20_000 : 400_000);
  if (ENGINE === "webgpu") expect(bytesAsked).toBe(100 * 4 * 30 * 4);
  expect(bytesAsked).toBeGreaterThan(limit!);
  expect(batchSize).toBeGreaterThan(1);
  expect(await made()).toBe(bare);
  const fitting = [50, 40, 25, 20, 10].find((size) => size <= batchSize!)!;
  expect((await model.fit(x, y, { batchSize: fitting, shuffle: false })).steps).toBe(200 / fitting);
});
