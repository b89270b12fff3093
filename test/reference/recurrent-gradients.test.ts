// Backpropagation through time against central differences, below 10⁻⁷ for every weight: 1, 2 and 7 steps, one to three
// layers, all that a recurrent layer can be told; and controls that show the check failing where time is cut short.

import { describe, expect, test } from "vitest";
import type { Graph, Op } from "../../src/graph/types.ts";
import { RECURRENT_ACTIVATIONS } from "../../src/model/activations.ts";
import { activation, dense, dropout, type Layer } from "../../src/model/layers.ts";
import { binaryCrossentropy } from "../../src/model/losses.ts";
import { adam } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import type { SimpleRNNOptions } from "../../src/model/recurrent-types.ts";
import { l1l2, l2 } from "../../src/model/regularizers.ts";
import { checkGradients } from "../../src/reference/gradient-check.ts";
import { sample } from "./samples.ts";

type Options = Partial<Parameters<typeof sample>[0]>;

function expectGradients(layers: readonly Layer[], options: Options = {}): void {
  const { graph, values, scalars } = sample({ layers, loss: "meanSquaredError", seed: 3, step: 2, rows: 3, ...options });
  const report = checkGradients(graph, values, scalars);
  expect(report.ok, String(report)).toBe(true);
  expect(report.weights).toBe(
    [...graph.tensors.values()].filter(({ role }) => role === "parameter").reduce((sum, { rows, cols }) => sum + Number(rows) * cols, 0),
  );
}

/** `count` recurrent layers, the first of which takes sequences of 3 features. */
const stacked = (steps: number, count: number, sequences: boolean, given: Partial<SimpleRNNOptions> = {}): Layer[] =>
  Array.from({ length: count }, (_, i) =>
    simpleRNN({ units: 4 + i, ...given, returnSequences: sequences || i < count - 1, ...(i === 0 ? { inputShape: [steps, 3] } : {}) }),
  );

describe.each([1, 2, 7])("%i steps", (steps) => {
  describe.each([1, 2, 3])("%i layers", (count) => {
    describe.each(RECURRENT_ACTIVATIONS)("%s", (name) => {
      test.each([
        [true, true],
        [true, false],
        [false, true],
        [false, false],
      ])("an answer a step: %s, biases: %s", (sequences, useBias) => {
        expectGradients([...stacked(steps, count, sequences, { activation: name, useBias }), dense({ units: 2 })]);
      });
    });

    test.each([true, false])("padded sequences, an answer a step: %s", (sequences) => {
      expectGradients([...stacked(steps, count, sequences), dense({ units: 3, activation: "softmax" })], {
        loss: "sparseCategoricalCrossentropy",
        masked: true,
        metrics: ["accuracy"],
      });
    });

    test("going on from carried states", () => {
      expectGradients([...stacked(steps, count, true, { stateful: true }), dense({ units: 2 })], { carried: true });
    });
  });

  test.each([true, false])("whole numbers pick rows of U, padded: %s", (masked) => {
    expectGradients(
      [simpleRNN({ units: 4, inputShape: [steps], inputVocabulary: 5, returnSequences: true }), dense({ units: 5, activation: "softmax" })],
      { loss: "sparseCategoricalCrossentropy", masked },
    );
  });

  test("whole numbers without a bias, one answer", () => {
    expectGradients([simpleRNN({ units: 4, inputShape: [steps], inputVocabulary: 5, useBias: false }), dense({ units: 2 })]);
  });

  test("dropout held over time, and dropout between layers", () => {
    expectGradients([
      simpleRNN({ units: 6, dropout: 0.4, inputShape: [steps, 5], returnSequences: true }),
      dropout({ rate: 0.3 }),
      simpleRNN({ units: 4, dropout: 0.3 }),
      dense({ units: 2 }),
    ]);
  });

  test("dense before, between and after, and an activation behind", () => {
    expectGradients(
      [
        dense({ units: 4, activation: "tanh", inputShape: [steps, 3] }),
        simpleRNN({ units: 3, returnSequences: true }),
        activation("swish"),
        dense({ units: 5, activation: "gelu" }),
        simpleRNN({ units: 4 }),
        dense({ units: 3, activation: "sigmoid" }),
      ],
      { loss: "binaryCrossentropy" },
    );
  });

  test("the recurrent layer is the last: its states are the answers", () => {
    expectGradients(stacked(steps, 2, true), { loss: "halfSquaredError" });
    expectGradients(stacked(steps, 2, false), { loss: "huber" });
  });

  test("linear states as logits of a cross-entropy", () => {
    expectGradients([simpleRNN({ units: 2, activation: "linear", inputShape: [steps, 3], returnSequences: true })], {
      loss: binaryCrossentropy({ fromLogits: true }),
    });
  });

  test("penalties on all three weights, with clipping by all norms together", () => {
    expectGradients(
      [
        simpleRNN({
          units: 3,
          inputShape: [steps, 2],
          kernelRegularizer: l2(0.1),
          recurrentRegularizer: l1l2({ l1: 0.05, l2: 0.1 }),
          biasRegularizer: l2(0.2),
        }),
        dense({ units: 1 }),
      ],
      { optimizer: adam({ globalClipNorm: 0.01 }) },
    );
  });
});

describe("controls: the check fails", () => {
  const failsWith = (options: Options & { sequences?: boolean }, change: (op: Op) => Op): void => {
    const { sequences = true, ...rest } = options;
    const { graph, values, scalars } = sample({
      loss: "meanSquaredError",
      seed: 3,
      rows: 3,
      layers: [simpleRNN({ units: 4, inputShape: [5, 3], returnSequences: sequences }), dense({ units: 2 })],
      ...rest,
    });
    values.set("zero", new Float64Array(16));
    const changed: Graph = { ...graph, ops: graph.ops.map(change) };
    expect(checkGradients(graph, values, scalars).ok).toBe(true);
    expect(checkGradients(changed, values, scalars).ok).toBe(false);
  };

  test("where δ does not go back in time", () =>
    failsWith({}, (op) => (op.type === "recurrentBackward" ? { ...op, inputs: [op.inputs[0], op.inputs[1], "zero"] } : op)));

  test("where ∂C/∂W meets h(t) in place of h(t−1)", () =>
    failsWith({}, (op) => (op.type === "product" && op.outputs[0] === "grad_w1" ? { ...op, inputs: ["h1", op.inputs[1]] } : op)));

  test("where the gradient of padded steps is not left out", () =>
    failsWith({ masked: true }, (op) =>
      op.type === "maskRows" && op.outputs[0] === "delta2"
        ? { type: "scale", inputs: [op.inputs[0], "step_count"], outputs: op.outputs }
        : op,
    ));

  test("where padding is forgotten on the way back", () =>
    failsWith({ masked: true, sequences: false }, (op) =>
      op.type === "recurrentBackward" ? { ...op, masked: false, inputs: op.inputs.slice(0, 3) } : op,
    ));
});
