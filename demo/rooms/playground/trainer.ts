// The room's side of the library: holds the network and its points in the worker, trains in short slices, looks in between.
// Everything that the page shows of the network comes from here: answers and responses by predict(), weights by getWeights().

import {
  dataset, type DatasetHandle, type GivenTensor, type InspectedTensor, type LabelledDatasetHandle, type Sequential, type Weight,
} from "../../../src/index.ts";
import type { EngineInfo } from "../../lib/engines.ts";
import { runRace, type Lap } from "../../lib/race.ts";
import type { Place, Places } from "../../lib/places.ts";
import { Revival } from "../../lib/revival.ts";
import type { RunLoop } from "../../lib/run-loop.ts";
import { wait } from "../../lib/wait.ts";
import type { Pace, PlaygroundConfig } from "./config.ts";
import { featureRows, gridPoints, MAP_SIDE, NEURON_SIDE } from "./features.ts";
import { buildModel, buildPart, recipeOf } from "./model.ts";
import type { Points, Split } from "./points.ts";

/** A slice of training lasts about so long: short enough for a picture that moves. */
const SLICE_MS = 70;
const FIRST_SLICE = 8;
const MOST_STEPS = 20_000;
/** Steps from one picture to the next; null for as many as there is time for. */
const STEPS_A_PICTURE: Readonly<Record<Pace, number | null>> = { step: 1, slow: 10, full: null };
/** Share of the newest slice in what is told of speed. */
const NEWEST = 0.3;

export interface ModelInfo extends EngineInfo {
  readonly adapter: string;
  readonly parameters: number;
  /** Dispatches of one step, 0 where many steps share one; null but on a GPU: others dispatch nothing. */
  readonly launches: number | null;
  readonly plan: string;
}

/** The network as it stands, and what came since the last look. */
export interface Look {
  /** The losses of the mini-batches since the last look. */
  readonly losses: Float32Array;
  /** Mini-batches so far. */
  readonly steps: number;
  /** Null before the first step. */
  readonly stepsPerSecond: number | null;
  readonly train: Score;
  readonly test: Score;
  /** The network's answers on the grid of MAP_SIDE². */
  readonly map: Float32Array;
  /** Of each hidden layer what its neurons answer on the grid of NEURON_SIDE²: (grid × units). */
  readonly responses: readonly Float32Array[];
  readonly weights: readonly Weight[];
}

export interface Score {
  readonly loss: number;
  readonly accuracy: number;
}

/** One training step on one example, taken apart. */
export interface StepApart {
  /** Steps that were trained before it. */
  readonly after: number;
  readonly config: PlaygroundConfig;
  readonly given: readonly GivenTensor[];
  readonly tensors: readonly InspectedTensor[];
}

export interface Events {
  onModel(info: ModelInfo): void;
  onLook(look: Look): void;
  /** Training ended by an error. @param lost because the GPU was lost again and again */
  onStopped(reason: string, lost: boolean): void;
  /** The GPU was lost at that step; training goes on from there on another one. */
  onLost(step: number): void;
}

interface Current {
  readonly split: Split;
  readonly model: Sequential;
  /** The first layers with the same weights, one network for each hidden layer. */
  readonly parts: readonly Sequential[];
  readonly train: LabelledDatasetHandle;
  readonly test: LabelledDatasetHandle;
  readonly map: DatasetHandle;
  readonly small: DatasetHandle;
}

const labelled = ({ features }: PlaygroundConfig, { xy, classes }: Points): LabelledDatasetHandle =>
  dataset(featureRows(features, xy), Float32Array.from(classes));

export class Trainer {
  #config: PlaygroundConfig;
  #current: Current | null = null;
  #steps = 0;
  #losses: number[] = [];
  #msPerStep: number | null = null;
  /** Steps a second from picture to picture, where training waits for pictures. */
  #pacedSpeed: number | null = null;
  #loseNext = false;
  readonly #revival = new Revival(() => this.#compile(this.#now.model, this.#now.parts));
  /** Time between two looks while it trains. */
  lookEvery = 90;

  /**
   * @param place where all its networks run
   * @param loop what trains this network; nothing here that trains or reads weights may run beside it
   */
  constructor(readonly places: Places, readonly place: Place, config: PlaygroundConfig, readonly loop: RunLoop, readonly events: Events) {
    this.#config = config;
  }

  /** From the next mini-batch on. */
  set rate(rate: number) {
    this.#config = { ...this.#config, rate };
  }

  set batch(batch: number) {
    this.#config = { ...this.#config, batch };
  }

  /** From the next slice on. */
  set pace(pace: Pace) {
    this.#config = { ...this.#config, pace };
    this.#pacedSpeed = null;
  }

  /** For as long as the loop wants it. */
  train(): Promise<void> {
    return this.#revival.around(() => this.#train());
  }

