// The room's side of the library: holds the network and its data in the worker, trains in short slices, answers in between.

import { dataset, type GivenWeight, type LabelledDatasetHandle, type Sequential, type Weight } from "../../../src/index.ts";
import type { EngineInfo } from "../../lib/engines.ts";
import { runRace, type Lap } from "../../lib/race.ts";
import type { Place, Places } from "../../lib/places.ts";
import { Revival } from "../../lib/revival.ts";
import type { RunLoop } from "../../lib/run-loop.ts";
import type { DigitsConfig } from "./config.ts";
import type { Digits, DigitSets } from "./data.ts";
import { examine, GradientProbe, histogramOf, weightImages, type Examination, type TensorHistogram, type WeightImages } from "./inspect.ts";
import { buildModel, recipeOf, targetsFor } from "./model.ts";

/** What one unit of a pixel byte is worth. */
export const SCALE = 1 / 255;
/** One call of fit() lasts about so long. What has to be soon, such as a pause, ends it at the next mini-batch. */
const SLICE_MS = 600;
/** So often the page is told how it goes. */
const TELL_EVERY_MS = 120;
const VALIDATE_EVERY_MS = 1_500;
const FIRST_SLICE = 4;
/** Share of the newest steps in what is told of speed. */
const NEWEST = 0.3;

export interface DataInfo {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly side: number;
  readonly classes: number;
}

export interface ModelInfo extends EngineInfo {
  readonly adapter: string;
  readonly parameters: number;
  /** Null but on a GPU: others launch nothing. */
  readonly launches: number | null;
  /** Of weights, optimizer and intermediates; null but on a GPU. */
  readonly bytes: number | null;
  readonly plan: string;
}

/** What came since the last time. */
export interface Progress {
  readonly losses: Float32Array;
  readonly accuracies: Float32Array;
  /** Mini-batches so far, those included. */
  readonly steps: number;
  /** Passes over the training digits so far, with their fraction. */
  readonly epochs: number;
  readonly msPerStep: number;
  readonly samplesPerSecond: number;
}

export interface Validation {
  readonly steps: number;
  readonly loss: number;
  readonly accuracy: number;
}

export interface Events {
  onModel(info: ModelInfo): void;
  /** A new network took the place of the one before. */
  onFresh(): void;
  onProgress(progress: Progress): void;
  onValidation(validation: Validation): void;
  /** The GPU was lost after so many steps of this network; training goes on. */
  onDeviceLost(steps: number): void;
  /** Training ended by an error. @param lost because the GPU was lost again and again */
  onStopped(reason: string, lost: boolean): void;
}

export interface Histograms {
  /** Of each layer's kernel and bias. */
  readonly weights: readonly TensorHistogram[];
  /** Of ∂C/∂W and ∂C/∂b on the first mini-batch; null where the weights are no numbers. */
  readonly gradients: readonly TensorHistogram[] | null;
}

interface Current {
  readonly config: DigitsConfig;
  readonly place: Place;
  readonly model: Sequential;
  readonly train: LabelledDatasetHandle;
  readonly validation: LabelledDatasetHandle;
  readonly test: LabelledDatasetHandle;
  readonly probe: GradientProbe;
  /** The first layer's kernel as training began with it. */
  readonly first: Weight;
}

export class Trainer {
  #current: Current | null = null;
  #batch = 1;
  #rate = 1;
  #steps = 0;
  #samples = 0;
  #msPerStep: number | null = null;
  readonly #revival = new Revival(() => this.#compile(this.#now.model, this.config, this.#now.place));

  /** @param loop what trains this network; nothing else that trains it may run beside it */
  constructor(readonly sets: DigitSets, readonly places: Places, readonly loop: RunLoop, readonly events: Events) {}

  get info(): DataInfo {
    const { train, validation, test, side, classes } = this.sets;
    return { train: train.rows, validation: validation.rows, test: test.rows, side, classes };
  }

  get model(): Sequential {
    return this.#now.model;
  }

