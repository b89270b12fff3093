// Layers come by layers: […] or by add(), in any cut: the models are the same, and so is what is wrong with them. What a layer still to
// come can mend is no error yet.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { activation, dense, dropout, InputError, sequential, simpleRNN, type Layer, type Sequential } from "../../src/index.ts";

/** What a model is, and gives: its table, its weights, its answers on the CPU; or what is wrong with it. */
async function characterOf(make: () => Sequential): Promise<unknown> {
  try {
    const model = make(),
      summary = model.summary(),
      weights = (await model.getWeights()).map(({ name, shape, data }) => [name, shape, [...data]]);
    await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" });
    const answers = await model.predict(Array.from({ length: 6 * 2 }, (_, i) => i / 6 - 1));
    model.dispose();
    return { summary, weights, answers: [...answers] };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.message;
  }
}

const inputShape = fc.constantFrom<[] | number[]>([2], [2], [3, 2], [2, 3], [6]);
const first = fc.oneof(
  inputShape.map((shape) => dense({ units: 3, inputShape: shape })),
  inputShape.map((shape) => dropout({ rate: 0.25, inputShape: shape })),
  inputShape.map((shape) => activation({ activation: "tanh", inputShape: shape })),
  fc.boolean().map((returnSequences) => simpleRNN({ units: 2, returnSequences, inputShape: [3, 2] })),
  fc.constant(dense({ units: 2 })),
);
const later = fc.constantFrom<Layer>(
  dense({ units: 2 }),
  dense({ units: 4, activation: "sigmoid", useBias: false }),
  dense({ units: 2, activation: "softmax" }),
  dense({ units: 1, name: "head" }),
  dropout({ rate: 0.5 }),
  activation("relu"),
  simpleRNN({ units: 3 }),
  simpleRNN({ units: 3, returnSequences: true }),
  dense({ units: 2, inputShape: [3] }),
);

/** The first layers in one piece, the others one by one. */
const cutAt = (layers: readonly Layer[], cut: number): Sequential => {
  const model = sequential({ seed: 3, layers: layers.slice(0, cut) });
  for (const layer of layers.slice(cut)) model.add(layer);
  return model;
};

describe("add()", () => {
  it("makes of layers what layers: […] makes of them, wherever they are cut", async () => {
    let whole = 0,
      refused = 0;
    await fc.assert(
      fc.asyncProperty(first, fc.array(later, { maxLength: 5 }), fc.nat(6), async (one, others, at) => {
        const layers = [one, ...others],
          expected = await characterOf(() => sequential({ seed: 3, layers }));
        if (typeof expected === "string") refused++;
        else whole++;
        expect(await characterOf(() => cutAt(layers, Math.min(at, layers.length)))).toEqual(expected);
      }),
      { seed: 20261127, numRuns: 600 },
    );
    // Control: both happen.
    expect(Math.min(whole, refused)).toBeGreaterThan(60);
  });

  it("control: models of other layers are told apart", async () => {
    const model = (units: number) => characterOf(() => sequential({ seed: 3, layers: [dense({ units, inputShape: [2] })] }));
    expect(await model(2)).not.toEqual(await model(3));
  });

  it.each<[string, Layer[]]>([
    ["dense, dropout, dense", [dense({ units: 4, inputShape: [2] }), dropout({ rate: 0.5 }), dense({ units: 1 })]],
    ["dropout, dropout, dense", [dropout({ rate: 0.1, inputShape: [2] }), dropout({ rate: 0.5 }), dense({ units: 1 })]],
    ["dense over time, then simpleRNN", [dense({ units: 4, inputShape: [3, 2] }), simpleRNN({ units: 2 })]],
  ])("%s: no layer is refused for what the next one brings", (_, layers) => {
    const model = sequential();
    for (const layer of layers) expect(() => model.add(layer)).not.toThrow();
    expect(model.summary()).toBe(sequential({ layers }).summary());
  });

  it.each<[string, Layer, RegExp]>([
    ["a layer after a softmax", dense({ units: 2 }), /comes after a softmax/],
    ["no layer", {} as Layer, /layer 1 must be the value of/],
    ["a shape that does not meet", dropout({ rate: 0.5, inputShape: [7] }), /declares inputShape \[7\] but 2 features reach it/],
  ])("refuses at once what no further layer can mend, and stays as it was: %s", (_, wrong, message) => {
    const model = sequential({ layers: [dense({ units: 2, activation: "softmax", inputShape: [2] })] }),
      before = model.summary();
    expect(() => model.add(wrong)).toThrow(message);
    expect(model.summary()).toBe(before);
  });

  it("a use in between sees the layers so far; what is no whole network says so then", async () => {
    const model = sequential({ seed: 3 }).add(dense({ units: 4, inputShape: [2] }));
    expect(await model.getWeights()).toHaveLength(2);
    model.add(dropout({ rate: 0.5 }));
    expect(() => model.summary()).toThrow(/dropout must not be the last layer/);
    await expect(model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" })).rejects.toThrow(
      /dropout must not be the last layer/,
    );
    await expect(model.predict([[1, 2]])).rejects.toThrow(InputError);
    // Nothing is spoilt by a use that was refused.
    model.add(dense({ units: 1 }));
    expect(await model.getWeights()).toHaveLength(4);
    await model.setWeights(await model.getWeights());
    expect(() => model.add(dense({ units: 1 }))).toThrow(/before compile\(\), predict\(\) and setWeights\(\)/);
  });
});
