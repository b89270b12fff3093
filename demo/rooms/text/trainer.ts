// The room's side of the library: holds the network and the text in the worker, trains in short slices, writes in between.

import { placesOf } from "../../../src/cli/characters.ts";
import { textModelBytes } from "../../../src/cli/saved-text-model.ts";
import { buildTextModel, textRecipe, type TextSpec } from "../../../src/cli/text-model.ts";
import { Sampler } from "../../../src/cli/text-sampler.ts";
import { dataset, windows, type LabelledDatasetHandle, type Sequential } from "../../../src/index.ts";
import { runRace, type Lap } from "../../lib/race.ts";
import type { Place, Places } from "../../lib/places.ts";
import { Revival } from "../../lib/revival.ts";
import type { RunLoop } from "../../lib/run-loop.ts";
import type { TextConfig } from "./config.ts";
import { heldOut } from "./corpus.ts";
import type { Events, Expected, Material, Wish } from "./messages.ts";

/** A slice of training lasts about so long: short enough for a pause at once, long enough to lose nothing by it. */
const SLICE_MS = 150;
const FIRST_SLICE = 2;
/** What it writes is kept after so many steps, and whenever there are twice as many. */
const FIRST_KEPT = 25;
/** In between it writes so often. */
const WRITE_EVERY_MS = 2_500;
/** Characters of a sample, and of the text before it where no prompt is given to a saved model. */
const SAMPLE = 360, PRIMER = 64;
/** Characters that it tells to expect. */
const EXPECTED = 8;
/** Share of the newest slice in what is told of speed; steps that the perplexity is the mean of. */
const NEWEST = 0.3, RECENT = 25;
/** Characters of the held-out text that it is asked about, at most, and places in it that are read at once. */
const MOST_ASKED = 5_000, ASKED_AT_ONCE = 8;

interface Current {
  readonly config: TextConfig;
  readonly spec: TextSpec;
  readonly primer: string;
  readonly model: Sequential;
  readonly sampler: Sampler;
  readonly data: LabelledDatasetHandle;
  readonly batches: number;
  readonly held: LabelledDatasetHandle;
  /** Rows of a mini-batch of `held`. */
  readonly heldBatch: number;
}

/** By p^(1/temperature) / Σ, as they are drawn. */
function likeliest(answer: Float32Array, vocabulary: readonly string[], temperature: number): Expected[] {
  const largest = Math.max(...answer), weights = Array.from(answer, (p) => (p / largest) ** (1 / temperature));
  const total = weights.reduce((a, b) => a + b);
  return [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, EXPECTED)
    .map((place) => ({ character: vocabulary[place], probability: weights[place] / total }));
}

export class Trainer {
  #current: Current | null = null;
  #rate = 0;
  #wish: Wish = { temperature: 1, prompt: "", turn: 0 };
  #steps = 0;
  #recent: number[] = [];
  #msPerStep: number | null = null;
  #loseNext = false;
  #writing: Promise<unknown> = Promise.resolve();
  readonly #revival = new Revival(() => this.#now.model.compile({ ...textRecipe({ ...this.#now.spec, learningRate: this.#rate }), ...this.place.options }));

  /**
   * @param place where all its networks run
   * @param loop what trains this network; nothing else that trains it may run beside it
   */
  constructor(readonly places: Places, readonly place: Place, readonly loop: RunLoop, readonly events: Events) {}

  /** From the next mini-batches on. */
  set rate(rate: number) {
    this.#rate = rate;
    this.loop.cutSlice();
  }

  /** For as long as the loop wants it. */
  train(): Promise<void> {
    return this.#revival.around(() => this.#train());
  }

  /** Exactly one mini-batch. */
  step(): Promise<void> {
    return this.loop.alone(async () => {
      await this.#revival.around(() => this.#slice(1));
      await this.#validate();
      await this.#write(false);
    });
  }

  /** Writes with the weights as they are, whether it learns or not. */
  write(wish: Wish): Promise<void> {
    this.#wish = wish;
    return this.#write(false);
  }

