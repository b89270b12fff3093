// XOR by 2-8-1: what no network without a hidden layer learns (Minsky and Papert, "Perceptrons", 1969) and the first
// example of Rumelhart, Hinton and Williams, "Learning internal representations by error propagation" (1986).

import { describe, expect, it } from "vitest";
import { adam, dense } from "../../../src/index.ts";
import { worstError } from "../../support/compare.ts";
import { BACKENDS, compiledModel } from "../../support/models.ts";

const X = [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ],
  Y = [0, 1, 1, 0];
const STEPS = 60;
const output = dense({ units: 1, activation: "sigmoid", inputShape: [8] });

describe.each(BACKENDS)("on %s", (backend) => {
  const recipe = { optimizer: adam(0.1), loss: "binaryCrossentropy", metrics: ["accuracy"], backend } as const;

  it(`is solved in ${STEPS} steps from seed 1: all four answers within 0.1`, async () => {
    const model = await compiledModel({ seed: 1, layers: [dense({ units: 8, activation: "tanh", inputShape: [2] }), output] }, recipe);
    expect(worstError(await model.predict(X), Y)).toBeGreaterThan(0.1);
    const { steps, history } = await model.fit(X, Y, { epochs: STEPS, batchSize: 4 });
    expect(steps).toBe(STEPS);
    expect(worstError(await model.predict(X), Y)).toBeLessThanOrEqual(0.1);
    expect(history.accuracy.at(-1)).toBe(1);
  });

  it("control: the same without a bend between the layers is not solved", async () => {
    const model = await compiledModel({ seed: 1, layers: [dense({ units: 8, inputShape: [2] }), output] }, recipe);
    await model.fit(X, Y, { epochs: STEPS, batchSize: 4 });
    expect(worstError(await model.predict(X), Y)).toBeGreaterThan(0.4);
  });
});
