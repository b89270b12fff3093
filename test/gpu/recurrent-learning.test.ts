// Problems that only a memory solves, learnt through fit() on the CPU and on the GPU from fixed seeds.

import { describe, expect, it } from "vitest";
import { adam, dense, simpleRNN, windows } from "../../src/index.ts";
import { BACKENDS, compiledModel, noise } from "../support/models.ts";

describe.each(BACKENDS)("on %s", (backend) => {
  it("recalls the first of 10 words at the last step", async () => {
    const T = 10, rows = 256, n = 4;
    const words = (seed: number) => Uint8Array.from(noise(rows * T, seed), (value) => Math.floor((value + 1) / 2 * n));
    const firsts = (x: Uint8Array) => Array.from({ length: rows }, (_, b) => x[b * T]);
    const model = await compiledModel(
      { layers: [simpleRNN({ units: 24, inputShape: [T], inputVocabulary: n }), dense({ units: n, activation: "softmax" })], seed: 2 },
      { backend, loss: "sparseCategoricalCrossentropy", optimizer: adam({ learningRate: 0.005, globalClipNorm: 1 }), metrics: ["accuracy"] });
    const x = words(1), unseen = words(2);
    await model.fit(x, firsts(x), { epochs: 40, batchSize: 32 });
    expect((await model.evaluate(unseen, firsts(unseen))).accuracy).toBeGreaterThan(0.99);
  });

  it("predicts a cyclic text of four characters", async () => {
    const text = Uint8Array.from({ length: 403 }, (_, i) => i % 4);
    const { x, y } = windows(text, { length: 8, batchSize: 5 });
    const model = await compiledModel(
      { layers: [simpleRNN({ units: 8, inputShape: [8], inputVocabulary: 4, returnSequences: true, stateful: true }),
        dense({ units: 4, activation: "softmax" })], seed: 1 },
      { backend, loss: "sparseCategoricalCrossentropy", optimizer: adam(0.02), metrics: ["accuracy"] });
    await model.fit(x, y, { batchSize: 5, shuffle: false, epochs: 15, callbacks: { onEpochBegin: () => model.resetStates() } });
    expect((await model.evaluate(x, y, { batchSize: 5 })).accuracy).toBeGreaterThan(0.99);
  });
});