  /** Takes the GPU away in the middle of the next slice of training; does nothing while none is under way. */
  lose(): void {
    this.#loseNext = this.loop.wanted;
  }

  /** The same network from the same seed on every engine. */
  race(onLap: (lap: Lap) => void): Promise<Lap> {
    return this.loop.alone(async () => {
      const { config: { length, batch: batchSize }, data } = this.#now, spec = { ...this.#now.spec, learningRate: this.#rate };
      return runRace(this.places, async ({ options }) => {
        const model = buildTextModel(spec, length);
        await model.compile({ ...textRecipe(spec), ...options });
        return model;
      }, (model, steps, callbacks) => model.fit(data, { batchSize, steps, shuffle: false, callbacks }), onLap, 1);
    });
  }

  /** As a file that the command line reads, too; null if the weights are no finite numbers. */
  async save(): Promise<Uint8Array | null> {
    const { model, spec, primer, config: { length, batch } } = this.#now, weights = await model.getWeights();
    if (!weights.every(({ data }) => data.every(Number.isFinite))) return null;
    return textModelBytes({
      spec: { ...spec, learningRate: this.#rate }, length, batchSize: batch, temperature: this.#wish.temperature, primer,
      weights: weights.map(({ name, shape, data }) => ({ name, shape: [...shape], data: Float32Array.from(data) })),
    });
  }

  dispose(): void {
    const current = this.#current;
    this.#current = null;
    for (const one of [current?.data, current?.held, current?.sampler, current?.model]) one?.dispose();
  }

  get #now(): Current {
    if (!this.#current) throw new Error("there is no network yet");
    return this.#current;
  }

  /** A new network; the old one goes. Where it fails, the old one stays. */
  async start(config: TextConfig, { text, vocabulary, weights }: Material, wish: Wish): Promise<void> {
    const { layers, units, length, batch: batchSize, rate, seed } = config;
    const spec: TextSpec = { vocabulary, hidden: units, layers, learningRate: rate, seed };
    const places = placesOf(text, vocabulary, "the text"), from = places.length - heldOut(places.length);
    const { x, y, batches } = windows(places.subarray(0, from), { length, batchSize });
    const asked = places.subarray(from, from + MOST_ASKED), heldBatch = Math.min(ASKED_AT_ONCE, Math.floor((asked.length - 1) / length));
    const held = windows(asked, { length, batchSize: heldBatch });
    const model = buildTextModel(spec, length);
    let sampler: Sampler;
    try {
      if (weights) await model.setWeights(weights);
      await model.compile({ ...textRecipe(spec), ...this.place.options });
      sampler = await Sampler.open(spec);
    } catch (error) {
      model.dispose();
      throw error;
    }
    await this.#writing;
    this.dispose();
    const primer = [...text.slice(0, 2 * PRIMER)].slice(0, PRIMER).join("");
    this.#current = { config, spec, primer, model, sampler, data: dataset(x, y), batches, held: dataset(held.x, held.y), heldBatch };
    [this.#rate, this.#steps, this.#recent, this.#msPerStep] = [rate, 0, [], null];
    this.#wish = { ...wish, prompt: [...wish.prompt].every((character) => vocabulary.includes(character)) ? wish.prompt : "" };
    this.events.onFresh();
    this.#tellModel();
    await this.#validate();
    await this.#write(true);
  }

  async #train(): Promise<void> {
    let wrote = performance.now();
    this.#loseNext = false;
    while (this.loop.wanted) {
      const kept = this.#nextKept();
      const wanted = this.#msPerStep === null ? FIRST_SLICE : Math.max(1, Math.round(SLICE_MS / this.#msPerStep));
      await this.#slice(Math.min(wanted, kept - this.#steps));
      const due = this.#steps === kept;
      if (!due && (performance.now() - wrote < WRITE_EVERY_MS || !this.loop.wanted)) continue;
      await this.#validate();
      await this.#write(due);
      wrote = performance.now();
    }
    await this.#validate();
    await this.#write(false);
  }

  async #validate(): Promise<void> {
    const { model, held, heldBatch } = this.#now, steps = this.#steps, { loss } = await model.evaluate(held, { batchSize: heldBatch });
    this.events.onHeldOut({ steps, perplexity: Math.exp(loss) });
  }

