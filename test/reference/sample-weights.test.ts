// Sample weights in the graph: losses of rows and their gradients are multiplied by the weight of the row and averaged over the number of
// rows. Worked by hand, and against central differences; a graph without weights has nothing of it.

import { describe, expect, test } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import * as recurrent from "../../src/graph/recurrent.ts";
import type { Graph, Op } from "../../src/graph/types.ts";
import { dense, dropout, type Layer } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { adam, sgd } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { runGraph } from "../../src/reference/evaluate.ts";
import { checkGradients } from "../../src/reference/gradient-check.ts";
import { sample } from "./samples.ts";

const RNN = simpleRNN({ units: 4, inputShape: [3, 2], returnSequences: true });
const CASES: Record<string, Parameters<typeof sample>[0]> = {
  "squares, one launch": {
    layers: [dense({ units: 4, activation: "tanh", inputShape: [3] }), dense({ units: 2 })],
    loss: "meanSquaredError",
  },
  "labels, dropout, a penalty": {
    layers: [
      dense({ units: 6, activation: "sigmoid", inputShape: [3], kernelRegularizer: l2(0.1) }),
      dropout({ rate: 0.3 }),
      dense({ units: 3, activation: "softmax" }),
    ],
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
  },
  "one-hot rows, a norm over all gradients": {
    layers: [dense({ units: 3, activation: "softmax", inputShape: [3] })],
    loss: "categoricalCrossentropy",
    optimizer: adam({ globalClipNorm: 0.1 }),
  },
  "softmax under squares": { layers: [dense({ units: 3, activation: "softmax", inputShape: [3] })], loss: "meanSquaredError" },
  "logits of two questions": {
    layers: [dense({ units: 2, inputShape: [3] })],
    loss: { name: "binaryCrossentropy", fromLogits: true } as never,
  },
  "an answer a step": { layers: [RNN, dense({ units: 3, activation: "softmax" })], loss: "sparseCategoricalCrossentropy" },
  "an answer a step, padded": {
    layers: [RNN, dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
    masked: true,
  },
  "one answer of a padded sequence": { layers: [RNN, simpleRNN({ units: 3 }), dense({ units: 2 })], loss: "huber", masked: true },
};

describe.each(Object.entries(CASES))("%s", (_, options) => {
  test("backpropagation agrees with differences; control: not where the gradient is not weighted", () => {
    const { graph, values, scalars } = sample({ seed: 3, step: 2, rows: 4, ...options, weighted: true });
    const report = checkGradients(graph, values, scalars);
    expect(report.ok, String(report)).toBe(true);
    const isGradient = (op: Op) => op.type === "weightRows" && !op.outputs[0].endsWith("loss_rows");
    expect(graph.ops.filter(isGradient)).toHaveLength(1);
    values.set("one", Float64Array.of(1));
    const unweighted = graph.ops.map((op): Op =>
      isGradient(op) ? { type: "scale", inputs: [op.inputs[0], "one"], outputs: op.outputs } : op,
    );
    expect(checkGradients({ ...graph, ops: unweighted }, values, scalars).ok).toBe(false);
  });
});

const linear = (layers: readonly Layer[], purpose: Graph["purpose"], weighted?: "always" | "train", metrics: readonly string[] = []) => {
  const network = resolveNetwork(layers, 1),
    recipe = resolveRecipe(network, { optimizer: sgd(0.5), loss: "meanSquaredError", metrics });
  return buildGraph(network, recipe, purpose, { type: "float32", scale: 1, weighted }, recurrent);
};
const LINE = [dense({ units: 1, inputShape: [1] })];

/** a = 2x + 1: errors 1, −2 and 3 of rows that weigh 2, 0 and ½. */
const values = () =>
  new Map<string, ArrayLike<number>>([
    ["data_x", Float32Array.of(1, 2, 3)],
    ["data_y", Float32Array.of(2, 7, 4)],
    ["data_sample_weights", Float32Array.of(2, 0, 0.5)],
    ["order", Uint32Array.of(0, 1, 2)],
    ["w1", Float64Array.of(2)],
    ["b1", Float64Array.of(1)],
  ]);
const STEP = { rows: 3, offset: 0, step: 0, learningRate: 0.5, correctedRate: 0.5 };

test("worked by hand: Σ w·e² / 3, not divided by the sum of the weights; metrics are not weighted", () => {
  const known = values();
  runGraph(linear(LINE, "train", "always", ["meanSquaredError"]), known, STEP);
  // Loss (2·1 + 0·4 + ½·9)/3, mean square (1 + 4 + 9)/3.
  expect([...(known.get("results") as Float64Array)]).toEqual([6.5 / 3, 14 / 3]);
  // ∂C/∂w = 2/3·(2·1·1 + 0 + ½·3·3), ∂C/∂b = 2/3·(2·1 + 0 + ½·3), each times η = ½.
  expect((known.get("w1") as Float64Array)[0]).toBeCloseTo(2 - 6.5 / 3, 14);
  expect((known.get("b1") as Float64Array)[0]).toBeCloseTo(1 - 3.5 / 3, 14);
});

test("padded and weighted: Σ w·l over the steps that count, divided by how many count, as Keras' mask does", () => {
  const layers = [simpleRNN({ units: 1, inputShape: [2, 1], returnSequences: true, activation: "linear" })];
  const network = resolveNetwork(layers, 1),
    recipe = resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" });
  const graph = buildGraph(network, recipe, "evaluate", { type: "float32", scale: 1, masked: true, weighted: "always" }, recurrent);
  const known = new Map<string, ArrayLike<number>>([
    ["data_x", Float32Array.of(1, 3, 5, 100)],
    ["data_y", Float32Array.of(0, 1, 2, 0)],
    ["data_lengths", Uint32Array.of(2, 1)],
    ["data_sample_weights", Float32Array.of(1, 4, 2, 7)],
    ["order", Uint32Array.of(0, 1)],
    ["u1", Float64Array.of(1)],
    ["w1", Float64Array.of(0)],
    ["b1", Float64Array.of(0)],
  ]);
  runGraph(graph, known, { ...STEP, rows: 2, fresh: true });
  // Errors 1, 2 and 3; the fourth step is padding.
  const [loss, count] = known.get("results") as Float64Array;
  expect(loss).toBeCloseTo((1 * 1 + 4 * 4 + 2 * 9) / 3, 12);
  expect(count).toBe(3);
});

test("weights of training alone are in no other graph, and a graph without weights is what it was", () => {
  const said = (graph: Graph) => JSON.stringify([graph.ops, [...graph.tensors]]);
  expect(said(linear(LINE, "evaluate", "train"))).toBe(said(linear(LINE, "evaluate")));
  expect(said(linear(LINE, "predict", "always"))).toBe(said(linear(LINE, "predict")));
  expect(said(linear(LINE, "train", "train"))).toBe(said(linear(LINE, "train", "always")));
  expect(said(linear(LINE, "train", "train"))).not.toBe(said(linear(LINE, "train")));
  expect(said(linear(LINE, "evaluate", "always"))).not.toBe(said(linear(LINE, "evaluate")));
  const network = resolveNetwork(LINE, 1),
    recipe = resolveRecipe(network, { optimizer: sgd(0.5), loss: "meanSquaredError" });
  expect(said(linear(LINE, "train"))).toBe(said(buildGraph(network, recipe, "train")));
});
