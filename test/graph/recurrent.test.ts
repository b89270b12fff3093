// The graph of a recurrent network: a handful of steps whatever T is, in an order that can be executed, with the shapes that a
// kernel relies on; and a plan that says what no GPU can run yet.

import { describe, expect, test } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import * as sequences from "../../src/graph/recurrent.ts";
import { rowsOf, timestepsOf, tensorOf, type Graph } from "../../src/graph/types.ts";
import { dense, dropout, type Layer } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { adam } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";

interface Declared {
  layers: Layer[];
  loss?: unknown;
  optimizer?: unknown;
  masked?: boolean;
  metrics?: string[];
}

function build(
  { layers, loss = "meanSquaredError", optimizer = "sgd", masked = false, metrics = [] }: Declared,
  purpose: Graph["purpose"] = "train",
): Graph {
  const network = resolveNetwork(layers, 1);
  return buildGraph(
    network,
    resolveRecipe(network, { optimizer, loss, metrics }),
    purpose,
    { type: network.vocabulary === null ? "float32" : "uint32", scale: 1, masked },
    sequences,
  );
}

const text = (T: number): Declared => ({
  loss: "sparseCategoricalCrossentropy",
  layers: [simpleRNN({ units: 8, inputShape: [T], inputVocabulary: 5, returnSequences: true }), dense({ units: 5, activation: "softmax" })],
});
const DECLARED: [string, Declared][] = [
  ["text", text(6)],
  ["text, padded, with a metric", { ...text(6), masked: true, metrics: ["accuracy"] }],
  [
    "stacked and stateful, one answer",
    {
      optimizer: adam({ globalClipNorm: 1 }),
      layers: [
        simpleRNN({ units: 4, inputShape: [6, 3], returnSequences: true, stateful: true, dropout: 0.1 }),
        dropout({ rate: 0.2 }),
        dense({ units: 5, activation: "relu" }),
        simpleRNN({ units: 3, stateful: true, useBias: false }),
        dense({ units: 2 }),
      ],
    },
  ],
  ["states as answers", { layers: [simpleRNN({ units: 4, inputShape: [6, 3], returnSequences: true })], masked: true }],
];

describe.each(DECLARED)("%s", (_, declared) => {
  test.each(["train", "evaluate", "predict"] as const)("to %s: every step reads what exists, every tensor is made once", (purpose) => {
    const graph = build(declared, purpose),
      given = ["data", "parameter", "state", "carried"];
    const known = new Set([...graph.tensors.values()].filter(({ role }) => given.includes(role)).map(({ name }) => name));
    const made: string[] = [];
    for (const { type, inputs, outputs } of graph.ops) {
      for (const input of inputs) expect(known, `${type} reads ${input}`).toContain(input);
      outputs.forEach((name) => known.add(name));
      if (type !== "update" && type !== "carry") made.push(...outputs);
    }
    const free = [...graph.tensors.values()].filter(({ role }) => role === "intermediate" || role === "result");
    expect(free.map(({ name }) => name).sort()).toEqual([...made].sort());
    // The states of one purpose are not those of another.
    expect([...graph.tensors.values()].filter(({ role }) => role === "carried").every(({ name }) => name.startsWith(`${purpose}_h`))).toBe(
      true,
    );
  });

  test("no weight is read after its update, and no state after it was carried on", () => {
    const gone = new Set<string>();
    for (const { type, inputs, outputs } of build(declared).ops) {
      for (const input of inputs) expect(gone.has(input), `${type} reads ${input}`).toBe(false);
      if (type === "update" || type === "carry") outputs.forEach((name) => gone.add(name));
    }
  });

  test("factors fit, and every parameter has a gradient of its shape", () => {
    const graph = build(declared);
    for (const op of graph.ops) {
      if (op.type !== "product") continue;
      const [left, right, out] = [op.inputs[0], op.inputs[1], op.outputs[0]].map((name) => tensorOf(graph, name));
      const size = (rows: number, cols: number, transposed: boolean) => (transposed ? [cols, rows] : [rows, cols]);
      const [m, k] = size(rowsOf(left, 7), left.cols, op.form === "leftTransposed");
      const [k2, n] = size(rowsOf(right, 7), right.cols, op.form === "rightTransposed");
      expect([k2, m, n]).toEqual([k, rowsOf(out, 7), out.cols]);
    }
    for (const { name, role, rows, cols } of graph.tensors.values()) {
      if (role === "parameter") expect(tensorOf(graph, `grad_${name}`)).toMatchObject({ rows, cols });
    }
  });
});

test("as many steps for 2 time steps as for 100, and memory that grows with T once", () => {
  const [short, long] = [build(text(2)), build(text(100))];
  expect(long.ops.map(({ type }) => type)).toEqual(short.ops.map(({ type }) => type));
  expect(
    [...long.tensors.values()]
      .filter((tensor) => timestepsOf(tensor) > 1)
      .every(({ rows, timesteps }) => rows === "batch" && timesteps === 100),
  ).toBe(true);
});

test("the steps of a text, in order", () => {
  expect(build(text(6)).ops.map(({ type, outputs }) => `${type} ${outputs[0]}`)).toEqual([
    "gather x",
    "gather y",
    "embeddingLookup z1",
    "recurrentForward h1",
    "product z2",
    "softmax a2",
    "lossRows loss_rows",
    "lossGradient delta2",
    "summarize results",
    "product grad_h1",
    "recurrentBackward delta1",
    "product grad_w2",
    "update w2",
    "rowSum grad_b2",
    "update b2",
    "previousStep previous_h1",
    "product grad_w1",
    "update w1",
    "embeddingGradient grad_u1",
    "update u1",
    "rowSum grad_b1",
    "update b1",
  ]);
});

test("an MLP has no trace of time", () => {
  const graph = build({ layers: [dense({ units: 4, activation: "relu", inputShape: [3] }), dense({ units: 2 })] });
  expect([...graph.tensors.values()].every((tensor) => !("steps" in tensor))).toBe(true);
});