  /** The next number of steps after which what it writes is kept. */
  #nextKept(): number {
    let next = FIRST_KEPT;
    while (next <= this.#steps) next *= 2;
    return next;
  }

  /** So many mini-batches, or as many as the pass over the text has left. */
  async #slice(wanted: number): Promise<void> {
    const { model, data, batches, config: { batch: batchSize } } = this.#now, done = this.#steps % batches;
    const steps = Math.min(wanted, batches - done), perplexities: number[] = [], first = this.#steps === 0;
    let began = 0, lost = false;
    // The text begins again, and with it what the network remembers of it.
    if (done === 0) model.resetStates();
    model.learningRate = this.#rate;
    const signal = this.loop.beginSlice();
    try {
      await model.fit(data, {
        batchSize, steps, shuffle: false, ...(steps > 1 && { signal }),
        callbacks: {
          onTrainBegin: () => {
            began = performance.now();
            if (this.#loseNext) this.place.lose();
            this.#loseNext = false;
          },
          onDeviceLost: () => {
            lost = true;
            this.events.onLost(this.#steps + perplexities.length);
          },
          onBatchEnd: (_, { loss }) => { perplexities.push(Math.exp(loss)); },
        },
      });
    } finally {
      if (perplexities.length > 0) this.#tell(perplexities, lost ? null : performance.now() - began);
    }
    if (first) this.#tellModel();
  }

  /** @param ms what they took; null where a loss of the GPU is in it */
  #tell(perplexities: readonly number[], ms: number | null): void {
    const { batches, config: { length, batch } } = this.#now;
    this.#steps += perplexities.length;
    this.#recent = [...this.#recent, ...perplexities].slice(-RECENT);
    if (ms !== null) {
      const newest = ms / perplexities.length;
      this.#msPerStep = this.#msPerStep === null ? newest : this.#msPerStep + NEWEST * (newest - this.#msPerStep);
    }
    const stepsPerSecond = this.#msPerStep === null ? NaN : 1000 / this.#msPerStep;
    this.events.onProgress({
      perplexities: Float32Array.from(perplexities), perplexity: this.#perplexity, steps: this.#steps, passes: this.#steps / batches,
      stepsPerSecond, charactersPerSecond: stepsPerSecond * length * batch,
    });
  }

  get #perplexity(): number {
    return Math.exp(this.#recent.reduce((sum, perplexity) => sum + Math.log(perplexity), 0) / this.#recent.length);
  }

  /** One text at a time: they share a network. */
  #write(kept: boolean): Promise<void> {
    const writing = this.#writing.then(async () => {
      const { model, sampler, config: { seed } } = this.#now, steps = this.#steps, { temperature, prompt, turn } = this.#wish;
      const perplexity = steps === 0 ? NaN : this.#perplexity;
      const weights = await model.getWeights(), answer = await sampler.expect(weights, prompt);
      const text = await sampler.draw(weights, { count: SAMPLE, temperature, prompt, seed }, turn);
      const next = answer ? likeliest(answer, sampler.spec.vocabulary, temperature) : [];
      this.events.onSample({ steps, perplexity, prompt, temperature, text, next, kept });
    });
    this.#writing = writing.catch(() => {});
    return writing;
  }

  #tellModel(): void {
    const { model, batches } = this.#now, { plan } = model, onGpu = model.backend === "webgpu";
    const { parameters, optimizer, withReuse } = plan.bytes;
    this.events.onModel({
      backend: model.backend, engines: this.places.engines, noGpu: this.places.noGpu, adapter: model.adapter, parameters: parameters / 4, batches,
      launches: onGpu ? plan.launchesPerStep : null, bytes: onGpu ? parameters + optimizer + withReuse : null,
      plan: `${model.summary()}\n\n${plan.toString()}`,
    });
  }
}

