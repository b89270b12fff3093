// A model file on each engine: training goes on bit for bit, and in a page the file lies in IndexedDB, in OPFS, or behind an address.

import { expect, it } from "vitest";
import { loadModel, saveModel } from "../../src/files/index.ts";
import { adam, cosineDecay, dense, dropout, InputError, sequential, UnsupportedError } from "../../src/index.ts";
import { ENGINE } from "../support/models.ts";

const RECIPE = {
  optimizer: adam({ learningRate: cosineDecay({ initialLearningRate: 0.05, decaySteps: 30 }) }),
  loss: "meanSquaredError",
  backend: ENGINE,
} as const;
const x = Float32Array.from({ length: 60 }, (_, i) => Math.sin(i)),
  y = Float32Array.from({ length: 20 }, (_, i) => Math.cos(i));
const declare = () =>
  sequential({ seed: 5, layers: [dense({ units: 9, activation: "tanh", inputShape: [3] }), dropout({ rate: 0.2 }), dense({ units: 1 })] });
const FIT = { epochs: 3, batchSize: 7 };

async function trained(fits: number) {
  const model = declare();
  await model.compile(RECIPE);
  for (let i = 0; i < fits; i++) await model.fit(x, y, FIT);
  return model;
}

it("goes on training bit for bit", async () => {
  const half = await trained(1),
    whole = await trained(2),
    loaded = await loadModel(await saveModel(half, null, { optimizer: true }), { backend: ENGINE });
  await loaded.fit(x, y, FIT);
  expect(await loaded.getWeights()).toEqual(await whole.getWeights());
  // Control: another three epochs change something.
  expect(await half.getWeights()).not.toEqual(await whole.getWeights());
  for (const model of [half, whole, loaded]) model.dispose();
});

const inPage = globalThis.indexedDB !== undefined;

it("lies in IndexedDB or OPFS of a page, and is refused elsewhere", async () => {
  const model = declare(),
    weights = await model.getWeights();
  for (const place of ["indexeddb://a model", "opfs://model.safetensors"]) {
    if (!inPage) {
      await expect(saveModel(model, place)).rejects.toThrow(UnsupportedError);
      continue;
    }
    await saveModel(model, place);
    expect(await (await loadModel(place)).getWeights()).toEqual(weights);
    await expect(loadModel(`${place}-none`)).rejects.toThrow(InputError);
  }
});

it("is read from an address of the page, and by a handle", async () => {
  const model = declare(),
    bytes = await saveModel(model, null),
    url = URL.createObjectURL(new Blob([bytes]));
  expect(await (await loadModel(url)).getWeights()).toEqual(await model.getWeights());
  URL.revokeObjectURL(url);
  if (!inPage) return;
  const handle = await (await navigator.storage.getDirectory()).getFileHandle("picked", { create: true });
  await saveModel(model, handle);
  expect(await (await loadModel(handle)).getWeights()).toEqual(await model.getWeights());
});