  get config(): DigitsConfig {
    return { ...this.#now.config, batch: this.#batch, rate: this.#rate };
  }

  /** A new network from its seed, or with weights of another; the old one goes. Where it fails, the old one stays. */
  async start(config: DigitsConfig, place: Place, weights?: readonly GivenWeight[]): Promise<void> {
    const { features, classes } = this.sets, model = buildModel(config, features, classes);
    let first: Weight;
    try {
      if (weights) await model.setWeights(weights);
      [first] = await model.getWeights();
      await this.#compile(model, config, place);
    } catch (error) {
      model.dispose();
      throw error;
    }
    this.dispose();
    const held = ({ images, labels }: Digits) => dataset(images, targetsFor(config.loss, labels, classes), { scale: SCALE });
    this.#current = {
      config, place, model, first, train: held(this.sets.train), validation: held(this.sets.validation), test: held(this.sets.test),
      probe: new GradientProbe(config, this.sets, place),
    };
    [this.#batch, this.#rate, this.#steps, this.#samples, this.#msPerStep] = [config.batch, config.rate, 0, 0, null];
    this.events.onFresh();
    this.#tellModel();
  }

  /** For as long as the loop wants it. */
  train(): Promise<void> {
    return this.#revival.around(() => this.#train());
  }

  /** Exactly one mini-batch. */
  step(): Promise<void> {
    return this.loop.alone(async () => {
      await this.#revival.around(() => this.#slice(1));
      await this.validate();
    });
  }

  /** From the next mini-batches on. */
  set batch(batch: number) {
    this.#batch = batch;
    this.loop.cutSlice();
  }

  /** From the next mini-batches on. */
  set rate(rate: number) {
    this.#now.model.learningRate = this.#rate = rate;
    this.loop.cutSlice();
  }

  async validate(): Promise<void> {
    const { model, validation } = this.#now, steps = this.#steps;
    const { loss, accuracy } = await model.evaluate(validation);
    this.events.onValidation({ steps, loss, accuracy });
  }

  /** What the network says of one image of pixel bytes. */
  async predict(pixels: Uint8Array): Promise<Float32Array> {
    return Float32Array.from(await this.#now.model.predict(pixels, { scale: SCALE }));
  }

  async examine(): Promise<Examination> {
    const { model, test } = this.#now;
    return examine(await model.predict(test), this.sets.test, this.sets.classes);
  }

  /** @param learned only what training has changed */
  async images(learned: boolean): Promise<WeightImages> {
    const { model, first } = this.#now;
    return weightImages(await model.getWeights(), learned ? first : null, this.sets.side);
  }

  async histograms(): Promise<Histograms> {
    const { model, probe } = this.#now, weights = await model.getWeights();
    const layers = (tensors: readonly { name: string; data: Float32Array }[]) => tensors.flatMap(({ data }, i) => {
      if (i % 2 === 1) return [];
      const bias = tensors[i + 1].data, both = new Float32Array(data.length + bias.length);
      both.set(data);
      both.set(bias, data.length);
      return [histogramOf(String(i / 2 + 1), both)];
    });
    const gradients = await probe.gradients(weights);
    return { weights: layers(weights), gradients: gradients && layers(gradients) };
  }

  /** Takes the GPU away under the training. */
  lose(): void {
    this.#now.place.lose();
  }

  /** The same training on every engine, from the seed; that of the room waits. */
  race(onLap: (lap: Lap) => void): Promise<Lap> {
    return this.loop.alone(async () => {
      const { config, places, sets: { features, classes } } = this, { train } = this.#now;
      return runRace(places, async (place) => {
        const model = buildModel(config, features, classes);
        await this.#compile(model, config, place);
        return model;
      }, (model, steps, callbacks) => model.fit(train, { batchSize: config.batch, steps, callbacks }), onLap);
    });
  }

  dispose(): void {
    const current = this.#current;
    this.#current = null;
    for (const one of [current?.probe, current?.train, current?.validation, current?.test, current?.model]) one?.dispose();
  }

  get #now(): Current {
    if (!this.#current) throw new Error("there is no network yet");
    return this.#current;
  }

  async #compile(model: Sequential, config: DigitsConfig, { options }: Place): Promise<void> {
    await model.compile({ ...recipeOf(config), ...options });
    model.learningRate = config.rate;
  }

  async #train(): Promise<void> {
    let validated = performance.now();
    while (this.loop.wanted) {
      await this.#slice(this.#msPerStep === null ? FIRST_SLICE : Math.max(1, Math.round(SLICE_MS / this.#msPerStep)));
      if (performance.now() - validated < VALIDATE_EVERY_MS && this.loop.wanted) continue;
      await this.validate();
      validated = performance.now();
    }
  }

  async #slice(steps: number): Promise<void> {
    const { model, train } = this.#now, batch = this.#batch, before = model.plan;
    const signal = this.loop.beginSlice();
    let losses: number[] = [], accuracies: number[] = [], samples = 0, began = 0;
    const tell = () => {
      if (losses.length === 0) return;
      const now = performance.now();
      this.#tell(losses, accuracies, samples, now - began);
      [losses, accuracies, samples, began] = [[], [], 0, now];
    };
    try {
      await model.fit(train, {
        batchSize: batch, steps, ...(steps > 1 && { signal }),
        callbacks: {
          // What is prepared before is no step's time.
          onTrainBegin() { began = performance.now(); },
          onBatchEnd(_, { loss, accuracy, size }) {
            losses.push(loss);
            accuracies.push(accuracy);
            samples += size;
            if (steps > 1 && performance.now() - began > TELL_EVERY_MS) tell();
          },
          onDeviceLost: () => this.events.onDeviceLost(this.#steps + losses.length),
        },
      });
    } finally {
      tell();
    }
    if (model.plan.batch !== before.batch || this.#steps === steps) this.#tellModel();
  }

  #tell(losses: number[], accuracies: number[], samples: number, ms: number): void {
    const newest = ms / losses.length;
    this.#steps += losses.length;
    this.#samples += samples;
    this.#msPerStep = this.#msPerStep === null ? newest : this.#msPerStep + NEWEST * (newest - this.#msPerStep);
    this.events.onProgress({
      losses: Float32Array.from(losses), accuracies: Float32Array.from(accuracies), steps: this.#steps,
      epochs: this.#samples / this.sets.train.rows, msPerStep: this.#msPerStep,
      samplesPerSecond: (1000 * samples) / losses.length / this.#msPerStep,
    });
  }

  #tellModel(): void {
    const { model } = this.#now, { plan } = model, onGpu = model.backend === "webgpu";
    const { parameters, optimizer, withReuse } = plan.bytes;
    this.events.onModel({
      backend: model.backend, engines: this.places.engines, noGpu: this.places.noGpu, adapter: model.adapter, parameters: parameters / 4,
      launches: onGpu ? plan.launchesPerStep : null, bytes: onGpu ? parameters + optimizer + withReuse : null,
      plan: `${model.summary()}\n\n${plan.toString()}`,
    });
  }
}
