// Trains the network of a room in its worker: slice by slice for as long as it is wanted, telling the page in between. What is trained and
// what is shown of it differs from room to room: each room describes that as a Task.

import type { CompileOptions, LabelledDatasetHandle, Sequential } from "../../src/index.ts";
import type { Engine, EngineInfo } from "./engines.ts";
import { isLostGpu, reasonOf } from "./notices.ts";
import { Places, type Place } from "./places.ts";
import { runRace, type Lap } from "./race.ts";
import { Revival } from "./revival.ts";
import { RunLoop } from "./run-loop.ts";
import { wait } from "./wait.ts";

const MOST_STEPS = 20_000;
/** Share of the newest steps in what is told of speed. */
const NEWEST = 0.3;

export interface ModelInfo extends EngineInfo {
  readonly adapter: string;
  readonly parameters: number;
  /** Dispatches of one step, 0 where many steps share one; null but on a GPU: others dispatch nothing. */
  readonly launches: number | null;
  /** Of weights, optimizer and intermediates; null but on a GPU. */
  readonly bytes: number | null;
  readonly plan: string;
}

/** What every room's page is told. */
export interface TrainerEvents {
  onModel(info: ModelInfo): void;
  /** A new network took the place of the one before. */
  onFresh(): void;
  /** The GPU was lost after so many steps of this network; training goes on from there on another one. */
  onLost(steps: number): void;
  /** Training ended by an error. @param lost because the GPU was lost again and again */
  onStopped(reason: string, lost: boolean): void;
}

export interface Progress {
  /** Mini-batches so far. */
  readonly steps: number;
  /** Both null before the first step. */
  readonly msPerStep: number | null;
  /** What is seen of it: fewer than it could where training waits for pictures. */
  readonly stepsPerSecond: number | null;
}

/** What a mini-batch came to. */
export interface Batch {
  readonly loss: number;
  readonly accuracy: number;
  /** Its rows. */
  readonly size: number;
}

/** A network of a room, what it learns from, and what is shown of it. */
export interface Task {
  readonly model: Sequential;
  readonly data: LabelledDatasetHandle;
  /** The same network untrained, for a race. */
  build(): Sequential;
  readonly recipe: CompileOptions;
  readonly fitOptions: { readonly batchSize: number; readonly shuffle?: boolean };
  /** The learning rate; may change from slice to slice, as `fitOptions` may. */
  readonly rate: number;

  /** A call of fit() lasts about so long, and the first one takes so many steps. */
  readonly sliceMs: number;
  readonly firstSlice: number;
  /** Time between two calls of show() while it trains. */
  readonly showEveryMs: number;
  /** Steps from one show() to the next, which then waits for `showEveryMs`; null or left out for as many as there is time for. */
  readonly stepsAPicture?: number | null;
  /** Time between two calls of onBatches() within a slice; left out, it is called behind each slice only. */
  readonly tellEveryMs?: number;
  /** Steps of the first lap of a race. */
  readonly firstLap?: number;

  /** Before the first compile(). What fails here or there is disposed, and the network before stays. */
  open?(place: Place): Promise<void>;
  /** Compiles all of its networks: at first, and again after the GPU was lost for good. */
  compile(options: Place["options"]): Promise<void>;
  /** Before a slice. @returns how many of the wanted steps it may take */
  beginSlice?(wanted: number): number;
  onBatches(batches: readonly Batch[], progress: Progress): void;
  /** Whether show() is due although it is not time. */
  isDue?(): boolean;
  /** Tells the page of the network as it is: at first, between two slices, and when training ends. */
  show(progress: Progress): Promise<void>;
  dispose(): void | Promise<void>;
}

interface Held<T> {
  readonly task: T;
  readonly places: Places;
  readonly place: Place;
  readonly revival: Revival;
}

