// One hidden layer without biases, with L2. Source: Zhang, Lipton, Li, Smola, "Dive into Deep Learning", section "Forward
// Propagation, Backward Propagation, and Computational Graphs": J = L + (λ/2)(‖W¹‖² + ‖W²‖²), so that
//   ∂J/∂W² = ∂J/∂o·hᵀ + λW²      ∂J/∂W¹ = ∂J/∂z·xᵀ + λW¹
// A regularizer here is λ'Σw² (as in Keras), so λ' = λ/2. Gradients are read off one step of sgd: (w − w′)/η.

import { describe, expect, it } from "vitest";
import { dense, l2, sgd } from "../../../src/index.ts";
import { ROUNDOFF, worstError } from "../../support/compare.ts";
import { BACKENDS, compiledModel, noise, numbersOf, setNumbers } from "../../support/models.ts";

const INPUTS = 4,
  HIDDEN = 5,
  OUTPUTS = 3,
  LAMBDA = 0.3;
const X = noise(INPUTS, 21),
  Y = noise(OUTPUTS, 22);
const W1 = noise(INPUTS * HIDDEN, 23),
  W2 = noise(HIDDEN * OUTPUTS, 24);

/** J and its gradients for L = ½‖o − y‖² and φ = tanh, all in (fan-in, fan-out) like the library's kernels. */
function byHand(lambda: number) {
  const h: number[] = [],
    o: number[] = [];
  let cost = 0;
  for (let i = 0; i < HIDDEN; i++) {
    let z = 0;
    for (let k = 0; k < INPUTS; k++) z += X[k] * W1[k * HIDDEN + i];
    h[i] = Math.tanh(z);
  }
  for (let j = 0; j < OUTPUTS; j++) {
    o[j] = 0;
    for (let i = 0; i < HIDDEN; i++) o[j] += h[i] * W2[i * OUTPUTS + j];
    cost += (o[j] - Y[j]) ** 2 / 2;
  }
  for (const w of [...W1, ...W2]) cost += (lambda / 2) * w * w;
  const gradW1: number[] = [],
    gradW2: number[] = [];
  for (let i = 0; i < HIDDEN; i++) {
    let gradH = 0;
    for (let j = 0; j < OUTPUTS; j++) {
      const gradO = o[j] - Y[j];
      gradW2[i * OUTPUTS + j] = gradO * h[i] + lambda * W2[i * OUTPUTS + j];
      gradH += gradO * W2[i * OUTPUTS + j];
    }
    const gradZ = gradH * (1 - h[i] * h[i]);
    for (let k = 0; k < INPUTS; k++) gradW1[k * HIDDEN + i] = gradZ * X[k] + lambda * W1[k * HIDDEN + i];
  }
  return { cost, gradients: [gradW1, gradW2] };
}

// η = 1 multiplies exactly. Weights and gradients are below 2, a dot product has at most 5 terms; tanh and the
// subtraction w − w′ add a few roundings of numbers below 2.
const TOLERANCE = 40 * ROUNDOFF;

describe.each(BACKENDS)("on %s", (backend) => {
  it("∂J/∂W² = ∂J/∂o·hᵀ + λW², and W¹ likewise", async () => {
    const kernelRegularizer = l2(LAMBDA / 2);
    const model = await compiledModel(
      {
        layers: [
          dense({ units: HIDDEN, activation: "tanh", useBias: false, inputShape: [INPUTS], kernelRegularizer }),
          dense({ units: OUTPUTS, useBias: false, kernelRegularizer }),
        ],
      },
      { optimizer: sgd(1), loss: "halfSquaredError", backend },
    );
    await setNumbers(model, [[...W1], [...W2]]);
    const { history } = await model.fit(X, Y, { batchSize: 1 });
    const moved = await numbersOf(model);
    const gradients = [W1, W2].map((w, i) => [...w].map((weight, k) => weight - moved[i][k]));
    const expected = byHand(LAMBDA);
    gradients.forEach((gradient, i) => expect(worstError(gradient, expected.gradients[i])).toBeLessThanOrEqual(TOLERANCE));
    expect(worstError(history.loss, [expected.cost])).toBeLessThanOrEqual(TOLERANCE);
    // Controls: no penalty, and the factor of 2 between the two conventions, are both noticed.
    for (const wrong of [byHand(0), byHand(2 * LAMBDA)]) {
      gradients.forEach((gradient, i) => expect(worstError(gradient, wrong.gradients[i])).toBeGreaterThan(1000 * TOLERANCE));
      expect(worstError(history.loss, [wrong.cost])).toBeGreaterThan(1000 * TOLERANCE);
    }
  });
});
