// Writes text with a character-level model: one character after the other, each drawn from the answer to the one before. On the
// CPU backend, whatever trains: a step of one row is too little for a GPU to be worth the way there and back.

import type { GivenWeight, Sequential } from "../index.ts";
import { RandomSequence, STREAM } from "../random.ts";
import { buildTextModel, textRecipe, type TextSpec } from "./text-model.ts";

export interface Drawing {
  /** Characters to write. */
  readonly count: number;
  /** > 0. Probabilities are taken to the power 1/temperature: below 1 the likely gets likelier. */
  readonly temperature: number;
  /** Read before writing, and not repeated; characters of the vocabulary. "": begin as after a line break. */
  readonly prompt: string;
  readonly seed: number;
}

/** The place of the one drawn, by p^(1/temperature) / Σ; `uniform` in (0, 1) decides. */
export function drawFrom(probabilities: Float32Array, temperature: number, uniform: number): number {
  const largest = probabilities.reduce((a, b) => Math.max(a, b));
  // Relative to the largest, so that a low temperature leaves more than zeros.
  const weights = Array.from(probabilities, (p) => (p / largest) ** (1 / temperature));
  let left = uniform * weights.reduce((a, b) => a + b, 0);
  const drawn = weights.findIndex((weight) => (left -= weight) < 0);
  // Rounding can leave a little behind the last one.
  return drawn >= 0 ? drawn : weights.findLastIndex((weight) => weight > 0);
}

export class Sampler {
  private constructor(readonly model: Sequential, readonly spec: TextSpec) {}

  static async open(spec: TextSpec): Promise<Sampler> {
    const model = buildTextModel(spec, 1);
    await model.compile({ ...textRecipe(spec), backend: "cpu" });
    return new Sampler(model, spec);
  }

  /**
   * The same text for the same weights, drawing and `turn`; null where a weight is no finite number.
   * @param turn tells the samples of one run apart
   */
  async draw(weights: readonly GivenWeight[], { count, temperature, prompt, seed }: Drawing, turn = 0): Promise<string | null> {
    if (!weights.every(({ data }) => Array.from(data).every(Number.isFinite))) return null;
    const { model, spec: { vocabulary } } = this, random = new RandomSequence(seed, STREAM.sampling, turn);
    await model.setWeights(weights);
    model.resetStates();
    const next = async (place: number) => model.predict([place], { batchSize: 1 });
    const places = [...prompt].map((character) => vocabulary.indexOf(character));
    const [first, ...rest] = places.length > 0 ? places : [Math.max(0, vocabulary.indexOf("\n"))];
    let answer = await next(first), text = "";
    for (const place of rest) answer = await next(place);
    for (let i = 0; i < count; i++) {
      const place = drawFrom(answer, temperature, random.uniform());
      text += vocabulary[place];
      if (i + 1 < count) answer = await next(place);
    }
    return text;
  }

  dispose(): void {
    this.model.dispose();
  }
}
