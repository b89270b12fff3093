// What the playground trains: a small network on points of the plane. Everything that the page shows of it comes from here: answers and
// responses by predict(), weights by getWeights().

import { dataset, type DatasetHandle, type LabelledDatasetHandle, type Sequential } from "../../../src/index.ts";
import type { Place } from "../../lib/places.ts";
import type { Batch, Progress, Task } from "../../lib/trainer.ts";
import type { Pace, PlaygroundConfig } from "./config.ts";
import { featureRows, gridPoints, MAP_SIDE, NEURON_SIDE } from "./features.ts";
import type { Events, Live, Look, Score, StepApart } from "./messages.ts";
import { buildModel, buildPart, recipeOf } from "./model.ts";
import type { Points, Split } from "./points.ts";

const STEPS_A_PICTURE: Readonly<Record<Pace, number | null>> = { step: 1, slow: 10, full: null };

const labelled = ({ features }: PlaygroundConfig, { xy, classes }: Points): LabelledDatasetHandle =>
  dataset(featureRows(features, xy), Float32Array.from(classes));

export class PlaygroundTask implements Task {
  /** Short enough for a picture that moves. */
  readonly sliceMs = 70;
  readonly firstSlice = 8;
  readonly model: Sequential;
  readonly data: LabelledDatasetHandle;
  /** The first layers with the same weights, one network for each hidden layer. */
  readonly #parts: readonly Sequential[];
  readonly #test: LabelledDatasetHandle;
  readonly #map: DatasetHandle;
  readonly #small: DatasetHandle;
  #config: PlaygroundConfig;
  #steps = 0;
  #losses: number[] = [];

  constructor(
    config: PlaygroundConfig,
    readonly split: Split,
    readonly showEveryMs: number,
    readonly events: Events,
  ) {
    this.#config = config;
    this.model = buildModel(config);
    this.#parts = config.layers.map((_, i) => buildPart(config, i + 1));
    [this.data, this.#test] = [labelled(config, split.train), labelled(config, split.test)];
    [this.#map, this.#small] = [MAP_SIDE, NEURON_SIDE].map((side) => dataset(featureRows(config.features, gridPoints(side))));
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

  get stepsAPicture(): number | null {
    return STEPS_A_PICTURE[this.#config.pace];
  }

  build(): Sequential {
    return buildModel(this.#config);
  }

  async compile(options: Place["options"]): Promise<void> {
    await Promise.all([
      this.model.compile({ ...this.recipe, ...options }),
      // These are never trained.
      ...this.#parts.map((part) => part.compile({ optimizer: "sgd", loss: "meanSquaredError", ...options })),
    ]);
  }

  onBatches(batches: readonly Batch[], { steps }: Progress): void {
    this.#steps = steps;
    this.#losses.push(...batches.map(({ loss }) => loss));
  }

  async show({ steps, stepsPerSecond }: Progress): Promise<void> {
    const { model } = this,
      weights = await model.getWeights(),
      losses = Float32Array.from(this.#losses);
    this.#losses = [];
    this.events.onLook({
      losses,
      steps,
      stepsPerSecond,
      weights,
      responses: await this.#responses(weights),
      train: await this.#score(this.data),
      test: await this.#score(this.#test),
      map: await model.predict(this.#map, { batchSize: MAP_SIDE ** 2 }),
    });
  }

  /** A step on one example of the training points, put back afterwards. */
  async inspect(index: number): Promise<StepApart> {
    const {
        model,
        split: {
          train: { xy, classes },
        },
      } = this,
      { features, rate } = this.#config;
    model.learningRate = rate;
    const x = featureRows(features, xy.subarray(2 * index, 2 * index + 2));
    const { given, tensors } = await model.inspectStep(x, Float32Array.of(classes[index]));
    return { after: this.#steps, config: this.#config, given, tensors };
  }

  dispose(): void {
    for (const one of [this.data, this.#test, this.#map, this.#small, this.model, ...this.#parts]) one.dispose();
  }

  async #responses(weights: Look["weights"]): Promise<Float32Array[]> {
    const responses: Float32Array[] = [];
    for (const [i, part] of this.#parts.entries()) {
      await part.setWeights(weights.slice(0, 2 * (i + 1)));
      responses.push(await part.predict(this.#small, { batchSize: NEURON_SIDE ** 2 }));
    }
    return responses;
  }

  async #score(data: LabelledDatasetHandle): Promise<Score> {
    const { loss, accuracy } = await this.model.evaluate(data);
    return { loss, accuracy };
  }
}
