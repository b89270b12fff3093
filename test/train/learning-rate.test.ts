// model.learningRate: another η between two fit() calls, with all that the optimizer has gathered.

import { expect, it } from "vitest";
import {
  adam,
  constant,
  dataset,
  dense,
  exponentialDecay,
  InputError,
  piecewiseConstantDecay,
  sequential,
  type Schedule,
} from "../../src/index.ts";

const X = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
  Y = Float32Array.from({ length: 12 }, (_, i) => Math.cos(i));

async function trained(rate: number | Schedule, change?: number | Schedule): Promise<number[]> {
  const model = sequential({ seed: 3, layers: [dense({ units: 4, activation: "tanh", inputShape: [2] }), dense({ units: 1 })] });
  await model.compile({ optimizer: adam({ learningRate: rate }), loss: "meanSquaredError", backend: "cpu" });
  const data = dataset(X, Y);
  await model.fit(data, { batchSize: 4, steps: 5 });
  if (change !== undefined) model.learningRate = change;
  await model.fit(data, { batchSize: 4, steps: 5 });
  const weights = (await model.getWeights()).flatMap(({ data: numbers }) => [...numbers]);
  model.dispose();
  return weights;
}

it("changes η between two calls and nothing else: the weights are those of a schedule that says the same", async () => {
  const stair = await trained(piecewiseConstantDecay({ boundaries: [4], values: [0.1, 0.003] }));
  expect(await trained(0.1, 0.003)).toEqual(stair);
  // A control: without the change, and with another one, they differ.
  expect(await trained(0.1)).not.toEqual(stair);
  expect(await trained(0.1, 0.0031)).not.toEqual(stair);
});

it("reads a schedule from the steps made so far", async () => {
  const decay = exponentialDecay({ initialLearningRate: 0.1, decaySteps: 5, decayRate: 0.5 });
  expect(await trained(decay, decay)).toEqual(await trained(decay));
});

it("tells the rate of the next step, and refuses what is none", async () => {
  const model = sequential({ layers: [dense({ units: 1, inputShape: [2] })] });
  expect(() => model.learningRate).toThrow(InputError);
  expect(() => {
    model.learningRate = 0.1;
  }).toThrow(InputError);
  await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" });
  expect(model.learningRate).toBe(0.01);
  model.learningRate = piecewiseConstantDecay({ boundaries: [2], values: [0.5, 0.25] });
  expect(model.learningRate).toBe(0.5);
  await model.fit(X, Y, { batchSize: 4, steps: 3 });
  expect(model.learningRate).toBe(0.25);
  for (const wrong of [-1, NaN, Infinity, "fast"]) {
    expect(() => {
      model.learningRate = wrong as number;
    }).toThrow(/model: learningRate must be/);
  }
  expect(model.learningRate).toBe(0.25);
  model.learningRate = constant(0);
  const before = await model.getWeights();
  await model.fit(X, Y, { batchSize: 4, steps: 3 });
  expect(await model.getWeights()).toEqual(before);
  model.dispose();
});
