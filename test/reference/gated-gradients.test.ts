// LSTM and GRU against central differences, below 10⁻⁷ for every weight: 1, 2 and 7 steps, one to three layers, all that such a layer can be
// told; and controls that show the check failing where a path of the gradient is cut.

import { describe, expect, test } from "vitest";
import type { Graph, Op } from "../../src/graph/types.ts";
import { RECURRENT_ACTIVATIONS } from "../../src/model/activations.ts";
import { gru, lstm } from "../../src/model/gated.ts";
import { dense, dropout, type Layer } from "../../src/model/layers.ts";
import { adam } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import type { LSTMOptions } from "../../src/model/recurrent-types.ts";
import { l1l2, l2 } from "../../src/model/regularizers.ts";
import { checkGradients } from "../../src/reference/gradient-check.ts";
import { sample } from "./samples.ts";

type Options = Partial<Parameters<typeof sample>[0]>;
type Given = Omit<LSTMOptions, "unitForgetBias">;
const MAKERS = { lstm: (options: Given): Layer => lstm(options), gru: (options: Given): Layer => gru(options) };

function expectGradients(layers: readonly Layer[], options: Options = {}): void {
  const { graph, values, scalars } = sample({ layers, loss: "meanSquaredError", seed: 3, step: 2, rows: 3, ...options });
  const report = checkGradients(graph, values, scalars);
  expect(report.ok, String(report)).toBe(true);
  expect(report.weights).toBe(
    [...graph.tensors.values()].filter(({ role }) => role === "parameter").reduce((sum, { rows, cols }) => sum + Number(rows) * cols, 0),
  );
}

describe.each(["lstm", "gru"] as const)("%s", (cell) => {
  const layer = MAKERS[cell];
  /** `count` layers, the first of which takes sequences of 3 features. */
  const stacked = (steps: number, count: number, sequences: boolean, given: Partial<Given> = {}): Layer[] =>
    Array.from({ length: count }, (_, i) =>
      layer({ units: 2 + i, ...given, returnSequences: sequences || i < count - 1, ...(i === 0 ? { inputShape: [steps, 3] } : {}) }),
    );

  describe.each([1, 2, 7])("%i steps", (steps) => {
    describe.each([1, 2, 3])("%i layers", (count) => {
      test.each([
        [true, true],
        [false, false],
      ])("an answer a step: %s, biases: %s", (sequences, useBias) => {
        expectGradients([...stacked(steps, count, sequences, { useBias }), dense({ units: 2 })]);
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
        [layer({ units: 4, inputShape: [steps], inputVocabulary: 5, returnSequences: true }), dense({ units: 5, activation: "softmax" })],
        { loss: "sparseCategoricalCrossentropy", masked },
      );
    });

    test("dropout held over time, other layers between, carried on through padding", () => {
      expectGradients([
        layer({ units: 5, dropout: 0.4, inputShape: [steps, 5], returnSequences: true }),
        dropout({ rate: 0.3 }),
        simpleRNN({ units: 4, returnSequences: true }),
        layer({ units: 4, dropout: 0.3 }),
        dense({ units: 2 }),
      ]);
    });

    test("its states are the answers", () => {
      expectGradients(stacked(steps, 2, true), { loss: "halfSquaredError" });
      expectGradients(stacked(steps, 2, false), { loss: "huber" });
    });

    test("penalties on all weights, with clipping by all norms together", () => {
      expectGradients(
        [
          layer({
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

  test.each([
    ...RECURRENT_ACTIVATIONS.map((activation) => [activation, "sigmoid"] as const),
    ...([...RECURRENT_ACTIVATIONS, "hardSigmoid", "hardSigmoidKeras2"] as const).map((gates) => ["tanh", gates] as const),
  ])("activation %s, gates %s", (activation, recurrentActivation) => {
    expectGradients([...stacked(3, 1, true, { activation, recurrentActivation }), dense({ units: 2 })]);
  });

  describe("controls: the check fails", () => {
    const failsWith = (options: Options & { sequences?: boolean }, change: (op: Op) => Op): void => {
      const { sequences = true, ...rest } = options;
      const { graph, values, scalars } = sample({
        loss: "meanSquaredError",
        seed: 3,
        rows: 3,
        layers: [layer({ units: 4, inputShape: [5, 3], returnSequences: sequences }), dense({ units: 2 })],
        ...rest,
      });
      values.set("zero", new Float64Array(64));
      const changed: Graph = { ...graph, ops: graph.ops.map(change) };
      expect(checkGradients(graph, values, scalars).ok).toBe(true);
      expect(checkGradients(changed, values, scalars).ok).toBe(false);
    };

    test("where δ does not go back in time", () =>
      failsWith({}, (op) =>
        op.type === "recurrentBackward" ? { ...op, inputs: op.inputs.map((name, i) => (i === 2 ? "zero" : name)) } : op,
      ));

    test("where ∂C/∂W meets h(t) in place of h(t−1)", () =>
      failsWith({}, (op) => (op.type === "product" && op.outputs[0] === "grad_w1" ? { ...op, inputs: ["h1", op.inputs[1]] } : op)));

    test("where padding is forgotten on the way back", () =>
      failsWith({ masked: true, sequences: false }, (op) =>
        op.type === "recurrentBackward" ? { ...op, masked: false, inputs: op.inputs.filter((name) => name !== "lengths") } : op,
      ));

    if (cell === "gru")
      test("where W's gradient takes ∂C/∂z for ∂C/∂q", () =>
        failsWith({}, (op) => (op.type === "product" && op.outputs[0] === "grad_w1" ? { ...op, inputs: [op.inputs[0], "delta1"] } : op)));
  });
});
