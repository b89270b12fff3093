// Recurrent networks of all three kinds of layers through fit(), on the engine and on the float64 reference: the same windows lead to the same weights, with
// states carried from window to window, with padding, from arrays and from a handle.

import { describe, expect, it } from "vitest";
import {
  adam,
  dataset,
  dense,
  gru,
  lstm,
  sequential,
  simpleRNN,
  sgd,
  windows,
  type Layer,
  type LossName,
  type Sequential,
} from "../../src/index.ts";
import { describeGpu, ENGINE, type TestBackend } from "../support/models.ts";

async function compiled(
  layers: readonly Layer[],
  backend: TestBackend,
  loss: LossName = "sparseCategoricalCrossentropy",
): Promise<Sequential> {
  const model = sequential({ seed: 3, layers });
  await model.compile({ optimizer: sgd({ learningRate: 0.2, momentum: 0.5, globalClipNorm: 1 }), loss, backend });
  return model;
}

async function weightsOf(model: Sequential): Promise<number[]> {
  return (await model.getWeights()).flatMap(({ data }) => [...data]);
}

const farthest = (a: readonly number[], b: readonly number[]): number => {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i])));
};

/** After a dozen steps of float32: each rounds by 2⁻²⁴ of numbers near 1, and later steps carry that on. */
const CLOSE = 2e-5;

const text = Array.from("abcabdabcabe".repeat(40), (letter) => letter.charCodeAt(0) - 97);
/** On a software adapter a network takes seconds to compile: gated.test.ts has all of a GRU's tensors there. */
const LAYERS = [["simpleRNN", simpleRNN], ["lstm", lstm], ...(ENGINE === "wasm" ? ([["gru", gru]] as const) : [])] as const;

