// Three layers of neurons, sigmoid hidden, linear output, E = ½Σe², weights moved after every single example. Source:
// Bishop, "Pattern Recognition and Machine Learning" (2006), 5.2.4 (sequential gradient descent, w ← w − η∇Eₙ) and 5.3
// (linear outputs under the sum of squares: δ = a − y). The other side is a plain loop over neurons in float64.

import { describe, expect, it } from "vitest";
import { dense, sgd } from "../../../src/index.ts";
import { ROUNDOFF, worstError } from "../../support/compare.ts";
import { BACKENDS, compiledModel, noise, numbersOf } from "../../support/models.ts";
import { costOf, descend, flattened, HALF_SQUARED, plainLayers, type Example } from "../../support/plain-network.ts";

const EXAMPLES = 12,
  RATE = 0.25,
  EPOCHS = 2;
const X = noise(EXAMPLES * 3, 31),
  Y = noise(EXAMPLES * 2, 32);
const examples: Example[] = Array.from({ length: EXAMPLES }, (_, n) => ({
  x: [...X.subarray(3 * n, 3 * n + 3)],
  y: [...Y.subarray(2 * n, 2 * n + 2)],
}));

// Weights stay below 2; each of the 24 steps rounds every weight once and its small increment some twenty times, and hands
// on, not magnified, what came before.
const TOLERANCE = EXAMPLES * EPOCHS * 8 * ROUNDOFF;

describe.each(BACKENDS)("on %s", (backend) => {
  it("goes example by example, in order, where the plain loop goes", async () => {
    const model = await compiledModel(
      { seed: 5, layers: [dense({ units: 4, activation: "sigmoid", inputShape: [3] }), dense({ units: 2 })] },
      { optimizer: sgd(RATE), loss: "halfSquaredError", backend },
    );
    const start = plainLayers(await model.getWeights(), ["sigmoid", "linear"]);
    const reported: number[] = [];
    await model.fit(X, Y, {
      epochs: EPOCHS,
      batchSize: 1,
      shuffle: false,
      callbacks: { onBatchEnd: (_, { loss }) => void reported.push(loss) },
    });

    let layers = start;
    const costs: number[] = [];
    for (let epoch = 0; epoch < EPOCHS; epoch++) {
      for (const example of examples) {
        costs.push(costOf(layers, example.x, example.y, HALF_SQUARED));
        layers = descend(layers, [example], HALF_SQUARED, RATE);
      }
    }
    const numbers = (await numbersOf(model)).flat();
    expect(worstError(numbers, flattened(layers).flat())).toBeLessThanOrEqual(TOLERANCE);
    expect(worstError(reported, costs)).toBeLessThanOrEqual(TOLERANCE);

    // Controls: the reverse order, and one step of the mean gradient an epoch, end elsewhere.
    const reversed = examples
      .slice()
      .reverse()
      .reduce((l, e) => descend(l, [e], HALF_SQUARED, RATE), start);
    expect(worstError(numbers, flattened(reversed).flat())).toBeGreaterThan(100 * TOLERANCE);
    const whole = descend(descend(start, examples, HALF_SQUARED, RATE), examples, HALF_SQUARED, RATE);
    expect(worstError(numbers, flattened(whole).flat())).toBeGreaterThan(100 * TOLERANCE);
  });
});
