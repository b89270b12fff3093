// Batch and layer normalization in float64: statistics, outputs, moving statistics and gradients against plain loops, every gradient against
// central differences below 10⁻⁷, and controls that show the checks failing.

import { describe, expect, it, test } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import * as normalization from "../../src/graph/normalization.ts";
import * as recurrent from "../../src/graph/recurrent.ts";
import type { Graph, Op } from "../../src/graph/types.ts";
import { activation, dense, dropout, type Layer } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { batchNormalization, layerNormalization } from "../../src/model/normalization.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { runGraph } from "../../src/reference/evaluate.ts";
import { checkGradients } from "../../src/reference/gradient-check.ts";
import { sample } from "./samples.ts";

type Options = Partial<Parameters<typeof sample>[0]>;

function checked(layers: readonly Layer[], options: Options = {}, change: (graph: Graph) => Graph = (graph) => graph) {
  const { graph, values, scalars } = sample({ layers, loss: "meanSquaredError", seed: 3, step: 2, rows: 6, ...options });
  return { graph, report: checkGradients(change(graph), values, scalars) };
}

const CASES: Record<string, { layers: readonly Layer[] } & Options> = {
  "behind a dense layer": { layers: [dense({ units: 5, inputShape: [3] }), batchNormalization(), activation("tanh"), dense({ units: 2 })] },
  "first of all": {
    layers: [batchNormalization({ inputShape: [4] }), dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
  },
  "last of all": { layers: [dense({ units: 3, inputShape: [4] }), batchNormalization()] },
  "before a softmax": {
    layers: [dense({ units: 3, inputShape: [4] }), batchNormalization(), activation("softmax")],
    loss: "categoricalCrossentropy",
  },
  "two in a row, one without γ, one without β": {
    layers: [
      dense({ units: 3, inputShape: [4] }),
      batchNormalization({ scale: false }),
      batchNormalization({ center: false }),
      dense({ units: 1 }),
    ],
  },
  "with neither": {
    layers: [dense({ units: 3, inputShape: [4] }), batchNormalization({ scale: false, center: false }), dense({ units: 1 })],
  },
  "two rows": { layers: [dense({ units: 3, inputShape: [4] }), batchNormalization({ epsilon: 0.1 }), dense({ units: 2 })], rows: 2 },
  "penalties, dropout, clipping": {
    layers: [
      dense({ units: 6, inputShape: [4] }),
      batchNormalization({ gammaRegularizer: l2(0.1), betaRegularizer: l2(0.2) }),
      activation("sigmoid"),
      dropout({ rate: 0.3 }),
      dense({ units: 2 }),
    ],
  },
  "rows are steps of sequences": {
    layers: [simpleRNN({ units: 4, inputShape: [5, 3], returnSequences: true }), batchNormalization(), dense({ units: 2 })],
    rows: 3,
  },
  "before a recurrent layer": {
    layers: [batchNormalization({ inputShape: [5, 3] }), simpleRNN({ units: 4 }), dense({ units: 2 })],
    rows: 3,
  },
  "between recurrent layers, whole numbers in": {
    layers: [
      simpleRNN({ units: 4, inputShape: [5], inputVocabulary: 6, returnSequences: true }),
      batchNormalization(),
      simpleRNN({ units: 3 }),
      batchNormalization(),
      dense({ units: 2 }),
    ],
    rows: 3,
  },
  "layer normalization": { layers: [dense({ units: 5, inputShape: [3] }), layerNormalization(), activation("tanh"), dense({ units: 2 })] },
  "layer normalization first": {
    layers: [layerNormalization({ inputShape: [4] }), dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
  },
  "layer normalization without γ and β": {
    layers: [dense({ units: 5, inputShape: [3] }), layerNormalization({ scale: false, center: false }), dense({ units: 2 })],
  },
  "layer normalization of padded sequences": {
    layers: [
      layerNormalization({ inputShape: [5, 3] }),
      simpleRNN({ units: 4, returnSequences: true }),
      layerNormalization({ gammaRegularizer: l2(0.1) }),
      dense({ units: 2 }),
    ],
    rows: 3,
    masked: true,
  },
};

describe.each(Object.entries(CASES))("%s", (_, { layers, ...options }) => {
  test("every gradient agrees with differences", () => {
    const { graph, report } = checked(layers, options);
    expect(report.ok, String(report)).toBe(true);
    const trained = [...graph.tensors.values()].filter(({ role, name }) => role === "parameter" && !name.startsWith("moving"));
    expect(report.tensors).toBe(trained.length);
  });
});

/** The graph with steps changed or left out. */
const changing =
  (change: (op: Op) => Op) =>
  (graph: Graph): Graph => ({ ...graph, ops: graph.ops.map(change) });

test.each([
  [
    "what goes through Σ g⊙n",
    changing((op) => (op.type === "normalize" && op.kind === "pullBack" ? { ...op, inputs: [...op.inputs.slice(0, 4), "mean_n2"] } : op)),
  ],
  ["ε", changing((op) => (op.type === "normalize" && op.kind === "pullBack" ? { ...op, epsilon: op.epsilon * 2 } : op))],
  [
    "γ",
    changing((op) =>
      op.type === "moment" && op.kind === "product" && op.outputs[0] === "grad_g2" ? { ...op, inputs: [op.inputs[0], op.inputs[0]] } : op,
    ),
  ],
] as const)("control: another %s on the way back is caught", (_, change) => {
  expect(checked(CASES["behind a dense layer"].layers, {}, change).report.ok).toBe(false);
});

/** Columns of a row-major matrix. */
const columnsOf = (values: ArrayLike<number>, cols: number): number[][] =>
  Array.from({ length: cols }, (_, j) => Array.from(values).filter((__, i) => i % cols === j));
const mean = (values: readonly number[]): number => {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
};
const variance = (values: readonly number[]): number => mean(values.map((value) => value * value)) - mean(values) ** 2;

it("a training step normalizes by the mini-batch and moves the statistics; evaluation and prediction take the moving ones", () => {
  const layers = [batchNormalization({ inputShape: [2], momentum: 0.9, epsilon: 0.5 })],
    loss = "meanSquaredError";
  const rows = [
      [1, 10],
      [2, 30],
      [6, 20],
    ],
    x = rows.flat(),
    y = new Float64Array(6);
  const network = resolveNetwork([...layers, dense({ units: 2, kernelInitializer: "ones" })], 1);
  const recipe = resolveRecipe(network, { optimizer: "sgd", loss });
  const given = new Map<string, ArrayLike<number>>([
    ["data_x", x],
    ["data_y", y],
    ["order", [0, 1, 2]],
    ["g1", [2, 3]],
    ["b1", [-1, 4]],
    ["moving_mean1", [5, 6]],
    ["moving_variance1", [7, 8]],
    ["w2", [1, 0, 0, 1]],
    ["b2", [0, 0]],
  ]);
  const run = (purpose: Graph["purpose"]) => {
    const values = new Map(given);
    runGraph(buildGraph(network, recipe, purpose, undefined, { ...recurrent, ...normalization }), values, {
      rows: 3,
      offset: 0,
      step: 0,
      learningRate: 0,
      correctedRate: 0,
    });
    return values;
  };
  const close = (found: ArrayLike<number> | undefined, expected: readonly number[]): void => {
    expect(found?.length).toBe(expected.length);
    expected.forEach((value, i) => expect(Math.abs(found![i] - value)).toBeLessThanOrEqual(1e-12 * (1 + Math.abs(value))));
  };
  const trained = run("train"),
    columns = columnsOf(x, 2),
    means = columns.map(mean),
    variances = columns.map(variance);
  close(means, [3, 20]);
  close(variances, [14 / 3, 200 / 3]);
  close(
    trained.get("z1"),
    rows.flatMap((row) => row.map((value, j) => ([2, 3][j] * (value - means[j])) / Math.sqrt(variances[j] + 0.5) + [-1, 4][j])),
  );
  close(trained.get("moving_mean1"), [0.9 * 5 + 0.1 * 3, 0.9 * 6 + 0.1 * 20]);
  close(trained.get("moving_variance1"), [0.9 * 7 + (0.1 * 14) / 3, 0.9 * 8 + (0.1 * 200) / 3]);
  for (const purpose of ["evaluate", "predict"] as const) {
    const values = run(purpose);
    close(
      values.get("z1"),
      rows.flatMap((row) => row.map((value, j) => ([2, 3][j] * (value - [5, 6][j])) / Math.sqrt([7, 8][j] + 0.5) + [-1, 4][j])),
    );
    close(values.get("moving_mean1"), [5, 6]);
  }
});

it("layer normalization normalizes each row by itself, whatever the purpose", () => {
  const network = resolveNetwork([layerNormalization({ inputShape: [3], epsilon: 0.25 }), dense({ units: 1 })], 1);
  const recipe = resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" });
  const rows = [
      [1, 2, 6],
      [-4, 0, 4],
    ],
    expected = rows.flatMap((row) =>
      row.map((value, j) => ([1, 2, 3][j] * (value - mean(row))) / Math.sqrt(variance(row) + 0.25) + [0, 0.5, 1][j]),
    );
  for (const purpose of ["train", "evaluate", "predict"] as const) {
    const values = new Map<string, ArrayLike<number>>([
      ["data_x", rows.flat()],
      ["data_y", [0, 0]],
      ["order", [0, 1]],
      ["g1", [1, 2, 3]],
      ["b1", [0, 0.5, 1]],
      ["w2", [1, 1, 1]],
      ["b2", [0]],
    ]);
    runGraph(buildGraph(network, recipe, purpose, undefined, { ...recurrent, ...normalization }), values, {
      rows: 2,
      offset: 0,
      step: 0,
      learningRate: 0.1,
      correctedRate: 0.1,
    });
    const found = values.get("z1")!;
    expected.forEach((value, i) => expect(Math.abs(found[i] - value)).toBeLessThanOrEqual(1e-12 * (1 + Math.abs(value))));
  }
});

it("padded steps are refused where they would count as rows", () => {
  expect(() =>
    sample({
      layers: [simpleRNN({ units: 4, inputShape: [5, 3], returnSequences: true }), batchNormalization(), dense({ units: 2 })],
      loss: "meanSquaredError",
      masked: true,
    }),
  ).toThrow(/batch_normalization .*padded.*returnSequences/s);
  expect(() =>
    sample({
      layers: [simpleRNN({ units: 4, inputShape: [5, 3] }), batchNormalization(), dense({ units: 2 })],
      loss: "meanSquaredError",
      masked: true,
    }),
  ).not.toThrow();
});
