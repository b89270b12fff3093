// Backpropagation against differences, below 10⁻⁷ for every layer, activation, loss and regularizer; and controls that
// show the check failing on graphs whose gradients are wrong by little.

import { describe, expect, test } from "vitest";
import type { Graph, Op } from "../../src/graph/types.ts";
import { ACTIVATIONS, ELEMENTWISE_ACTIVATIONS, type ActivationName } from "../../src/model/activations.ts";
import { activation, dense, dropout, type Layer } from "../../src/model/layers.ts";
import {
  binaryCrossentropy,
  categoricalCrossentropy,
  halfSquaredError,
  hinge,
  huber,
  klDivergence,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  poisson,
  sparseCategoricalCrossentropy,
  squaredHinge,
  type Loss,
} from "../../src/model/losses.ts";
import { adam } from "../../src/model/optimizers.ts";
import { l1, l1l2, l2 } from "../../src/model/regularizers.ts";
import { checkGradients } from "../../src/reference/gradient-check.ts";
import { sample } from "./samples.ts";

const check = (layers: readonly Layer[], loss: Loss, optimizer: unknown = "sgd", seed = 3) => {
  const { graph, values, scalars } = sample({ layers, loss, optimizer, seed, step: 2 });
  return checkGradients(graph, values, scalars);
};

const LOSSES: [string, Loss, ActivationName][] = [
  ["meanSquaredError", meanSquaredError(), "linear"],
  ["halfSquaredError", halfSquaredError(), "sigmoid"],
  ["huber", huber({ delta: 0.8 }), "linear"],
  ["binaryCrossentropy", binaryCrossentropy(), "sigmoid"],
  ["binaryCrossentropy from logits", binaryCrossentropy({ fromLogits: true }), "linear"],
  ["categoricalCrossentropy", categoricalCrossentropy(), "softmax"],
  ["categoricalCrossentropy from logits", categoricalCrossentropy({ fromLogits: true }), "linear"],
  ["sparseCategoricalCrossentropy", sparseCategoricalCrossentropy(), "softmax"],
  ["sparseCategoricalCrossentropy from logits", sparseCategoricalCrossentropy({ fromLogits: true }), "linear"],
  ["meanAbsoluteError", meanAbsoluteError(), "linear"],
  ["meanAbsolutePercentageError", meanAbsolutePercentageError(), "linear"],
  ["meanSquaredLogarithmicError", meanSquaredLogarithmicError(), "softplus"],
  ["logCosh", logCosh(), "linear"],
  ["hinge", hinge(), "tanh"],
  ["squaredHinge", squaredHinge(), "tanh"],
  ["klDivergence", klDivergence(), "softmax"],
  ["poisson", poisson(), "softplus"],
  ["binaryCrossentropy, smoothed", binaryCrossentropy({ labelSmoothing: 0.2 }), "sigmoid"],
  ["categoricalCrossentropy, smoothed", categoricalCrossentropy({ labelSmoothing: 0.2 }), "softmax"],
];

describe.each(ELEMENTWISE_ACTIVATIONS)("hidden %s", (hidden) => {
  test.each(LOSSES)("with %s", (_, loss, last) => {
    const report = check(
      [
        dense({ units: 5, activation: hidden, inputShape: [4] }),
        dense({ units: 4, activation: hidden }),
        dense({ units: 3, activation: last }),
      ],
      loss,
    );
    expect(report.ok, String(report)).toBe(true);
    expect(report).toMatchObject({ tensors: 6, weights: 4 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3 });
  });
});

// A softmax that is not under its cross-entropy needs its Jacobian; so does every other σ in the last layer its σ′.
test.each(ACTIVATIONS.flatMap((last) => [meanSquaredError(), halfSquaredError(), huber()].map((loss) => [last, loss.name, loss] as const)))(
  "last %s with %s",
  (last, _, loss) => {
    const report = check([dense({ units: 5, activation: "tanh", inputShape: [4] }), dense({ units: 3, activation: last })], loss);
    expect(report.ok, String(report)).toBe(true);
  },
);

test.each([
  ["l1", l1(0.03)],
  ["l2", l2(0.02)],
  ["l1l2", l1l2({ l1: 0.02, l2: 0.05 })],
])("regularizer %s on kernels and biases", (_, regularizer) => {
  const both = { kernelRegularizer: regularizer, biasRegularizer: regularizer };
  const report = check(
    [dense({ units: 5, activation: "swish", inputShape: [4], ...both }), dense({ units: 3, activation: "softmax", ...both })],
    categoricalCrossentropy(),
  );
  expect(report.ok, String(report)).toBe(true);
});

