// A training step cut in two: chunks of a mini-batch add up to it. In float64 the two differ by the order of sums alone.

import { describe, expect, it } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import { canCut, cutGraph } from "../../src/graph/chunks.ts";
import * as recurrent from "../../src/graph/recurrent.ts";
import { rowsOf, type Graph, type Op, type StepScalars } from "../../src/graph/types.ts";
import { dense, dropout, type Layer } from "../../src/model/layers.ts";
import { initialParameters, resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { adam, adamW, rmsprop, sgd } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l1l2 } from "../../src/model/regularizers.ts";
import { runGraph } from "../../src/reference/evaluate.ts";
import { initialStates } from "../../src/model/initial-states.ts";
import { worstError } from "../support/compare.ts";
import { noise } from "../support/models.ts";
import { ALL_DRAWS } from "../../src/model/uncommon-initializers.ts";

interface Declared {
  layers: Layer[];
  loss: unknown;
  optimizer: unknown;
  metrics?: string[];
}

const ROWS = 11,
  WIDTH = 6;
const NETWORKS: [string, Declared][] = [
  [
    "labels, adam",
    {
      loss: "sparseCategoricalCrossentropy",
      optimizer: "adam",
      metrics: ["accuracy"],
      layers: [dense({ units: 7, activation: "relu", inputShape: [WIDTH] }), dense({ units: 3, activation: "softmax" })],
    },
  ],
  [
    "dropout, penalties, clipping of all together",
    {
      loss: "meanSquaredError",
      optimizer: adamW({ globalClipNorm: 0.05 }),
      metrics: ["mse", "mae"],
      layers: [
        dropout({ rate: 0.3, inputShape: [WIDTH] }),
        dense({ units: 7, activation: "gelu", kernelRegularizer: l1l2({ l1: 0.01, l2: 0.02 }), biasRegularizer: l1l2({ l2: 0.1 }) }),
        dropout({ rate: 0.5 }),
        dense({ units: 3 }),
      ],
    },
  ],
  [
    "clipping one by one",
    {
      loss: "huber",
      optimizer: sgd({ clipNorm: 0.01, momentum: 0.9 }),
      layers: [
        dense({ units: 5, activation: "tanh", inputShape: [WIDTH], useBias: false }),
        dense({ units: 3, kernelRegularizer: l1l2({ l2: 0.1 }) }),
      ],
    },
  ],
  [
    "clipped values",
    {
      loss: "halfSquaredError",
      optimizer: rmsprop({ clipValue: 0.001, centered: true, momentum: 0.5 }),
      layers: [dense({ units: 3, activation: "softmax", inputShape: [WIDTH] })],
    },
  ],
  [
    "sequences, one mask for all steps",
    {
      loss: "meanSquaredError",
      optimizer: adam(),
      layers: [
        simpleRNN({ units: 4, inputShape: [3, 2], dropout: 0.4, returnSequences: true }),
        dropout({ rate: 0.2 }),
        simpleRNN({ units: 3 }),
      ],
    },
  ],
  [
    "an answer for every step",
    {
      loss: "meanSquaredError",
      optimizer: adam(),
      layers: [simpleRNN({ units: 4, inputShape: [3, 2], returnSequences: true }), dense({ units: 3 })],
    },
  ],
];

function sample({ layers, loss, optimizer, metrics = [] }: Declared) {
  const network = resolveNetwork(layers, 4),
    recipe = resolveRecipe(network, { optimizer, loss, metrics });
  const graph = buildGraph(network, recipe, "train", undefined, network.sequences ? recurrent : null);
  const labels = Uint32Array.from({ length: 40 }, (_, i) => (i * i) % 3),
    cols = network.outputWidth * network.outputSteps;
  const values = new Map<string, ArrayLike<number>>([
    ...initialParameters(network, ALL_DRAWS),
    ...initialStates(network, recipe.optimizer),
    ["data_x", noise(40 * WIDTH, 5)],
    ["data_y", loss === "sparseCategoricalCrossentropy" ? labels : noise(40 * cols, 6)],
    ["order", Uint32Array.from({ length: 40 }, (_, i) => (i * 7) % 40)],
  ]);
  return { graph, values };
}

const scalars = (step: number): StepScalars => ({ rows: ROWS, offset: 3, step, learningRate: 0.1, correctedRate: 0.07 });

