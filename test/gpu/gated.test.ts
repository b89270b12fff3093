// LSTM and GRU: every tensor that is in memory, at every time step, against the float64 reference, in fused plans, step by step, and cut as
// for a software adapter.

import { describe } from "vitest";

import { gru, lstm } from "../../src/model/gated.ts";
import { dense, type Layer } from "../../src/model/layers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import type { GRUOptions, LSTMOptions } from "../../src/model/recurrent-types.ts";
import { adam, rmsprop } from "../../src/model/optimizers.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { describePlans, describeSabotage, type Case } from "./recurrent-plans.ts";
import { useGpu } from "./support.ts";

const gpu = useGpu();
type Make = (options: LSTMOptions & GRUOptions) => Layer;
const CELLS: Record<"lstm" | "gru", Make> = { lstm: (options) => lstm(options), gru: (options) => gru(options) };

const casesOf = (layer: Make): Record<string, Case> => ({
  "T = 1, one unit": { layers: [layer({ units: 1, inputShape: [1, 1], returnSequences: true })], rows: 1 },
  "T = 7, many to many": {
    layers: [layer({ units: 9, inputShape: [7, 4], returnSequences: true }), dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
    optimizer: adam(),
  },
  "whole numbers in": {
    layers: [
      layer({ units: 17, inputShape: [6], inputVocabulary: 11, returnSequences: true }),
      dense({ units: 11, activation: "softmax" }),
    ],
    loss: "sparseCategoricalCrossentropy",
    optimizer: adam({ globalClipNorm: 0.5 }),
    rows: 13,
  },
  "layers of all activations, mixed": {
    layers: [
      dense({ units: 6, activation: "tanh", inputShape: [7, 3] }),
      layer({ units: 8, activation: "relu", recurrentActivation: "tanh", returnSequences: true, kernelRegularizer: l2(1e-3) }),
      simpleRNN({ units: 5, returnSequences: true }),
      layer({ units: 4, activation: "linear", recurrentActivation: "relu", useBias: false, returnSequences: true }),
      layer({ units: 3, recurrentActivation: "hardSigmoid", returnSequences: true }),
      layer({ units: 3, recurrentActivation: "hardSigmoidKeras2" }),
      dense({ units: 1 }),
    ],
    optimizer: rmsprop(),
    metrics: ["mae"],
  },
  "padded, many to many": {
    layers: [layer({ units: 6, inputShape: [7, 3], returnSequences: true }), dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
    masked: true,
    rows: 9,
  },
  "padded, many to one": {
    layers: [layer({ units: 6, inputShape: [7, 3], returnSequences: true }), layer({ units: 4 }), dense({ units: 2 })],
    masked: true,
    rows: 9,
    optimizer: adam(),
  },
  "stateful, going on": {
    layers: [
      layer({ units: 6, inputShape: [4, 3], stateful: true, returnSequences: true }),
      layer({ units: 5, stateful: true }),
      dense({ units: 2 }),
    ],
    carried: true,
    rows: 6,
  },
  "stateful and padded": {
    layers: [layer({ units: 7, inputShape: [5, 3], stateful: true }), dense({ units: 2 })],
    carried: true,
    masked: true,
    rows: 6,
  },
  "130 units": { layers: [layer({ units: 130, inputShape: [5, 3], returnSequences: true }), dense({ units: 3 })], rows: 9 },
});

describe.each(["lstm", "gru"] as const)("%s", (cell) => {
  const cases = casesOf(CELLS[cell]);
  describePlans(gpu, cases, 5);
  describeSabotage(gpu, cases["T = 7, many to many"], [
    ["a gate at the last step only", "h1", /(fn \w+_finish\(product[^{]*\{)/, "$1 if (t == 6u) { return; }"],
    ["δ(t+1) left out", "delta1", "t == 6u)", "t <= 6u)"],
    ["what comes straight from t + 1 left out", "delta1", "if (t < 6u) { straight", "if (t < 5u) { straight"],
  ]);
});