test.each([
  ["no biases", [dense({ units: 5, activation: "gelu", inputShape: [4], useBias: false }), dense({ units: 3, useBias: false })]],
  ["dropout between layers", [dense({ units: 9, activation: "tanh", inputShape: [4] }), dropout({ rate: 0.4 }), dense({ units: 3 })]],
  ["dropout of the input", [dropout({ rate: 0.3, inputShape: [4] }), dense({ units: 6, activation: "sigmoid" }), dense({ units: 3 })]],
  ["dropout between z and σ", [dense({ units: 6, inputShape: [4] }), dropout({ rate: 0.3 }), activation("softplus"), dense({ units: 3 })]],
  ["two activations in a row", [dense({ units: 5, activation: "tanh", inputShape: [4] }), activation("sigmoid"), dense({ units: 3 })]],
  ["an activation of the input", [activation({ activation: "tanh", inputShape: [4] }), dense({ units: 3 })]],
  ["one layer, one unit", [dense({ units: 1, inputShape: [1] })]],
  ["five layers", [4, 5, 4, 6, 3].map((units, i) => dense({ units, activation: "elu", ...(i ? {} : { inputShape: [4] }) }))],
] as const)("%s", (_, layers) => {
  const report = check(layers, meanSquaredError());
  expect(report.ok, String(report)).toBe(true);
});

// Clipping changes what the update uses, not what the gradient is.
test.each([{ clipNorm: 0.01 }, { globalClipNorm: 0.01 }, { clipValue: 0.001 }])("before clipping: %o", (clipping) => {
  expect(
    check([dense({ units: 3, activation: "tanh", inputShape: [2] }), dense({ units: 2 })], meanSquaredError(), adam(clipping)).ok,
  ).toBe(true);
});

describe("controls: the check fails when the gradient is wrong", () => {
  const network = () =>
    sample({
      loss: "meanSquaredError",
      seed: 3,
      layers: [
        dense({ units: 5, activation: "tanh", inputShape: [4], kernelRegularizer: l2(0.1) }),
        dense({ units: 3, activation: "sigmoid" }),
      ],
    });
  const withSteps = (graph: Graph, change: (op: Op) => Op): Graph => ({ ...graph, ops: graph.ops.map(change) });

  test("the unchanged network passes", () => {
    const { graph, values, scalars } = network();
    expect(checkGradients(graph, values, scalars).ok).toBe(true);
  });

  test.each<[string, (op: Op) => Op]>([
    ["a penalty's gradient is off by a millionth", (op) => (op.type === "penaltyGradient" ? { ...op, l2: op.l2 * (1 + 1e-6) } : op)],
    ["the penalty is left out", (op) => (op.type === "penaltyGradient" ? { ...op, l2: 0 } : op)],
    [
      "σ′ of another function",
      (op) => (op.type === "activationDerivative" && op.activation === "tanh" ? { ...op, activation: "sigmoid" } : op),
    ],
    ["the gradient of another loss", (op) => (op.type === "lossGradient" ? { ...op, loss: halfSquaredError() } : op)],
    [
      "the mean over the batch is taken twice",
      (op) => (op.type === "rowSum" ? { type: "scale", inputs: ["b1", "w1"], outputs: op.outputs } : op),
    ],
  ])("%s", (_, change) => {
    const { graph, values, scalars } = network();
    const report = checkGradients(withSteps(graph, change), values, scalars);
    expect(report.ok).toBe(false);
    expect(report.maxRelativeError).toBeGreaterThan(1e-7);
    expect(String(report)).toContain("FAILED");
  });

  test("NaN in the data fails", () => {
    const { graph, values, scalars } = network();
    values.set(
      "data_x",
      Float32Array.from(values.get("data_x")!, () => NaN),
    );
    expect(checkGradients(graph, values, scalars)).toMatchObject({ ok: false, maxRelativeError: Infinity });
  });

  test("NaN in one weight fails", () => {
    const { graph, values, scalars } = network();
    values.set("w2", Float32Array.from(values.get("w2")!).fill(NaN, 0, 1));
    expect(checkGradients(graph, values, scalars).ok).toBe(false);
  });
});

test("what is given is left as it was", () => {
  const { graph, values, scalars } = sample({ loss: "meanSquaredError", layers: [dense({ units: 2, inputShape: [3] })] });
  const before = new Map([...values].map(([name, array]) => [name, Array.from(array)]));
  checkGradients(graph, values, scalars);
  expect(new Map([...values].map(([name, array]) => [name, Array.from(array)]))).toEqual(before);
});

test("only a training graph has gradients", () => {
  const { graph, values, scalars } = sample({ loss: "meanSquaredError", layers: [dense({ units: 2, inputShape: [3] })] });
  expect(() => checkGradients({ ...graph, purpose: "evaluate" }, values, scalars)).toThrow("needs a training graph");
});