/** Some steps in chunks of so many rows; the results of the last. @param change what is wrong on purpose */
function inChunks(
  graph: Graph,
  given: ReadonlyMap<string, ArrayLike<number>>,
  rows: number,
  steps: number,
  change: (step: StepScalars) => StepScalars = (s) => s,
) {
  const { accumulate, apply, sums, zeros } = cutGraph(graph),
    values = new Map(given);
  for (const sum of sums) values.set(sum.name, new Float64Array(rowsOf(sum, 1) * sum.cols).fill(NaN));
  for (const { name } of zeros) values.set(name, new Float64Array(1));
  let results: number[] = [];
  for (let step = 0; step < steps; step++) {
    results = [];
    for (let first = 0; first < ROWS; first += rows) {
      const chunk = {
        ...scalars(step),
        rows: Math.min(rows, ROWS - first),
        offset: 3 + first,
        fresh: first === 0,
        whole: { rows: ROWS, first },
      };
      runGraph(accumulate, values, change(chunk));
      [...(values.get("results") as Float64Array)].forEach((value, i) => {
        results[i] = (results[i] ?? 0) + value;
      });
    }
    runGraph(apply, values, { ...scalars(step), rows: 1 });
    results[0] += values.get("results")![0];
  }
  return { values, results };
}

describe.each(NETWORKS)("%s", (_, declared) => {
  const { graph, values } = sample(declared),
    whole = new Map(values),
    STEPS = 3;
  for (let step = 0; step < STEPS; step++) runGraph(graph, whole, scalars(step));
  const kept = [...graph.tensors.values()].filter(({ role }) => role === "parameter" || role === "state").map(({ name }) => name);
  const worst = (chunked: ReadonlyMap<string, ArrayLike<number>>) =>
    Math.max(...kept.map((name) => worstError(chunked.get(name)!, whole.get(name)!)));

  it.each([1, 2, 4, 10, 11])("chunks of %i rows: weights, states, loss and metrics are those of the whole", (rows) => {
    const chunked = inChunks(graph, values, rows, STEPS);
    expect(worst(chunked.values)).toBeLessThan(1e-12);
    expect(worstError(chunked.results, whole.get("results")!)).toBeLessThan(1e-12);
  });

  it("control: means over the chunks alone end elsewhere, and so do sums that are not begun anew", () => {
    expect(worst(inChunks(graph, values, 4, STEPS, (step) => ({ ...step, whole: undefined })).values)).toBeGreaterThan(1e-6);
    expect(worst(inChunks(graph, values, 4, STEPS, (step) => ({ ...step, fresh: false })).values)).toBe(Infinity);
  });

  it("each part holds what it reads and makes, and no more", () => {
    const { accumulate, apply, sums, zeros } = cutGraph(graph);
    // What stands in for penalties is no penalty: its formula is not loaded for networks without any.
    const isPenalty = ({ type }: Op) => type === "penalty";
    expect(apply.ops.filter(isPenalty)).toEqual(graph.ops.filter(isPenalty));
    expect(zeros).toHaveLength(graph.ops.some(isPenalty) ? 0 : 1);
    expect(sums).toHaveLength([...graph.tensors.values()].filter(({ role }) => role === "parameter").length);
    expect([...apply.tensors.values()].some(({ role, rows }) => role === "data" || rows === "batch")).toBe(false);
    for (const { ops, tensors } of [accumulate, apply]) {
      const used = new Set(ops.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));
      expect(new Set(tensors.keys())).toEqual(used);
    }
    expect(accumulate.ops.some(({ type }) => type === "update")).toBe(false);
  });
});

it("rows that depend on one another are not cut: carried states, and means over what is no padding", () => {
  const build = (layers: Layer[], masked: boolean) => {
    const network = resolveNetwork(layers, 0),
      recipe = resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" });
    return buildGraph(network, recipe, "train", { type: "float32", scale: 1, masked }, recurrent);
  };
  const every = simpleRNN({ units: 2, inputShape: [3, 2], returnSequences: true }),
    last = simpleRNN({ units: 2, inputShape: [3, 2] });
  expect(canCut(build([every], false))).toBe(true);
  expect(canCut(build([last], true))).toBe(true);
  expect(canCut(build([every], true))).toBe(false);
  expect(canCut(build([simpleRNN({ units: 2, inputShape: [3, 2], stateful: true })], false))).toBe(false);
});
