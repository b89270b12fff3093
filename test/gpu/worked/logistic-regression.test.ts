// Logistic regression: no hidden layer, one sigmoid output, cross-entropy. Source: Bishop, "Pattern Recognition and Machine
// Learning" (2006), 4.3.2: ∇E = Σ (aₙ − yₙ)·xₙ; here the mean over the batch.

import { describe, expect, it } from "vitest";
import { dense, sgd } from "../../../src/index.ts";
import { ROUNDOFF, worstError } from "../../support/compare.ts";
import { BACKENDS, compiledModel, noise, numbersOf, setNumbers } from "../../support/models.ts";

const ROWS = 7,
  RATE = 0.5;
const X = noise(ROWS * 3, 11, 2),
  Y = Float32Array.of(1, 0, 1, 1, 0, 0, 1);
const W = [0.5, -0.25, 0.75],
  B = [0.125];

/** The mean gradient and cost by the book's formula. */
function byHand() {
  const gradient = [0, 0, 0];
  let biasGradient = 0,
    cost = 0,
    correct = 0;
  for (let n = 0; n < ROWS; n++) {
    let z = B[0];
    for (let k = 0; k < 3; k++) z += W[k] * X[3 * n + k];
    const a = 1 / (1 + Math.exp(-z));
    cost -= (Y[n] * Math.log(a) + (1 - Y[n]) * Math.log(1 - a)) / ROWS;
    for (let k = 0; k < 3; k++) gradient[k] += ((a - Y[n]) * X[3 * n + k]) / ROWS;
    biasGradient += (a - Y[n]) / ROWS;
    correct += Number(a > 0.5 === (Y[n] === 1)) / ROWS;
  }
  return { gradient, biasGradient, cost, correct };
}

describe.each(BACKENDS)("on %s", (backend) => {
  const declare = () =>
    compiledModel(
      { seed: 2, layers: [dense({ units: 1, activation: "sigmoid", inputShape: [3] })] },
      { optimizer: sgd(RATE), loss: "binaryCrossentropy", metrics: ["accuracy"], backend },
    );

  it("takes the book's gradient step", async () => {
    const model = await declare();
    await setNumbers(model, [W, B]);
    const { history } = await model.fit(X, Y, { batchSize: ROWS });
    const { gradient, biasGradient, cost, correct } = byHand();
    const [w, b] = await numbersOf(model);
    // Weights and gradients below 1: some 30 roundings between the data and the weight.
    const tolerance = 30 * ROUNDOFF;
    expect(
      worstError(
        w,
        W.map((weight, k) => weight - RATE * gradient[k]),
      ),
    ).toBeLessThanOrEqual(tolerance);
    expect(worstError(b, [B[0] - RATE * biasGradient])).toBeLessThanOrEqual(tolerance);
    // ln brings up to 2⁻²¹ absolutely (WGSL, accuracy of log between 0.5 and 2).
    expect(worstError(history.loss, [cost])).toBeLessThanOrEqual(2 ** -20);
    expect(worstError(history.accuracy, [correct])).toBeLessThanOrEqual(ROUNDOFF);
    // Control: the sum over rows in place of their mean would be far outside.
    expect(
      worstError(
        w,
        W.map((weight, k) => weight - RATE * ROWS * gradient[k]),
      ),
    ).toBeGreaterThan(1000 * tolerance);
  });

  it("separates what a plane separates", async () => {
    const model = await declare();
    const rows = 60,
      x = noise(rows * 3, 12);
    // On either side of the plane 2x₀ − x₁ + 0.5x₂ = 0.1, which the model is not told.
    const y = Float32Array.from({ length: rows }, (_, n) => Number(2 * x[3 * n] - x[3 * n + 1] + 0.5 * x[3 * n + 2] > 0.1));
    expect(new Set(y).size).toBe(2);
    const before = await model.evaluate(x, y);
    await model.fit(x, y, { epochs: 150, batchSize: 10 });
    const after = await model.evaluate(x, y);
    expect(before.accuracy).toBeLessThan(0.9);
    expect(after.accuracy).toBeGreaterThan(0.98);
    expect(after.loss).toBeLessThan(0.25 * before.loss);
  });
});
