// What the digits room trains: a network that reads handwritten digits. Between slices it answers what the page asks.

import { dataset, type GivenWeight, type LabelledDatasetHandle, type Sequential, type Weight } from "../../../src/index.ts";
import type { Place } from "../../lib/places.ts";
import type { Batch, Progress, Task } from "../../lib/trainer.ts";
import type { DigitsConfig } from "./config.ts";
import type { Digits, DigitSets } from "./data.ts";
import { examine, GradientProbe, histogramOf, weightImages, type Examination, type TensorHistogram, type WeightImages } from "./inspect.ts";
import type { DataInfo, Events, Histograms, Live } from "./messages.ts";
import { buildModel, recipeOf, targetsFor } from "./model.ts";

/** What one unit of a pixel byte is worth. */
const SCALE = 1 / 255;

/** Of each layer's kernel and bias together. */
const histogramsOf = (tensors: readonly { readonly data: Float32Array }[]): TensorHistogram[] =>
  tensors.flatMap(({ data }, i) => {
    if (i % 2 === 1) return [];
    const bias = tensors[i + 1].data,
      both = new Float32Array(data.length + bias.length);
    both.set(data);
    both.set(bias, data.length);
    return [histogramOf(String(i / 2 + 1), both)];
  });

export class DigitsTask implements Task {
  /** What has to be soon, such as a pause, ends a slice at the next mini-batch. */
  readonly sliceMs = 600;
  readonly firstSlice = 4;
  readonly showEveryMs = 1_500;
  readonly tellEveryMs = 120;
  readonly model: Sequential;
  readonly data: LabelledDatasetHandle;
  readonly #validation: LabelledDatasetHandle;
  readonly #test: LabelledDatasetHandle;
  #config: DigitsConfig;
  #probe: GradientProbe | null = null;
  /** The first layer's kernel as training began with it. */
  #first: Weight | null = null;
  #samples = 0;

  /** @param weights to start from, in the place of the seed's */
  constructor(
    config: DigitsConfig,
    readonly sets: DigitSets,
    readonly events: Events,
    readonly weights?: readonly GivenWeight[],
  ) {
    const held = ({ images, labels }: Digits) => dataset(images, targetsFor(config.loss, labels, sets.classes), { scale: SCALE });
    this.#config = config;
    this.model = this.build();
    [this.data, this.#validation, this.#test] = [sets.train, sets.validation, sets.test].map(held);
  }

  get info(): DataInfo {
    const { train, validation, test, side, classes } = this.sets;
    return { train: train.rows, validation: validation.rows, test: test.rows, side, classes };
  }

  get config(): DigitsConfig {
    return this.#config;
  }

  /** From the next slice on. */
  change(live: Live): void {
    this.#config = { ...this.#config, ...live };
  }

  get recipe() {
    return recipeOf(this.#config);
  }

  get fitOptions() {
    return { batchSize: this.#config.batch };
  }

  get rate(): number {
    return this.#config.rate;
  }

  build(): Sequential {
    return buildModel(this.#config, this.sets.features, this.sets.classes);
  }

  async open(place: Place): Promise<void> {
    if (this.weights) await this.model.setWeights(this.weights);
    [this.#first] = await this.model.getWeights();
    this.#probe = new GradientProbe(this.#config, this.sets, place);
  }

  compile(options: Place["options"]): Promise<void> {
    return this.model.compile({ ...this.recipe, ...options });
  }

  onBatches(batches: readonly Batch[], progress: Progress): void {
    const samples = batches.reduce((sum, { size }) => sum + size, 0),
      { stepsPerSecond } = progress;
    this.#samples += samples;
    this.events.onProgress({
      ...progress,
      losses: Float32Array.from(batches, ({ loss }) => loss),
      accuracies: Float32Array.from(batches, ({ accuracy }) => accuracy),
      epochs: this.#samples / this.sets.train.rows,
      samplesPerSecond: stepsPerSecond && (stepsPerSecond * samples) / batches.length,
    });
  }

  /** Validates, unless nothing was learnt yet. */
  async show({ steps }: Progress): Promise<void> {
    if (steps === 0 && !this.weights) return;
    const { loss, accuracy } = await this.model.evaluate(this.#validation);
    this.events.onValidation({ steps, loss, accuracy });
  }

  /** What the network says of one image of pixel bytes. */
  async predict(pixels: Uint8Array): Promise<Float32Array> {
    return Float32Array.from(await this.model.predict(pixels, { scale: SCALE }));
  }

  async examine(): Promise<Examination> {
    return examine(await this.model.predict(this.#test), this.sets.test, this.sets.classes);
  }

  /** @param learned only what training has changed */
  async images(learned: boolean): Promise<WeightImages> {
    return weightImages(await this.model.getWeights(), learned ? this.#first : null, this.sets.side);
  }

  async histograms(): Promise<Histograms> {
    const weights = await this.model.getWeights(),
      gradients = await this.#probe!.gradients(weights);
    return { weights: histogramsOf(weights), gradients: gradients && histogramsOf(gradients) };
  }

  dispose(): void {
    for (const one of [this.#probe, this.data, this.#validation, this.#test, this.model]) one?.dispose();
  }
}
