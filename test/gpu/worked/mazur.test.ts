// A network worked by hand: Matt Mazur, "A Step by Step Backpropagation Example" (2015). 2-2-2, sigmoid, ½Σ(target − out)²,
// one example, one step at η = 0.5. The text prints eight to nine digits; they are compared with all of them.

import { describe, expect, it } from "vitest";
import { dense, sgd, type Sequential } from "../../../src/index.ts";
import { ROUNDOFF, worstError } from "../../support/compare.ts";
import { BACKENDS, compiledModel, numbersOf, setNumbers, type TestBackend } from "../../support/models.ts";

const INPUT = Float32Array.of(0.05, 0.1),
  TARGET = Float32Array.of(0.01, 0.99);
// The text numbers weights by the neuron they go to: w1, w2 into h1, w3, w4 into h2. A kernel is (from, to), so w2 and w3
// change places, and so do w6 and w7.
const [W1, B1, W2, B2] = [
  [0.15, 0.25, 0.2, 0.3],
  [0.35, 0.35],
  [0.4, 0.5, 0.45, 0.55],
  [0.6, 0.6],
];
const OUTPUTS = [0.75136507, 0.772928465];
const ERROR_BEFORE = 0.298371109,
  ERROR_AFTER = 0.291027924;
/** w1, w3, w2, w4 and w5, w7, w6, w8 after the step, as printed. */
const W1_AFTER = [0.149780716, 0.24975114, 0.19956143, 0.29950229];
const W2_AFTER = [0.35891648, 0.51130127, 0.408666186, 0.561370121];

// Outputs and errors below 1: half a unit of the last printed digit and a few float32 roundings.
const VALUE_TOLERANCE = 5e-9 + 8 * ROUNDOFF;
// Half a unit of the last printed digit; the weight stored below 1 in float32 twice, before and after (2·2⁻²⁵); and the
// step η·g ≤ 0.5·0.083 with some 30 roundings and function errors on its way.
const WEIGHT_TOLERANCE = 5e-9 + ROUNDOFF + 0.042 * 30 * ROUNDOFF;

async function mazur(backend: TestBackend): Promise<Sequential> {
  const model = await compiledModel(
    { layers: [dense({ units: 2, activation: "sigmoid", inputShape: [2] }), dense({ units: 2, activation: "sigmoid" })] },
    { optimizer: sgd(0.5), loss: "halfSquaredError", backend },
  );
  await setNumbers(model, [W1, B1, W2, B2]);
  return model;
}

describe.each(BACKENDS)("on %s", (backend) => {
  it("gives the outputs and the error of the text", async () => {
    const model = await mazur(backend);
    expect(worstError(await model.predict(INPUT), OUTPUTS)).toBeLessThanOrEqual(VALUE_TOLERANCE);
    const { loss } = await model.evaluate(INPUT, TARGET);
    expect(worstError([loss], [ERROR_BEFORE])).toBeLessThanOrEqual(VALUE_TOLERANCE);
  });

  it("moves all eight weights as the text does", async () => {
    const model = await mazur(backend);
    const { history } = await model.fit(INPUT, TARGET, { batchSize: 1, shuffle: false });
    const [w1, , w2] = await numbersOf(model);
    expect(worstError(w1, W1_AFTER)).toBeLessThanOrEqual(WEIGHT_TOLERANCE);
    expect(worstError(w2, W2_AFTER)).toBeLessThanOrEqual(WEIGHT_TOLERANCE);
    // What fit() reports is the error before the step.
    expect(worstError(history.loss, [ERROR_BEFORE])).toBeLessThanOrEqual(VALUE_TOLERANCE);
  });

  it("has the text's error after the step, once the biases are put back, which the text leaves alone", async () => {
    const model = await mazur(backend);
    await model.fit(INPUT, TARGET, { batchSize: 1, shuffle: false });
    const withMovedBiases = (await model.evaluate(INPUT, TARGET)).loss;
    const [w1, , w2] = await numbersOf(model);
    await setNumbers(model, [w1, B1, w2, B2]);
    expect(worstError([(await model.evaluate(INPUT, TARGET)).loss], [ERROR_AFTER])).toBeLessThanOrEqual(VALUE_TOLERANCE);
    // Control: the biases do matter, so that the comparison above could have failed.
    expect(worstError([withMovedBiases], [ERROR_AFTER])).toBeGreaterThan(1e-3);
  });

  it("control: a transposed kernel, and a hidden δ pulled back through weights already moved, are both noticed", async () => {
    const model = await mazur(backend);
    await setNumbers(model, [[0.15, 0.2, 0.25, 0.3], B1, W2, B2]);
    expect(worstError(await model.predict(INPUT), OUTPUTS)).toBeGreaterThan(10 * VALUE_TOLERANCE);
    await setNumbers(model, [W1, B1, W2_AFTER, B2]);
    await model.fit(INPUT, TARGET, { batchSize: 1, shuffle: false });
    expect(worstError((await numbersOf(model))[0], W1_AFTER)).toBeGreaterThan(WEIGHT_TOLERANCE);
  });
});
