// Recurrent layers on the GPU: every tensor that is in memory, at every time step, against the float64 reference, in fused
// plans (two launches), step by step, and cut as for a software adapter.

import { expect, it } from "vitest";

import { dense, dropout } from "../../src/model/layers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { sequential } from "../../src/index.ts";
import { adam, rmsprop, sgd } from "../../src/model/optimizers.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { describePlans, describeSabotage, type Case } from "./recurrent-plans.ts";
import { useGpu } from "./support.ts";

const gpu = useGpu();
const CASES: Record<string, Case> = {
  "T = 1, one unit": { layers: [simpleRNN({ units: 1, inputShape: [1, 1], returnSequences: true })], rows: 1 },
  "T = 2, many to one": { layers: [simpleRNN({ units: 5, inputShape: [2, 3] }), dense({ units: 2 })] },
  "T = 7, many to many": {
    layers: [simpleRNN({ units: 9, inputShape: [7, 4], returnSequences: true }), dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
    optimizer: adam(),
  },
  "whole numbers in": {
    layers: [
      simpleRNN({ units: 17, inputShape: [6], inputVocabulary: 11, returnSequences: true }),
      dense({ units: 11, activation: "softmax" }),
    ],
    loss: "sparseCategoricalCrossentropy",
    optimizer: adam({ globalClipNorm: 0.5 }),
    rows: 13,
  },
  "three layers, relu and sigmoid, dense before": {
    layers: [
      dense({ units: 6, activation: "tanh", inputShape: [7, 3] }),
      simpleRNN({ units: 8, activation: "relu", returnSequences: true, kernelRegularizer: l2(1e-3), recurrentRegularizer: l2(1e-3) }),
      simpleRNN({ units: 5, activation: "sigmoid", returnSequences: true, useBias: false }),
      simpleRNN({ units: 4 }),
      dense({ units: 1 }),
    ],
    optimizer: rmsprop(),
    metrics: ["mae"],
  },
  "dropout held over time": {
    layers: [simpleRNN({ units: 6, inputShape: [5, 4], dropout: 0.4, returnSequences: true }), dropout({ rate: 0.2 }), dense({ units: 2 })],
    optimizer: sgd({ learningRate: 0.1, clipNorm: 0.1 }),
  },
  "padded, many to many": {
    layers: [simpleRNN({ units: 6, inputShape: [7, 3], returnSequences: true }), dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
    masked: true,
    rows: 9,
  },
  "padded, many to one": {
    layers: [simpleRNN({ units: 6, inputShape: [7, 3], returnSequences: true }), simpleRNN({ units: 4 }), dense({ units: 2 })],
    masked: true,
    rows: 9,
    optimizer: adam(),
  },
  "stateful, going on": {
    layers: [
      simpleRNN({ units: 6, inputShape: [4, 3], stateful: true, returnSequences: true }),
      simpleRNN({ units: 5, stateful: true }),
      dense({ units: 2 }),
    ],
    carried: true,
    rows: 6,
  },
  "130 units": { layers: [simpleRNN({ units: 130, inputShape: [5, 3], returnSequences: true }), dense({ units: 3 })], rows: 9 },
};

describePlans(gpu, CASES, 3);

it("a layer whose states are the answers predicts what the reference does", async () => {
  const x = Float32Array.from({ length: 9 * 7 * 3 }, (_, i) => Math.sin(i));
  const answers = await Promise.all(
    (["webgpu", "cpu"] as const).map(async (backend) => {
      const model = sequential({ seed: 1, layers: [simpleRNN({ units: 5, inputShape: [7, 3], returnSequences: true })] });
      await model.compile({ optimizer: "sgd", loss: "meanSquaredError", ...(backend === "webgpu" ? { device: gpu.device } : { backend }) });
      const predicted = await model.predict(x, { batchSize: 4 });
      model.dispose();
      return predicted;
    }),
  );
  expect(answers[0].length).toBe(9 * 7 * 5);
  answers[0].forEach((value, i) => expect(Math.abs(value - answers[1][i])).toBeLessThanOrEqual(1e-5));
});

describeSabotage(gpu, CASES["T = 7, many to many"], [
  ["h, at the last step only", "h1", /(var value = [^;]*product\);)/, "$1 if (t == 6u) { value *= 1.001; }"],
  ["δ(t+1) left out", "delta1", "t == 6u)", "t <= 6u)"],
]);
