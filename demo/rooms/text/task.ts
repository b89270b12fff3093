// What the text room trains: a network that guesses the next character of a text. Between slices it writes.

import { placesOf } from "../../../src/cli/characters.ts";
import { textModelBytes } from "../../../src/cli/saved-text-model.ts";
import { buildTextModel, textRecipe, type TextSpec } from "../../../src/cli/text-model.ts";
import { Sampler } from "../../../src/cli/text-sampler.ts";
import { dataset, windows, type LabelledDatasetHandle, type Sequential } from "../../../src/index.ts";
import type { Place } from "../../lib/places.ts";
import type { Batch, Progress, Task } from "../../lib/trainer.ts";
import type { TextConfig } from "./config.ts";
import { heldOut } from "./corpus.ts";
import type { Events, Expected, Live, Material, Wish } from "./messages.ts";

/** What it writes is kept after so many steps, and whenever there are twice as many. */
const FIRST_KEPT = 25;
/** Characters of a sample, and of the text before it where no prompt is given to a saved model. */
const SAMPLE = 360,
  PRIMER = 64;
/** Characters that it tells to expect. */
const EXPECTED = 8;
/** Steps that the perplexity is the mean of. */
const RECENT = 25;
/** Characters of the held-out text that it is asked about, at most, and places in it that are read at once. */
const MOST_ASKED = 5_000,
  ASKED_AT_ONCE = 8;

/** The next number of steps after which what it writes is kept. */
function nextKept(steps: number): number {
  let next = FIRST_KEPT;
  while (next <= steps) next *= 2;
  return next;
}

/** By p^(1/temperature) / Σ, as they are drawn. */
function likeliest(answer: Float32Array, vocabulary: readonly string[], temperature: number): Expected[] {
  const largest = Math.max(...answer),
    weights = Array.from(answer, (p) => (p / largest) ** (1 / temperature));
  const total = weights.reduce((a, b) => a + b);
  return [...weights.keys()]
    .sort((a, b) => weights[b] - weights[a])
    .slice(0, EXPECTED)
    .map((place) => ({ character: vocabulary[place], probability: weights[place] / total }));
}

export class TextTask implements Task {
  /** Short enough for a pause at once, long enough to lose nothing by it. */
  readonly sliceMs = 150;
  readonly firstSlice = 2;
  readonly firstLap = 1;
  /** In between it writes so often. */
  readonly showEveryMs = 2_500;
  readonly model: Sequential;
  readonly data: LabelledDatasetHandle;
  readonly #held: LabelledDatasetHandle;
  /** Rows of a mini-batch of the held-out text. */
  readonly #heldBatch: number;
  /** Mini-batches of a pass over the text. */
  readonly #batches: number;
  #config: TextConfig;
  #wish: Wish;
  #sampler: Sampler | null = null;
  #writing: Promise<unknown> = Promise.resolve();
  #steps = 0;
  #recent: number[] = [];
  /** Steps at the last show(); null before the first. */
  #shownAt: number | null = null;