  /** Exactly one mini-batch. */
  step(): Promise<void> {
    return this.loop.alone(() => this.#revival.around(async () => {
      await this.#slice(1);
      await this.#look();
    }));
  }

  /** A step on one example of the training points, put back afterwards. */
  inspect(index: number): Promise<StepApart> {
    return this.loop.alone(async () => {
      const { model, split: { train: { xy, classes } } } = this.#now, { features, rate } = this.#config;
      model.learningRate = rate;
      const x = featureRows(features, xy.subarray(2 * index, 2 * index + 2));
      const { given, tensors } = await model.inspectStep(x, Float32Array.of(classes[index]));
      return { after: this.#steps, config: this.#config, given, tensors };
    });
  }

  /** The same network from the same seed on every engine. */
  race(onLap: (lap: Lap) => void): Promise<Lap> {
    return this.loop.alone(async () => {
      const config = this.#config, data = labelled(config, this.#now.split.train), steps = { batchSize: config.batch };
      try {
        return await runRace(this.places, async ({ options }) => {
          const model = buildModel(config);
          await model.compile({ ...recipeOf(config), ...options });
          model.learningRate = config.rate;
          return model;
        }, (model, count, callbacks) => model.fit(data, { ...steps, steps: count, callbacks }), onLap);
      } finally {
        data.dispose();
      }
    });
  }

  /** Takes the GPU away in the middle of the next slice of training; does nothing while none is under way. */
  lose(): void {
    this.#loseNext = this.loop.wanted;
  }

  dispose(): void {
    const current = this.#current;
    this.#current = null;
    if (!current) return;
    const { model, parts, train, test, map, small } = current;
    for (const one of [train, test, map, small, model, ...parts]) one.dispose();
  }

  get #now(): Current {
    if (!this.#current) throw new Error("there is no network yet");
    return this.#current;
  }

  /** A new network from its seed; the old one goes. Where it fails, the old one stays. */
  async start(config: PlaygroundConfig, split: Split): Promise<void> {
    const before = this.#config, { features } = config;
    this.#config = config;
    const model = buildModel(config), parts = config.layers.map((_, i) => buildPart(config, i + 1));
    try {
      await this.#compile(model, parts);
    } catch (error) {
      this.#config = before;
      for (const one of [model, ...parts]) one.dispose();
      throw error;
    }
    this.dispose();
    this.#current = {
      model, parts, split, train: labelled(config, split.train), test: labelled(config, split.test),
      map: dataset(featureRows(features, gridPoints(MAP_SIDE))), small: dataset(featureRows(features, gridPoints(NEURON_SIDE))),
    };
    [this.#steps, this.#losses, this.#msPerStep, this.#pacedSpeed] = [0, [], null, null];
    this.#tellModel();
    await this.#look();
  }

  async #compile(model: Sequential, parts: readonly Sequential[]): Promise<void> {
    await Promise.all([model.compile({ ...recipeOf(this.#config), ...this.place.options }),
      // These are never trained.
      ...parts.map((part) => part.compile({ optimizer: "sgd", loss: "meanSquaredError", ...this.place.options }))]);
  }

  async #train(): Promise<void> {
    let looked = performance.now();
    this.#loseNext = false;
    while (this.loop.wanted) {
      const paced = STEPS_A_PICTURE[this.#config.pace];
      await this.#slice(paced ?? (this.#msPerStep === null ? FIRST_SLICE
        : Math.max(1, Math.min(MOST_STEPS, Math.round(SLICE_MS / this.#msPerStep)))));
      if (paced === null && performance.now() - looked < this.lookEvery) continue;
      if (paced !== null) await wait(looked + this.lookEvery - performance.now(), this.loop.signal);
      if (!this.loop.wanted) break;
      const now = performance.now();
      if (paced !== null) this.#pacedSpeed = (1000 * paced) / (now - looked);
      looked = now;
      await this.#look();
      if (paced === null) looked = performance.now();
    }
    await this.#look();
  }

  async #slice(steps: number): Promise<void> {
    const { model, train, split } = this.#now, { batch, rate } = this.#config;
    model.learningRate = rate;
    const first = this.#msPerStep === null || model.plan.batch !== Math.min(batch, split.train.classes.length);
    const signal = this.loop.beginSlice();
    let began = 0, ran = 0, lost = false;
    await model.fit(train, {
      batchSize: batch, steps, ...(steps > 1 && { signal }),
      callbacks: {
        onTrainBegin: () => {
          began = performance.now();
          if (this.#loseNext) this.place.lose();
          this.#loseNext = false;
        },
        onDeviceLost: () => {
          lost = true;
          this.events.onLost(this.#steps + ran);
        },
        onBatchEnd: (_, { loss }) => {
          this.#losses.push(loss);
          ran++;
        },
      },
    });
    this.#steps += ran;
    if (ran > 0 && !lost) {
      const newest = (performance.now() - began) / ran;
      this.#msPerStep = this.#msPerStep === null ? newest : this.#msPerStep + NEWEST * (newest - this.#msPerStep);
    }
    if (first) this.#tellModel();
  }

  async #look(): Promise<void> {
    const { model, parts, train, test, map, small } = this.#now;
    const weights = await model.getWeights(), side = NEURON_SIDE ** 2;
    const responses: Float32Array[] = [];
    for (const [i, part] of parts.entries()) {
      await part.setWeights(weights.slice(0, 2 * (i + 1)));
      responses.push(await part.predict(small, { batchSize: side }));
    }
    const losses = Float32Array.from(this.#losses), steps = this.#steps;
    this.#losses = [];
    const score = async (data: LabelledDatasetHandle): Promise<Score> => {
      const { loss, accuracy } = await model.evaluate(data);
      return { loss, accuracy };
    };
    this.events.onLook({
      losses, steps, stepsPerSecond: this.#speed, weights, responses,
      train: await score(train), test: await score(test), map: await model.predict(map, { batchSize: MAP_SIDE ** 2 }),
    });
  }

  get #speed(): number | null {
    if (STEPS_A_PICTURE[this.#config.pace] !== null) return this.#pacedSpeed;
    return this.#msPerStep === null ? null : 1000 / this.#msPerStep;
  }

  #tellModel(): void {
    const { model } = this.#now, { plan } = model, onGpu = model.backend === "webgpu";
    this.events.onModel({
      backend: model.backend, engines: this.places.engines, noGpu: this.places.noGpu, adapter: model.adapter, parameters: plan.bytes.parameters / 4,
      launches: onGpu ? plan.launchesPerStep : null, plan: `${model.summary()}\n\n${plan.toString()}`,
    });
  }
}
