// Networks in files: what the page saves the command line reads, and what is no network of this page is refused.

import { describe, expect, it } from "vitest";
import { DEFAULTS, type DigitsConfig } from "../../demo/rooms/digits/config.ts";
import { buildModel } from "../../demo/rooms/digits/model.ts";
import { loadModel, saveModel } from "../../demo/rooms/digits/saved.ts";
import { encodeSafetensors, FormatError, type TensorToWrite } from "../../src/index.ts";
import { parseModel } from "../../src/cli/saved-model.ts";

const CONFIG: DigitsConfig = {
  ...DEFAULTS,
  layers: [5, 3],
  activation: "tanh",
  loss: "quadratic",
  dropout: 0.25,
  regularizer: "l2",
  lambda: 0.001,
};
const weights = await buildModel(CONFIG, 9, 4).getWeights();
const load = (bytes: Uint8Array, before = DEFAULTS) => loadModel(bytes, "file", before, 9, 4);

it("comes back as it was, and as the command line understands it", () => {
  const bytes = saveModel(weights, CONFIG),
    { config, weights: read } = load(bytes);
  const { layers, activation, loss, dropout, regularizer, lambda } = CONFIG;
  expect(config).toEqual({ ...DEFAULTS, layers, activation, loss, dropout, regularizer, lambda });
  expect(read).toEqual(weights);
  expect(parseModel(bytes, "file").spec).toEqual({
    layers: [9, 5, 3, 4],
    activation: "tanh",
    loss: "halfSquaredError",
    dropout: 0.25,
    l2: 0.001,
  });
});

describe("is refused", () => {
  const changed = (change: (tensors: TensorToWrite[]) => TensorToWrite[], metadata: Record<string, string> = {}) =>
    encodeSafetensors(change(weights.map((tensor) => ({ ...tensor }))), metadata);
  it.each<[string, Uint8Array]>([
    ["no tensors", changed(() => [])],
    ["a kernel without its bias", changed((tensors) => tensors.slice(0, 5))],
    ["other names", changed((tensors) => tensors.map((tensor, i) => ({ ...tensor, name: `w${i}` })))],
    ["other features", changed((tensors) => [{ ...tensors[0], shape: [15, 3] }, ...tensors.slice(1)])],
    ["other classes", changed((tensors) => tensors.slice(0, 4))],
    ["numbers that are none", changed((tensors) => [{ ...tensors[0], data: new Float32Array(45).fill(NaN) }, ...tensors.slice(1)])],
    ["an unknown activation", changed((tensors) => tensors, { activation: "softsign" })],
    ["dropout out of bounds", changed((tensors) => tensors, { dropout: "1" })],
    ["bytes of something else", new Uint8Array(64)],
  ])("for %s", (_, bytes) => {
    expect(() => load(bytes)).toThrow(FormatError);
  });

  it("and without metadata taken with the settings at hand", () => {
    expect(
      load(
        changed((tensors) => tensors),
        CONFIG,
      ).config,
    ).toEqual({ ...CONFIG, regularizer: "none" });
  });
});
