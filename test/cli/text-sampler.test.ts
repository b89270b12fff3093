// Drawing characters: temperature, repetition, and a model that knows what comes next.

import { describe, expect, it, onTestFinished } from "vitest";
import { drawFrom, Sampler } from "../../src/cli/text-sampler.ts";
import { buildTextModel, type TextSpec } from "../../src/cli/text-model.ts";

const SPEC: TextSpec = { cell: "rnn", vocabulary: ["\n", "a", "b", "c"], hidden: 5, layers: 2, learningRate: 0.01, seed: 3 };
const DRAWING = { count: 40, temperature: 1, prompt: "", seed: 1 };

/** How often each of the places is drawn from evenly spread numbers. */
function shares(probabilities: number[], temperature: number): number[] {
  const n = 10_000,
    counts = probabilities.map(() => 0);
  for (let i = 0; i < n; i++) counts[drawFrom(Float32Array.from(probabilities), temperature, (i + 0.5) / n)]++;
  return counts.map((found) => found / n);
}

describe("drawFrom", () => {
  it.each([
    [1, [0.1, 0.2, 0.7]],
    [0.5, [0.01 / 0.54, 0.04 / 0.54, 0.49 / 0.54]],
    [0.001, [0, 0, 1]],
  ])("temperature %f: p^(1/temperature) / Σ", (temperature, wanted) => {
    shares([0.1, 0.2, 0.7], temperature).forEach((share, i) => expect(share).toBeCloseTo(wanted[i], 3));
  });

  it("never draws what has probability 0", () => {
    expect(shares([0, 1, 0], 1000)).toEqual([0, 1, 0]);
    expect(drawFrom(Float32Array.of(0.5, 0.5, 0), 1, 1)).toBe(1);
  });
});

describe("Sampler", () => {
  const open = async () => {
    const sampler = await Sampler.open(SPEC),
      model = buildTextModel(SPEC, 7);
    onTestFinished(() => {
      sampler.dispose();
      model.dispose();
    });
    return { sampler, model, weights: await model.getWeights() };
  };

  it("repeats itself from the same seed, whatever was written before, and not from another or in another turn", async () => {
    const { sampler, weights } = await open();
    const first = await sampler.draw(weights, DRAWING);
    await sampler.draw(weights, { ...DRAWING, prompt: "abc", count: 3 });
    expect(await sampler.draw(weights, DRAWING)).toBe(first);
    expect([...first!]).toHaveLength(40);
    expect(await sampler.draw(weights, { ...DRAWING, seed: 2 })).not.toBe(first);
    expect(await sampler.draw(weights, DRAWING, 1)).not.toBe(first);
  });

  // The coldest text is the likeliest answer at each step, as one pass over the whole text gives it.
  it("carries its state from character to character, as a pass over all of them does", async () => {
    const { sampler, model, weights } = await open();
    const text = await sampler.draw(weights, { ...DRAWING, prompt: "b", count: 7, temperature: 1e-6 });
    const read = [..."b", ...text!].slice(0, 7).map((character) => SPEC.vocabulary.indexOf(character));
    await model.compile({ optimizer: "sgd", loss: "sparseCategoricalCrossentropy", backend: "cpu" });
    const answers = await model.predict(read, { batchSize: 1 });
    const likeliest = read.map((_, t) => {
      const row = answers.subarray(t * 4, t * 4 + 4);
      return SPEC.vocabulary[row.indexOf(Math.max(...row))];
    });
    expect(likeliest.join("")).toBe(text);
  });

  it("writes nothing with weights that are no numbers", async () => {
    const { sampler, weights } = await open();
    weights[0].data[3] = NaN;
    expect(await sampler.draw(weights, DRAWING)).toBeNull();
  });
});
