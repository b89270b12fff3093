// Numbers whose squares are no float32 numbers, and sums over millions of rows, through the public API on an engine that computes in float32.

import { describe, expect, it } from "vitest";
import { dense, sequential, sgd } from "../../src/index.ts";
import { ENGINE } from "../support/models.ts";

const CLIPPED = [
  ["clipNorm", { clipNorm: 1 }],
  ["globalClipNorm", { globalClipNorm: 1 }],
] as const;

/** One step of plain descent at learning rate 1 on Σ ½(w·x − y)² from w = 0, x = (1, 1, 0, …): w = (y, y, 0, …), clipped to norm 1. */
async function stepOf(inputs: number, y: number, clip: object): Promise<Float32Array> {
  const model = sequential({ seed: 1, layers: [dense({ units: 1, inputShape: [inputs], useBias: false, kernelInitializer: "zeros" })] });
  await model.compile({ loss: "halfSquaredError", optimizer: sgd({ learningRate: 1, ...clip }), backend: ENGINE });
  const x = new Float32Array(inputs).fill(1, 0, 2);
  try {
    // The loss itself, ½·10⁴⁰, is no float32 number.
    await model.fit(x, Float32Array.of(y), { epochs: 1, batchSize: 1, onNaN: "ignore" });
    return (await model.getWeights())[0].data;
  } finally {
    model.dispose();
  }
}

// Up to 3,000 weights stay on the device in one launch; more are clipped in two fused launches.
describe.each([
  ["tiny, persistent", 2],
  ["in launches", 4000],
] as const)("clipping %s", (_, inputs) => {
  it.each(CLIPPED)("%s: two gradients of 1e20 make a step of 1/√2 each", async (_name, clip) => {
    const weights = await stepOf(inputs, 1e20, clip);
    expect(weights[0]).toBeCloseTo(Math.SQRT1_2, 5);
    expect(weights[1]).toBeCloseTo(Math.SQRT1_2, 5);
  });

  it("control: without clipping the step is the gradient", async () => {
    expect((await stepOf(inputs, 1e20, {}))[0] / 1e20).toBeCloseTo(1, 5);
  });

  it("a norm of 1e-30 is clipped to 1e-31", async () => {
    const weights = await stepOf(inputs, 1e-30, { clipNorm: 1e-31 });
    expect(weights[0] / 1e-31).toBeCloseTo(Math.SQRT1_2, 5);
  });
});

describe("a mini-batch of 2,000,000 rows, each with an error of 0.3", () => {
  it("loss, metrics and gradients keep six digits", async () => {
    const rows = 2_000_000,
      model = sequential({ seed: 1, layers: [dense({ units: 1, inputShape: [1], kernelInitializer: "zeros" })] });
    await model.compile({ loss: "meanSquaredError", metrics: ["mae"], optimizer: sgd({ learningRate: 1 }), backend: ENGINE });
    try {
      const given = [new Float32Array(rows).fill(1), new Float32Array(rows).fill(0.3)] as const,
        error = Math.fround(0.3);
      const history = await model.fit(...given, { epochs: 1, batchSize: rows });
      const text = JSON.stringify(history),
        weights = await model.getWeights();
      const close = (value: number, right: number) => expect(Math.abs(value / right - 1), text).toBeLessThanOrEqual(2e-6);
      const { loss, meanAbsoluteError: mae } = history.history;
      close(loss[0], error ** 2);
      close(mae[0], error);
      for (const { data } of weights) close(data[0], 2 * error);
      expect(weights.length).toBe(2);
    } finally {
      model.dispose();
    }
  });
});
