// predict() before compile() takes the backend that compile() would take by default: for networks as small as these WebAssembly, on any
// adapter. compile() then moves the weights to the engine that it names.

import { expect, it, onTestFinished } from "vitest";
import { dense, sequential, sgd, simpleRNN, type Layer } from "../../../src/index.ts";
import { ENGINE, noise, numbersOf } from "../../support/models.ts";

it.each<[string, Layer[]]>([
  ["dense", [dense({ units: 5, activation: "tanh", inputShape: [6] }), dense({ units: 3, activation: "softmax" })]],
  ["recurrent", [simpleRNN({ units: 4, inputShape: [3, 2] }), dense({ units: 2 })]],
])("runs, with or without weights that were set: %s", async (_, layers) => {
  const declare = (seed: number) => {
    const model = sequential({ seed, layers });
    onTestFinished(() => model.dispose());
    return model;
  };
  const x = noise(60, 3),
    model = declare(1),
    other = declare(2),
    reference = declare(1);
  await other.setWeights(await model.getWeights());
  await reference.compile({ optimizer: sgd(0.1), loss: "meanSquaredError", backend: "cpu" });
  const right = await reference.predict(x),
    given = await model.predict(x);
  expect(model.backend).toBe("wasm");
  expect(given.length).toBe(right.length);
  right.forEach((value, i) => expect(Math.abs(given[i] - value)).toBeLessThan(1e-5));
  expect(await other.predict(x)).toEqual(given);
  // Then it trains, from the same weights.
  const before = await numbersOf(model);
  await model.compile({ optimizer: sgd(0.1), loss: "meanSquaredError", backend: ENGINE });
  expect(await numbersOf(model)).toEqual(before);
  (await model.predict(x)).forEach((value, i) => expect(Math.abs(given[i] - value)).toBeLessThan(1e-5));
});
