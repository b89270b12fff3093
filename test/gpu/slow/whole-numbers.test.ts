// Whole numbers above 2²⁴, which float32 does not all have: 16,777,217 is itself as a class index, as an index of a vocabulary and as the
// number of a row, on the GPU and on the CPU. Networks are as narrow as they can be, so that 16.8 million classes are 67 MB.

import { describe, expect, it } from "vitest";
import { dense, sgd, simpleRNN } from "../../../src/index.ts";
import { worstError } from "../../support/compare.ts";
import { BACKENDS, compiledModel } from "../../support/models.ts";

/** The first whole number that float32 has not: it would round to 2²⁴. */
const LARGE = 2 ** 24 + 1,
  NEIGHBOURS = [LARGE - 1, LARGE, LARGE + 1] as const;

describe.each(BACKENDS)("on %s", (backend) => {
  it("a class index above 2²⁴ is that class, in training, loss and accuracy", async () => {
    const classes = LARGE + 2;
    const layers = [dense({ units: classes, activation: "softmax", inputShape: [1], useBias: false, kernelInitializer: "zeros" })];
    const model = await compiledModel(
      { layers },
      { optimizer: sgd(1), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"], backend },
    );
    await model.fit(Float32Array.of(1), Uint32Array.of(LARGE), { epochs: 1, verbose: 0 });
    const [{ data }] = await model.getWeights();
    // w −= 1·(p − y)·x with p = 1/classes: 6·10⁻⁸ less for all classes, one more for the right one.
    expect(
      worstError(
        NEIGHBOURS.map((label) => data[label]),
        [0, 1, 0],
      ),
    ).toBeLessThan(1e-6);
    const losses: number[] = [];
    for (const label of NEIGHBOURS.slice(0, 2)) {
      const { loss, accuracy } = await model.evaluate(Float32Array.of(1), Uint32Array.of(label));
      expect(accuracy).toBe(label === LARGE ? 1 : 0);
      losses.push(loss);
    }
    // ln(e + classes − 1) − w, and w is 1 for the right class. The logarithm is that of one long sum in float32, whose bound is 1; the
    // difference of the two losses has none of it.
    expect(Math.abs(losses[0] - Math.log(Math.E + classes - 1))).toBeLessThan(0.5);
    expect(Math.abs(losses[0] - losses[1] - 1)).toBeLessThan(1e-4);
  }, 300_000);

  it("an index of a vocabulary above 2²⁴ picks its row, forward and back", async () => {
    const layers = [simpleRNN({ units: 1, inputShape: [1], inputVocabulary: LARGE + 2, useBias: false, kernelInitializer: "zeros" })];
    const model = await compiledModel({ layers }, { optimizer: sgd(0.25), loss: "meanSquaredError", backend });
    const ask = async () => [...(await model.predict(Uint32Array.from(NEIGHBOURS)))];
    expect(await ask()).toEqual([0, 0, 0]);
    await model.fit(Uint32Array.of(LARGE), Float32Array.of(1), { epochs: 1, verbose: 0 });
    // u −= ¼·2(h − 1)·(1 − h²) with h = tanh 0 = 0.
    const [{ data }] = await model.getWeights();
    expect(NEIGHBOURS.map((index) => data[index])).toEqual([0, 0.5, 0]);
    const [below, it, above] = await ask();
    expect([below, above]).toEqual([0, 0]);
    expect(Math.abs(it - Math.tanh(0.5))).toBeLessThan(1e-6);
  }, 300_000);

  it("a row above 2²⁴ is that row", async () => {
    const rows = LARGE + 2,
      x = new Uint8Array(rows);
    NEIGHBOURS.forEach((row, i) => {
      x[row] = 10 + i;
    });
    const model = await compiledModel(
      { layers: [dense({ units: 1, inputShape: [1], useBias: false, kernelInitializer: "ones" })] },
      { optimizer: sgd(1), loss: "meanSquaredError", backend },
    );
    const answers = await model.predict(x, { scale: 1, batchSize: 2 ** 20 });
    expect(answers.length).toBe(rows);
    expect([...answers.subarray(LARGE - 3)]).toEqual([0, 0, 10, 11, 12]);
  }, 300_000);
});
