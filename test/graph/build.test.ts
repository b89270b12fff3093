// The graph of a step holds the textbook's steps, in an order that can be executed, for every kind of network: what a
// step reads exists, no weight is read after its update, and each tensor has the shape of what it stands for.

import { describe, expect, test } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import { rowsOf, sizeOf, tensorOf, type Graph, type Op } from "../../src/graph/types.ts";
import { activation, dense, dropout, type Layer } from "../../src/model/layers.ts";
import { binaryCrossentropy, categoricalCrossentropy } from "../../src/model/losses.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { adam, sgd } from "../../src/model/optimizers.ts";
import { l1l2 } from "../../src/model/regularizers.ts";

interface Declared {
  layers: Layer[];
  loss: unknown;
  optimizer?: unknown;
  metrics?: string[];
}

function build({ layers, loss, optimizer = "sgd", metrics = [] }: Declared, purpose: Graph["purpose"] = "train"): Graph {
  const network = resolveNetwork(layers, 1);
  return buildGraph(network, resolveRecipe(network, { optimizer, loss, metrics }), purpose);
}

const NETWORKS: [string, Declared][] = [
  [
    "two sigmoid layers",
    {
      loss: "halfSquaredError",
      layers: [dense({ units: 4, activation: "sigmoid", inputShape: [3] }), dense({ units: 2, activation: "sigmoid" })],
    },
  ],
  [
    "softmax with labels",
    {
      loss: "sparseCategoricalCrossentropy",
      optimizer: "adam",
      metrics: ["accuracy"],
      layers: [dense({ units: 4, activation: "relu", inputShape: [3] }), dense({ units: 3, activation: "softmax" })],
    },
  ],
  [
    "logits, dropout, penalties, global clipping",
    {
      loss: { name: "categoricalCrossentropy", fromLogits: true, delta: 1 },
      optimizer: adam({ globalClipNorm: 1 }),
      metrics: ["accuracy", "mse"],
      layers: [
        dropout({ rate: 0.1, inputShape: [3] }),
        dense({ units: 4, activation: "gelu", kernelRegularizer: l1l2({ l1: 1, l2: 1 }), biasRegularizer: l1l2({ l2: 1 }) }),
        dropout({ rate: 0.5 }),
        dense({ units: 3 }),
      ],
    },
  ],
  [
    "clipping by tensor",
    {
      loss: "meanSquaredError",
      optimizer: sgd({ clipNorm: 1, momentum: 0.5 }),
      layers: [dense({ units: 3, activation: "softmax", inputShape: [2], useBias: false })],
    },
  ],
  [
    "activations in a row",
    {
      loss: "huber",
      optimizer: sgd({ clipValue: 1 }),
      layers: [
        activation({ activation: "tanh", inputShape: [2] }),
        dense({ units: 2, activation: "relu" }),
        activation("swish"),
        activation("elu"),
        dense({ units: 1 }),
      ],
    },
  ],
];

/** The first step that reads what no earlier step made and nobody supplies; null if there is none. */
function readTooEarly(graph: Graph): string | null {
  const known = new Set(
    [...graph.tensors.values()].filter(({ role }) => role === "data" || role === "parameter" || role === "state").map(({ name }) => name),
  );
  for (const { type, inputs, outputs } of graph.ops) {
    const missing = inputs.find((name) => !known.has(name));
    if (missing !== undefined) return `${type} reads ${missing}`;
    outputs.forEach((name) => known.add(name));
  }
  return null;
}

/** The first read of a weight after its update; null if there is none. */
function readTooLate(graph: Graph): string | null {
  const updated = new Set<string>();
  for (const { type, inputs, outputs } of graph.ops) {
    const late = inputs.find((name) => updated.has(name));
    if (late !== undefined) return `${type} reads ${late}`;
    if (type === "update") outputs.forEach((name) => updated.add(name));
  }
  return null;
}