export class Trainer<T extends Task, E extends TrainerEvents> {
  readonly #loop = new RunLoop(
    () => this.#run(),
    (error) => this.events.onStopped(reasonOf(error), isLostGpu(error)),
  );
  #places: Promise<Places> | undefined;
  #held: Held<T> | null = null;
  #steps = 0;
  #msPerStep: number | null = null;
  /** Steps a second from picture to picture, where training waits for pictures. */
  #pacedSpeed: number | null = null;
  #loseNext = false;
  /** The losses of the GPU that were told, and those from before this network. */
  #toldLosses = 0;
  /** Whom it tells: set before the first network. */
  events!: E;

  get task(): T {
    return this.#now.task;
  }

  /** A new network, where the room wants it; the old one goes. Where it fails, the old one stays. */
  replace(engine: Engine, make: () => T): Promise<T> {
    return this.#loop.alone(async () => {
      const places = await (this.#places ??= Places.look()),
        place = places.find(engine),
        task = make(),
        before = this.#held;
      try {
        await task.open?.(place);
        await task.compile(place.options);
      } catch (error) {
        await task.dispose();
        throw error;
      }
      this.#held = { task, places, place, revival: new Revival(() => task.compile(place.options)) };
      [this.#steps, this.#msPerStep, this.#pacedSpeed, this.#toldLosses] = [0, null, null, place.losses];
      await before?.task.dispose();
      this.events.onFresh();
      this.#tellModel();
      await this.#show();
      return task;
    });
  }

  run(): Promise<void> {
    return this.#loop.run();
  }

  pause(): Promise<void> {
    return this.#loop.pause();
  }

  /** Exactly one mini-batch. */
  step(): Promise<void> {
    return this.alone(() =>
      this.#now.revival.around(async () => {
        await this.#slice(1);
        await this.#show();
      }),
    );
  }

  /** With no training under way meanwhile. */
  alone<R>(work: (task: T) => Promise<R>): Promise<R> {
    return this.#loop.alone(() => work(this.task));
  }

  /** Ends the slice under way, so that the next one begins with other settings. */
  cutSlice(): void {
    this.#loop.cutSlice();
  }

  /** Takes the GPU away in the middle of the next slice of training; does nothing where none was asked for. */
  lose(): Promise<void> {
    return this.#loop.inTurn(() => {
      this.#loseNext = this.#loop.wanted;
      this.cutSlice();
    });
  }

  /** The same network from the same seed on every engine. */
  race(onLap: (lap: Lap) => void): Promise<Lap> {
    return this.alone((task) =>
      runRace(
        this.#now.places,
        async ({ options }) => {
          const model = task.build();
          await model.compile({ ...task.recipe, ...options });
          model.learningRate = task.rate;
          return model;
        },
        (model, steps, callbacks) => model.fit(task.data, { ...task.fitOptions, steps, callbacks }),
        onLap,
        task.firstLap,
      ),
    );
  }

  get #now(): Held<T> {
    if (!this.#held) throw new Error("there is no network yet");
    return this.#held;
  }

  get #progress(): Progress {
    const [steps, msPerStep] = [this.#steps, this.#msPerStep],
      whole = msPerStep === null ? null : 1000 / msPerStep;
    return { steps, msPerStep, stepsPerSecond: this.#held?.task.stepsAPicture ? this.#pacedSpeed : whole };
  }

  /** For as long as the loop wants it. */
  #run(): Promise<void> {
    const { task, revival } = this.#now;
    return revival
      .around(() => this.#train(task))
      .finally(() => {
        this.#loseNext = false;
      });
  }

  async #train(task: T): Promise<void> {
    let shown = performance.now();
    while (this.#loop.wanted) {
      const paced = task.stepsAPicture ?? null;
      await this.#slice(paced ?? (this.#msPerStep === null ? task.firstSlice : Math.round(task.sliceMs / this.#msPerStep)));
      const early = shown + task.showEveryMs - performance.now();
      if (paced !== null) await wait(early, this.#loop.signal);
      else if (early > 0 && !task.isDue?.()) continue;
      if (!this.#loop.wanted) break;
      const now = performance.now();
      if (paced !== null) this.#pacedSpeed = (1000 * paced) / (now - shown);
      await this.#show();
      // A picture that is late is not waited for; at full speed pictures leave time to train.
      shown = paced === null ? performance.now() : now;
    }
    await this.#show();
  }

  async #show(): Promise<void> {
    await this.task.show(this.#progress);
    // No slice noticed it: the GPU went between two of them.
    if (this.#now.place.losses > this.#toldLosses) this.#tellLoss(this.#steps);
  }

  #tellLoss(steps: number): void {
    this.#toldLosses = this.#now.place.losses;
    this.events.onLost(steps);
  }

  /** One call of fit(), of so many mini-batches or fewer. */
  async #slice(wanted: number): Promise<void> {
    const { task, place } = this.#now,
      { model } = task,
      planned = model.plan.batch,
      first = this.#steps === 0;
    const most = Math.max(1, Math.min(MOST_STEPS, wanted)),
      steps = task.beginSlice?.(most) ?? most,
      signal = this.#loop.beginSlice();
    let batches: Batch[] = [],
      began = 0,
      lost = false;
    const tell = () => {
      const now = performance.now();
      if (batches.length > 0) this.#count(batches, lost ? null : now - began);
      [batches, began, lost] = [[], now, false];
    };
    model.learningRate = task.rate;
    try {
      await model.fit(task.data, {
        ...task.fitOptions,
        steps,
        ...(steps > 1 && { signal }),
        callbacks: {
          // What is prepared before is no step's time.
          onTrainBegin: () => {
            began = performance.now();
            if (this.#loseNext) place.lose();
            this.#loseNext = false;
          },
          onDeviceLost: () => {
            lost = true;
            this.#tellLoss(this.#steps + batches.length);
          },
          onBatchEnd: (_, { loss, accuracy, size }) => {
            batches.push({ loss, accuracy, size });
            if (steps > 1 && task.tellEveryMs !== undefined && performance.now() - began > task.tellEveryMs) tell();
          },
        },
      });
    } finally {
      tell();
    }
    if (first || model.plan.batch !== planned) this.#tellModel();
  }

  /** @param ms what these took; null where a loss of the GPU is in it */
  #count(batches: readonly Batch[], ms: number | null): void {
    this.#steps += batches.length;
    if (ms !== null) {
      const newest = ms / batches.length;
      this.#msPerStep = this.#msPerStep === null ? newest : this.#msPerStep + NEWEST * (newest - this.#msPerStep);
    }
    this.task.onBatches(batches, this.#progress);
  }

  #tellModel(): void {
    const {
        task: { model },
        places: { engines, noGpu },
      } = this.#now,
      { plan, backend, adapter } = model,
      onGpu = backend === "webgpu";
    const { parameters, optimizer, withReuse } = plan.bytes;
    this.events.onModel({
      backend,
      adapter,
      engines,
      noGpu,
      parameters: parameters / 4,
      launches: onGpu ? plan.launchesPerStep : null,
      bytes: onGpu ? parameters + optimizer + withReuse : null,
      plan: `${model.summary()}\n\n${plan.toString()}`,
    });
  }
}

/** What the page can ask of every room's trainer. */
export const trainerCalls = (trainer: Trainer<Task, TrainerEvents>) => ({
  run: (): Promise<void> => trainer.run(),
  pause: (): Promise<void> => trainer.pause(),
  step: (): Promise<void> => trainer.step(),
  lose: (): Promise<void> => trainer.lose(),
  race: (onLap: (lap: Lap) => void): Promise<Lap> => trainer.race(onLap),
});

export type TrainerCalls = ReturnType<typeof trainerCalls>;