describe.each(LAYERS)("%s", (_, layer) => {
  const letters = (): Layer[] => [
    layer({ units: 12, inputShape: [8], inputVocabulary: 5, returnSequences: true, stateful: true }),
    dense({ units: 5, activation: "softmax" }),
  ];

  describe("a text in windows, states carried on", () => {
    const { x, y } = windows(text, { length: 8, batchSize: 4 });
    async function trained(backend: TestBackend, reset: boolean): Promise<number[]> {
      const model = await compiled(letters(), backend);
      await model.fit(x, y, { batchSize: 4, shuffle: false });
      if (reset) model.resetStates();
      await model.fit(x, y, { batchSize: 4, shuffle: false });
      const weights = await weightsOf(model);
      model.dispose();
      return weights;
    }

    it("leads to the reference's weights", async () => {
      const [kept, reset, onCpu, resetOnCpu] = [
        await trained(ENGINE, false),
        await trained(ENGINE, true),
        await trained("cpu", false),
        await trained("cpu", true),
      ];
      expect(farthest(kept, onCpu)).toBeLessThan(CLOSE);
      expect(farthest(reset, resetOnCpu)).toBeLessThan(CLOSE);
      // Control: whether states are carried makes a difference far above that.
      expect(farthest(kept, reset)).toBeGreaterThan(10 * CLOSE);
    });

    it("predicts on from window to window as the reference does", async () => {
      const answers = [];
      for (const backend of [ENGINE, "cpu"] as const) {
        const model = await compiled(letters(), backend);
        await model.predict(x.slice(0, 4 * 8), { batchSize: 4 });
        answers.push([...(await model.predict(x.slice(0, 4 * 8), { batchSize: 4 }))]);
        model.resetStates();
        answers.push([...(await model.predict(x.slice(0, 4 * 8), { batchSize: 4 }))]);
        model.dispose();
      }
      expect(farthest(answers[0], answers[2])).toBeLessThan(CLOSE);
      expect(farthest(answers[1], answers[3])).toBeLessThan(CLOSE);
      expect(farthest(answers[0], answers[1])).toBeGreaterThan(10 * CLOSE);
    });
  });

  describe("sequences of unequal length", () => {
    const steps = 6,
      rows = 10,
      lengths = Uint32Array.from({ length: rows }, (_, i) => 1 + ((i * 5) % steps));
    const x = Float32Array.from({ length: rows * steps * 2 }, (_, i) => Math.sin(i * 1.3));
    const y = Float32Array.from({ length: rows }, (_, i) => Math.cos(i));
    /** The same with other numbers in the padding. */
    const other = x.map((value, i) => (Math.floor(i / 2) % steps >= lengths[Math.floor(i / (2 * steps))] ? 99 : value));
    const layers = (): Layer[] => [
      layer({ units: 7, inputShape: [steps, 2], returnSequences: true }),
      layer({ units: 5 }),
      dense({ units: 1 }),
    ];

    async function trained(
      backend: TestBackend,
      features: Float32Array,
      given: Uint32Array | undefined,
      byHandle = false,
    ): Promise<number[]> {
      const model = await compiled(layers(), backend, "meanSquaredError"),
        options = { batchSize: 4, epochs: 3 };
      const set = dataset(features, y, { lengths: given });
      if (byHandle) await model.fit(set, options);
      else await model.fit(features, y, { ...options, lengths: given });
      set.dispose();
      const weights = await weightsOf(model);
      model.dispose();
      return weights;
    }

    it("lead to the reference's weights, and what lies in the padding changes no bit", async () => {
      const onEngine = await trained(ENGINE, x, lengths);
      expect(farthest(onEngine, await trained("cpu", x, lengths))).toBeLessThan(CLOSE);
      expect(await trained(ENGINE, other, lengths)).toEqual(onEngine);
      expect(await trained(ENGINE, x, lengths, true)).toEqual(onEngine);
      // Control: without lengths the padding counts.
      expect(farthest(await trained(ENGINE, other, undefined), onEngine)).toBeGreaterThan(10 * CLOSE);
    });
  });

  it("verify() compares a recurrent network's tensors and leaves training as it was", async () => {
    const { x, y } = windows(text, { length: 8, batchSize: 4 });
    const [checked, plain] = [await compiled(letters(), ENGINE), await compiled(letters(), ENGINE)];
    for (const model of [checked, plain]) await model.fit(x, y, { batchSize: 4, shuffle: false });
    const report = await checked.verify(x, y, { steps: 2, batchSize: 4 });
    expect(report.ok, String(report)).toBe(true);
    for (const model of [checked, plain]) await model.fit(x, y, { batchSize: 4, shuffle: false });
    expect(await weightsOf(checked)).toEqual(await weightsOf(plain));
    checked.dispose();
    plain.dispose();
  });
});

describeGpu("launches", () => {
  it.each([
    [
      "one layer of 256",
      [simpleRNN({ units: 256, inputShape: [9], inputVocabulary: 65, returnSequences: true }), dense({ units: 65, activation: "softmax" })],
      2,
    ],
    [
      "stateful",
      [
        simpleRNN({ units: 12, inputShape: [8], inputVocabulary: 5, returnSequences: true, stateful: true }),
        dense({ units: 5, activation: "softmax" }),
      ],
      3,
    ],
    [
      "two layers",
      [
        simpleRNN({ units: 64, inputShape: [9, 4], returnSequences: true }),
        simpleRNN({ units: 64 }),
        dense({ units: 3, activation: "softmax" }),
      ],
      2,
    ],
    [
      "an LSTM of 128",
      [lstm({ units: 128, inputShape: [9], inputVocabulary: 65, returnSequences: true }), dense({ units: 65, activation: "softmax" })],
      2,
    ],
    [
      "two of 64, an LSTM and a GRU",
      [lstm({ units: 64, inputShape: [9, 4], returnSequences: true }), gru({ units: 64 }), dense({ units: 3, activation: "softmax" })],
      2,
    ],
    [
      "a GRU of 512",
      [gru({ units: 512, inputShape: [3], inputVocabulary: 65, returnSequences: true }), dense({ units: 65, activation: "softmax" })],
      2,
    ],
  ] as const)("%s: as many as the plan tells", async (_, layers, launches) => {
    const model = sequential({ layers });
    await model.compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy", backend: "webgpu" });
    expect(model.plan.launchesPerStep).toBe(launches);
    model.dispose();
  });
});
