// Where there are no Web Workers, as in Node, trainInWorker() says so and what to do, and the model trains on by fit().

import { expect, it } from "vitest";
import { dense, InputError, sequential, trainInWorker, UnsupportedError } from "../../src/index.ts";
import { rebuildSchedule } from "../../src/model/rebuild-schedule.ts";
import { cosineDecay, exponentialDecay, piecewiseConstantDecay, warmup } from "../../src/model/changing-rates.ts";
import { constant, rateAt } from "../../src/model/schedules.ts";

it("says that this host has none, and leaves the model as it was", async () => {
  const model = sequential({ layers: [dense({ units: 1, inputShape: [1] })] });
  await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" });
  const before = await model.getWeights(),
    error: unknown = await trainInWorker(model, [1, 2], [1, 2]).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UnsupportedError);
  expect((error as Error).message).toMatch(/this host has no Web Workers.*Train with model\.fit\(\)/);
  expect(await model.getWeights()).toEqual(before);
  expect((await model.fit([1, 2], [1, 2])).steps).toBe(1);
  // What is wrong with the data is told first, as by fit().
  await expect(trainInWorker(model, [1, 2], [1])).rejects.toThrow(InputError);
});

it.each([
  ["constant", constant(0.3)],
  ["piecewise", piecewiseConstantDecay({ boundaries: [3, 9], values: [1, 0.5, 0.1] })],
  ["exponential", exponentialDecay({ initialLearningRate: 0.1, decaySteps: 7, decayRate: 0.9 })],
  ["staircase", exponentialDecay({ initialLearningRate: 0.1, decaySteps: 7, decayRate: 0.9, staircase: true })],
  ["cosine", cosineDecay({ initialLearningRate: 0.1, decaySteps: 13, alpha: 0.01 })],
  [
    "warmup of a warmup",
    warmup({ steps: 5, from: 0.01, then: warmup({ steps: 3, then: cosineDecay({ initialLearningRate: 1, decaySteps: 9 }) }) }),
  ],
])("%s: a schedule that was cloned to another thread gives the same rates, bit for bit", (_, schedule) => {
  const there = rebuildSchedule(structuredClone(schedule));
  expect(there).toEqual(schedule);
  for (let step = 0; step < 30; step++) expect(rateAt(there, step)).toBe(rateAt(schedule, step));
  // Control: the copy alone has no formula.
  expect(() => rateAt(structuredClone(schedule), 0)).toThrow(/without a formula/);
});
