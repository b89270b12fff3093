// One layer of a model and its weights, by name or place.

import { describe, expect, it } from "vitest";
import {
  activation,
  batchNormalization,
  dense,
  dropout,
  getLayer,
  InputError,
  layerNormalization,
  sequential,
  simpleRNN,
  type Layer,
} from "../../src/index.ts";
import { compiledModel } from "../support/models.ts";

const LAYERS: readonly Layer[] = [
  simpleRNN({ units: 3, inputShape: [4, 2], returnSequences: true, dropout: 0.1 }),
  dropout({ rate: 0.1 }),
  layerNormalization({ scale: false, center: false }),
  layerNormalization({ center: false }),
  dense({ units: 3, useBias: false, name: "middle" }),
  dropout({ rate: 0.2 }),
  simpleRNN({ units: 2 }),
  batchNormalization(),
  dense({ units: 2, activation: "relu" }),
  activation("tanh"),
  activation("linear"),
  dense({ units: 1 }),
];

describe("every layer has its own weights", () => {
  it("by place and by name, all of them and in order", async () => {
    const model = sequential({ layers: LAYERS }),
      all = await model.getWeights();
    expect(model.layers).toEqual(LAYERS);
    const found = model.layers.map((_, i) => getLayer(model, i));
    expect(found.map(({ name }) => name)).toEqual([
      "simple_rnn",
      "dropout",
      "layer_normalization",
      "layer_normalization_1",
      "middle",
      "dropout_1",
      "simple_rnn_1",
      "batch_normalization",
      "dense_1",
      "activation",
      "activation_1",
      "dense_2",
    ]);
    expect((await Promise.all(found.map((layer) => layer.getWeights()))).flat()).toEqual(all);
    for (const [i, { name, index, layer }] of found.entries()) {
      expect(index).toBe(i);
      expect(layer).toBe(LAYERS[i]);
      expect(await found[i].getWeights()).toEqual(all.slice(found[i].from, found[i].to));
      expect(getLayer(model, name).index).toBe(i);
    }
  });

  it("setWeights() changes those of the layer alone, also two at once, and predict() sees them", async () => {
    const model = await compiledModel(
      { layers: [dense({ units: 2, inputShape: [1] }), dense({ units: 1 })] },
      { optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" },
    );
    const [first, second] = [getLayer(model, "dense"), getLayer(model, 1)];
    await Promise.all([
      first.setWeights([
        { shape: [1, 2], data: [2, 3] },
        { shape: [2], data: [0, 1] },
      ]),
      second.setWeights([
        { shape: [2, 1], data: [1, 10] },
        { shape: [1], data: [0.5] },
      ]),
    ]);
    expect([...(await model.predict([1]))]).toEqual([2 + 40 + 0.5]);
    const before = await first.getWeights();
    await second.setWeights(await second.getWeights());
    expect(await first.getWeights()).toEqual(before);
  });
});

describe("is refused", () => {
  const model = () => sequential({ layers: LAYERS });
  it.each<[string, unknown]>([
    ["a name that no layer has", "dense_7"],
    ["a place behind the end", 12],
    ["a place before the first", -12],
    ["half a place", 1.5],
    ["nothing", undefined],
  ])("%s", (_, wanted) => {
    expect(() => getLayer(model(), wanted as string)).toThrow(InputError);
    expect(() => getLayer(model(), wanted as string)).toThrow(/^getLayer\(\): there is no layer .*\. There are 0: simple_rnn, 1: dropout/);
  });

  it("weights of another number or shape, with nothing changed", async () => {
    const made = model(),
      before = await made.getWeights(),
      middle = getLayer(made, "middle");
    await expect(middle.setWeights([])).rejects.toThrow(/getLayer\(\): middle has 1 weights; setWeights\(\) got 0/);
    await expect(middle.setWeights(null as never)).rejects.toThrow(/got null/);
    await expect(middle.setWeights([{ shape: [2, 3], data: [1, 2, 3, 4, 5, 6] }])).rejects.toThrow(InputError);
    expect(await made.getWeights()).toEqual(before);
  });

  it("a model without layers, and layers that cannot be changed", () => {
    expect(() => getLayer(sequential({}), 0)).toThrow(/no dense layer yet/);
    expect(() => (model().layers as Layer[]).push(dense({ units: 1 }))).toThrow(TypeError);
  });
});
