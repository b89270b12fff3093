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

const areFinite = (weights: readonly GivenWeight[]): boolean => weights.every(({ data }) => Array.from(data).every(Number.isFinite));

export class Sampler {
  private constructor(
    readonly model: Sequential,
    readonly spec: TextSpec,
  ) {}

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
    if (!areFinite(weights)) return null;
    const {
        spec: { vocabulary },
      } = this,
      random = new RandomSequence(seed, STREAM.sampling, turn);
    let answer = await this.#read(weights, prompt),
      text = "";
    for (let i = 0; i < count; i++) {
      const place = drawFrom(answer, temperature, random.uniform());
      text += vocabulary[place];
      if (i + 1 < count) answer = await this.#next(place);
    }
    return text;
  }

  /** The probability of each character of the vocabulary after a prompt; null where a weight is no finite number. */
  async expect(weights: readonly GivenWeight[], prompt: string): Promise<Float32Array | null> {
    return areFinite(weights) ? this.#read(weights, prompt) : null;
  }

  /** Begins anew. @returns the answer to the last character of the prompt */
  async #read(weights: readonly GivenWeight[], prompt: string): Promise<Float32Array> {
    const {
      model,
      spec: { vocabulary },
    } = this;
    await model.setWeights(weights);
    model.resetStates();
    const places = [...prompt].map((character) => vocabulary.indexOf(character));
    const [first, ...rest] = places.length > 0 ? places : [Math.max(0, vocabulary.indexOf("\n"))];
    let answer = await this.#next(first);
    for (const place of rest) answer = await this.#next(place);
    return answer;
  }

  #next(place: number): Promise<Float32Array> {
    return this.model.predict([place], { batchSize: 1 });
  }

  dispose(): void {
    this.model.dispose();
  }
}