describe.each(NETWORKS)("%s", (_, declared) => {
  describe.each(["train", "evaluate", "predict"] as const)("to %s", (purpose) => {
    const graph = build(declared, purpose);

    test("every step reads what exists, and the answers are made", () => {
      expect(readTooEarly(graph)).toBeNull();
      expect(graph.ops.some(({ outputs }) => outputs.includes(graph.output))).toBe(true);
    });

    test("every tensor but what is given is made once", () => {
      const made = graph.ops.filter(({ type }) => type !== "update").flatMap(({ outputs }) => outputs);
      expect(new Set(made).size).toBe(made.length);
      const free = [...graph.tensors.values()].filter(({ role }) => role === "intermediate" || role === "result");
      expect(free.map(({ name }) => name).sort()).toEqual([...made].sort());
    });

    test("only training drops, updates and goes backward", () => {
      const backward = graph.ops.some(({ type }) => type === "dropout" || type === "update" || type === "lossGradient");
      expect(backward).toBe(purpose === "train");
    });
  });

  const graph = build(declared);

  test("no weight is read after its update", () => {
    expect(readTooLate(graph)).toBeNull();
  });

  test("every parameter has a gradient of its shape and one update", () => {
    for (const { name, role, rows, cols } of graph.tensors.values()) {
      if (role !== "parameter") continue;
      expect(tensorOf(graph, `grad_${name}`)).toMatchObject({ rows, cols });
      expect(graph.ops.filter(({ type, outputs }) => type === "update" && outputs[0] === name).length).toBe(1);
    }
  });

  test("products have factors that fit", () => {
    for (const op of graph.ops) {
      if (op.type !== "product") continue;
      const [left, right, out] = [op.inputs[0], op.inputs[1], op.outputs[0]].map((name) => tensorOf(graph, name));
      const size = (rows: number, cols: number, transposed: boolean) => (transposed ? [cols, rows] : [rows, cols]);
      const [m, k] = size(rowsOf(left, 7), left.cols, op.form === "leftTransposed");
      const [k2, n] = size(rowsOf(right, 7), right.cols, op.form === "rightTransposed");
      expect([k2, m, n]).toEqual([k, rowsOf(out, 7), out.cols]);
    }
  });

  test("δ of a layer has the shape of its z", () => {
    for (const { name, rows, cols } of graph.tensors.values()) {
      if (/^delta\d+$/.test(name)) expect(tensorOf(graph, name.replace("delta", "z"))).toMatchObject({ rows, cols });
    }
  });
});

// Controls for the two searches above: they see a graph that is in the wrong order.
describe("controls", () => {
  const graph = build(NETWORKS[0][1]);
  const reordered = (ops: Op[]): Graph => ({ ...graph, ops });

  test("a step moved before what it reads is seen", () => {
    expect(readTooEarly(reordered([...graph.ops].reverse()))).not.toBeNull();
  });

  test("an update moved before the pull-back through its weights is seen", () => {
    const at = graph.ops.findIndex(({ type, outputs }) => type === "update" && outputs[0] === "w2");
    const pull = graph.ops.findIndex(({ type, form }: Op & { form?: string }) => type === "product" && form === "rightTransposed");
    expect(pull).toBeLessThan(at);
    const ops = [...graph.ops];
    ops.splice(pull, 0, ...ops.splice(at, 1));
    expect(readTooLate(reordered(ops))).toBe("product reads w2");
  });
});

/** The operations in order, with what they make. */
const listed = (graph: Graph): string[] => graph.ops.map(({ type, outputs }) => `${type} ${outputs[0]}`);
const inOrder = (graph: Graph, expected: string[]): void => {
  expect(listed(graph).filter((step) => expected.includes(step))).toEqual(expected);
};