  constructor(
    config: TextConfig,
    readonly material: Material,
    wish: Wish,
    readonly events: Events,
  ) {
    const { text, vocabulary } = material,
      { length, batch: batchSize } = config;
    const places = placesOf(text, vocabulary, "the text"),
      from = places.length - heldOut(places.length);
    const { x, y, batches } = windows(places.subarray(0, from), { length, batchSize });
    const asked = places.subarray(from, from + MOST_ASKED),
      heldBatch = Math.min(ASKED_AT_ONCE, Math.floor((asked.length - 1) / length));
    const held = windows(asked, { length, batchSize: heldBatch });
    [this.#config, this.#batches, this.#heldBatch] = [config, batches, heldBatch];
    [this.data, this.#held] = [dataset(x, y), dataset(held.x, held.y)];
    this.#wish = { ...wish, prompt: [...wish.prompt].every((character) => vocabulary.includes(character)) ? wish.prompt : "" };
    this.model = this.build();
  }

  /** From the next slice on. */
  change(live: Live): void {
    this.#config = { ...this.#config, ...live };
  }

  get recipe() {
    return textRecipe(this.#spec);
  }

  get fitOptions() {
    return { batchSize: this.#config.batch, shuffle: false };
  }

  get rate(): number {
    return this.#config.rate;
  }

  build(): Sequential {
    return buildTextModel(this.#spec, this.#config.length);
  }

  async open(): Promise<void> {
    if (this.material.weights) await this.model.setWeights(this.material.weights);
    this.#sampler = await Sampler.open(this.#spec);
  }

  compile(options: Place["options"]): Promise<void> {
    return this.model.compile({ ...this.recipe, ...options });
  }

  /** As many as are wanted, or as the pass over the text has left, or until what it writes is to be kept. */
  beginSlice(wanted: number): number {
    const done = this.#steps % this.#batches;
    // The text begins again, and with it what the network remembers of it.
    if (done === 0) this.model.resetStates();
    return Math.min(wanted, this.#batches - done, nextKept(this.#steps) - this.#steps);
  }

  onBatches(batches: readonly Batch[], { steps, stepsPerSecond }: Progress): void {
    const perplexities = batches.map(({ loss }) => Math.exp(loss)),
      { length, batch } = this.#config,
      speed = stepsPerSecond ?? NaN;
    this.#steps = steps;
    this.#recent = [...this.#recent, ...perplexities].slice(-RECENT);
    this.events.onProgress({
      steps,
      perplexities: Float32Array.from(perplexities),
      perplexity: this.#perplexity,
      passes: steps / this.#batches,
      stepsPerSecond: speed,
      charactersPerSecond: speed * length * batch,
    });
  }

  isDue(): boolean {
    return this.#shownAt === null || this.#steps >= nextKept(this.#shownAt);
  }

  async show({ steps }: Progress): Promise<void> {
    const { loss } = await this.model.evaluate(this.#held, { batchSize: this.#heldBatch }),
      kept = this.isDue();
    this.events.onHeldOut({ steps, perplexity: Math.exp(loss) });
    this.#shownAt = steps;
    await this.#write(kept);
  }

  /** Writes with the weights as they are, whether it learns or not. */
  write(wish: Wish): Promise<void> {
    this.#wish = wish;
    return this.#write(false);
  }

  /** As a file that the command line reads, too; null if the weights are no finite numbers. */
  async save(): Promise<Uint8Array | null> {
    const { length, batch } = this.#config,
      weights = await this.model.getWeights();
    if (!weights.every(({ data }) => data.every(Number.isFinite))) return null;
    const primer = [...this.material.text.slice(0, 2 * PRIMER)].slice(0, PRIMER).join("");
    return textModelBytes({
      spec: this.#spec,
      length,
      batchSize: batch,
      temperature: this.#wish.temperature,
      primer,
      weights: weights.map(({ name, shape, data }) => ({ name, shape: [...shape], data: Float32Array.from(data) })),
    });
  }

  async dispose(): Promise<void> {
    await this.#writing;
    for (const one of [this.data, this.#held, this.#sampler, this.model]) one?.dispose();
  }

  get #spec(): TextSpec {
    const { cell, layers, units, rate, seed } = this.#config;
    return { vocabulary: this.material.vocabulary, cell, hidden: units, layers, learningRate: rate, seed };
  }

  get #perplexity(): number {
    return Math.exp(this.#recent.reduce((sum, perplexity) => sum + Math.log(perplexity), 0) / this.#recent.length);
  }

  /** One text at a time: they share a network. */
  #write(kept: boolean): Promise<void> {
    const writing = this.#writing.then(async () => {
      const sampler = this.#sampler!,
        steps = this.#steps,
        { temperature, prompt, turn } = this.#wish,
        perplexity = steps === 0 ? NaN : this.#perplexity;
      const weights = await this.model.getWeights(),
        answer = await sampler.expect(weights, prompt);
      const text = await sampler.draw(weights, { count: SAMPLE, temperature, prompt, seed: this.#config.seed }, turn);
      const next = answer ? likeliest(answer, sampler.spec.vocabulary, temperature) : [];
      this.events.onSample({ steps, perplexity, prompt, temperature, text, next, kept });
    });
    this.#writing = writing.catch(() => {});
    return writing;
  }
}