describe("the textbook's steps", () => {
  test("the quadratic cost goes back through σ′: BP1, BP4, BP2", () => {
    inOrder(build(NETWORKS[0][1]), [
      "product z1",
      "activation a1",
      "product z2",
      "activation a2",
      "lossGradient grad_a2",
      "activationDerivative slope_z2",
      "hadamard delta2",
      "product grad_a1",
      "activationDerivative slope_z1",
      "hadamard delta1",
    ]);
  });

  test("a cross-entropy goes straight to δ: no σ′ of the last layer", () => {
    const graph = build(NETWORKS[1][1]);
    inOrder(graph, ["softmax a2", "lossGradient delta2", "product grad_a1", "hadamard delta1"]);
    expect(graph.tensors.has("slope_z2")).toBe(false);
    expect(graph.ops.find(({ type }) => type === "lossRows")?.inputs[0]).toBe("z2");
  });

  test("from logits the probabilities are made for the gradient, and the answers stay logits", () => {
    const graph = build(NETWORKS[2][1]);
    expect(graph.output).toBe("z2");
    expect(graph.ops.find(({ type }) => type === "lossGradient")?.inputs[0]).toBe("probabilities");
  });

  test("dropout goes back through the mask of its own layer", () => {
    const layers = build(NETWORKS[2][1]).ops.flatMap((op) => (op.type === "dropout" ? [[op.layer, op.outputs[0]]] : []));
    expect(layers).toEqual([
      [0, "d0"],
      [3, "d1"],
      [3, "grad_a1"],
    ]);
  });

  test("nothing is pulled back to the data", () => {
    for (const [, declared] of NETWORKS) expect(build(declared).tensors.has("grad_x")).toBe(false);
  });

  test("softmax without its cross-entropy uses its Jacobian", () => {
    inOrder(build(NETWORKS[3][1]), [
      "softmax a1",
      "lossGradient grad_a1",
      "softmaxPullback delta1",
      "product grad_w1",
      "clipFactor clip_factor_w1",
      "scale clipped_w1",
      "update w1",
    ]);
  });

  test("global clipping updates only when every gradient is known", () => {
    const steps = listed(build(NETWORKS[2][1]));
    const factor = steps.indexOf("clipFactor clip_factor");
    steps.forEach((step, i) => {
      if (/^product grad_w|^rowSum|^penaltyGradient/.test(step)) expect(i).toBeLessThan(factor);
      if (step.startsWith("update")) expect(i).toBeGreaterThan(factor);
    });
  });

  test("bytes are scaled as they are gathered; labels are whole numbers", () => {
    const network = resolveNetwork([dense({ units: 2, activation: "softmax", inputShape: [3] })], 1);
    const recipe = resolveRecipe(network, { optimizer: "sgd", loss: "sparseCategoricalCrossentropy" });
    const graph = buildGraph(network, recipe, "train", { type: "uint8", scale: 1 / 255 });
    expect(graph.ops.filter(({ type }) => type === "gather")).toMatchObject([
      { source: "uint8", scale: 1 / 255, outputs: ["x"] },
      { source: "uint32", scale: 1, outputs: ["y"] },
    ]);
  });

  test("a metric is read according to the loss and the outputs, and reads what predict() answers", () => {
    const metric = (loss: unknown, units: number, last: "sigmoid" | "softmax" | "linear") =>
      build({ loss, metrics: ["accuracy"], layers: [dense({ units, activation: last, inputShape: [2] })] }).ops.find(
        ({ type }) => type === "metricRows",
      );
    const answers = ["a1", "y"],
      logits = ["z1", "y"];
    expect(metric("sparseCategoricalCrossentropy", 3, "softmax")).toMatchObject({ metric: "sparseAccuracy", inputs: answers });
    expect(metric("categoricalCrossentropy", 3, "softmax")).toMatchObject({ metric: "categoricalAccuracy", inputs: answers });
    expect(metric(categoricalCrossentropy({ fromLogits: true }), 3, "linear")).toMatchObject({
      metric: "categoricalAccuracy",
      inputs: logits,
    });
    for (const units of [1, 3]) {
      expect(metric("binaryCrossentropy", units, "sigmoid")).toMatchObject({ metric: "binaryAccuracy", inputs: answers });
      expect(metric(binaryCrossentropy({ fromLogits: true }), units, "linear")).toMatchObject({
        metric: "binaryLogitAccuracy",
        inputs: logits,
      });
    }
    expect(metric("meanSquaredError", 3, "sigmoid")).toMatchObject({ metric: "categoricalAccuracy" });
    expect(metric("meanSquaredError", 1, "sigmoid")).toMatchObject({ metric: "binaryAccuracy" });
  });
});

test("sizes follow the rows of the mini-batch", () => {
  const graph = build(NETWORKS[0][1]);
  expect(sizeOf(tensorOf(graph, "z1"), 5)).toBe(20);
  expect(sizeOf(tensorOf(graph, "w1"), 5)).toBe(12);
  expect(() => tensorOf(graph, "z9")).toThrow('graph has no tensor "z9"');
});
