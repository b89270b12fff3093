// Training that goes on when the GPU is lost: what was trained since the last snapshot is written down, and done again from
// there on another device. The same steps leave the same bits, so that nobody has to be told of any twice.

import { DeviceLostError } from "../errors.ts";
import type { DeviceLoss, StopSignal } from "./backend.ts";
import { lossBehind, type Keeper } from "./keeper.ts";
import {
  partOf, runStretches, stepsIn, type Course, type Position, type Prepared, type Progress, type Ready, type ResultsOfSteps, type Stretch,
} from "./passes.ts";

/** How often the state is brought to the CPU: what is done again after a loss is no more than this. */
const SNAPSHOT_MILLISECONDS = 2000;
/** Bringing it there may take this share of the time. */
const SNAPSHOT_SHARE = 0.02;

/** What fit() runs on, on one backend. */
export interface Ground {
  readonly train: Ready;
  readonly validation: Prepared | null;
  dispose(): void;
}

/** What fit() tells of a lost device. */
export interface DeviceLostInfo extends DeviceLoss {
  /** Steps trained before it, over all fit() of this compile(): training goes on behind them. */
  readonly step: number;
  /** 1, or 2 where the device before was lost, too, with nothing saved in between. */
  readonly recovery: number;
}

/** What is needed to train the same steps again. */
interface Entry {
  readonly firstStep: number;
  readonly stretches: readonly Stretch[];
  /** Of the sequences whose states the first mini-batch went on from. */
  readonly stateRows: number;
  /** How many mini-batches were trained. */
  steps: number;
}

export interface EnduranceOptions {
  readonly keeper: Keeper;
  readonly course: Course;
  readonly progress: Progress;
  readonly position: Position | null;
  /** Makes ready what training needs, on the backend of the keeper. */
  readonly open: () => Promise<Ground>;
  readonly onDeviceLost: (info: DeviceLostInfo) => void | Promise<void>;
}

export class Endurance {
  #journal: Entry[] = [];
  #ground: Ground | null = null;
  #backend;
  /** Where training stood when the device was lost, until it stands there again. */
  #lostAt: Readonly<Progress> | null = null;
  /** The journal begins here. */
  readonly #firstStep: number;
  #lastSnapshot = performance.now();
  #snapshotInterval = SNAPSHOT_MILLISECONDS;

  constructor(readonly options: EnduranceOptions) {
    this.#backend = options.keeper.backend;
    this.#firstStep = options.progress.steps;
  }

  /** Trains on these stretches; `onResults` is told of each step once, in order. @returns how many steps ran */
  async run(stretches: readonly Stretch[], onResults: ResultsOfSteps, signal: StopSignal): Promise<number> {
    const { progress } = this.options, firstStep = progress.steps, wanted = stepsIn(stretches);
    const stop: StopSignal = { get aborted() { return signal.aborted || isDue(); } };
    const isDue = () => performance.now() - this.#lastSnapshot > this.#snapshotInterval;
    while (progress.steps < firstStep + wanted && !signal.aborted) {
      await this.on((ground) => {
        const ran = progress.steps - firstStep;
        return this.#train(ground, this.#part(stretches, ran, wanted), (first, steps, results) => onResults(ran + first, steps, results), stop);
      });
      if (isDue()) this.#takeSnapshot();
    }
    return progress.steps - firstStep;
  }

  /** Does work that needs no more than what was trained so far, again if the device is lost. */
  async on<T>(work: (ground: Ground) => Promise<T>): Promise<T> {
    const { keeper } = this.options;
    for (;;) {
      // Another call may have found the loss first.
      if (keeper.backend !== this.#backend) this.#lose();
      const backend = this.#backend = keeper.backend;
      try {
        this.#ground ??= await this.options.open();
        if (this.#lostAt) await this.#catchUp(this.#ground, this.#lostAt);
        return await work(this.#ground);
      } catch (error) {
        const loss = await lossBehind(error, backend);
        if (!loss) throw error;
        this.#lose();
        await this.#recover(loss);
      }
    }
  }

  /** Makes all ready, and sees to it that what was trained so far is not lost any more. */
  async secure(): Promise<void> {
    const { keeper, progress } = this.options;
    // The one under way may be of an earlier step.
    await keeper.settled();
    await this.on(async () => {
      if (keeper.snapshot.progress.steps !== progress.steps) await keeper.takeSnapshot();
    });
  }

  close(): void {
    this.#ground?.dispose();
  }

  #part(stretches: readonly Stretch[], skipped: number, count: number): Stretch[] {
    return partOf(stretches, skipped, count, this.options.course.portions.batchSize);
  }

  async #train(ground: Ground, stretches: readonly Stretch[], onResults: ResultsOfSteps, signal: StopSignal): Promise<void> {
    const { course, progress, position } = this.options;
    const entry: Entry = { firstStep: progress.steps, stretches, stateRows: progress.stateRows, steps: 0 };
    this.#journal.push(entry);
    await runStretches(course, ground.train, stretches, progress, position, (first, steps, results) => {
      entry.steps = first + steps.length;
      onResults(first, steps, results);
    }, signal);
  }

  #lose(): void {
    this.#ground?.dispose();
    this.#ground = null;
    this.#lostAt ??= { ...this.options.progress };
  }

  async #recover(loss: DeviceLoss): Promise<void> {
    const { keeper, onDeviceLost } = this.options;
    await onDeviceLost({ ...loss, step: (this.#lostAt ?? this.options.progress).steps, recovery: keeper.nextRecovery });
    await keeper.recover("fit");
  }

  /** From the snapshot to where training stood. */
  async #catchUp(ground: Ground, lostAt: Readonly<Progress>): Promise<void> {
    const { keeper: { snapshot }, course, progress, position } = this.options;
    if (snapshot.progress.steps < this.#firstStep) {
      throw new DeviceLostError("fit(): the GPU was lost before the weights that this training began with could be read back. " +
        `getWeights() gives the last good ones, those after step ${snapshot.progress.steps}; compile() starts from them.`);
    }
    Object.assign(progress, snapshot.progress);
    for (const { firstStep, stretches, stateRows, steps } of this.#journal) {
      if (firstStep < snapshot.progress.steps) continue;
      progress.stateRows = stateRows;
      await runStretches(course, ground.train, this.#part(stretches, 0, steps), progress, position, () => {}, { aborted: false });
    }
    Object.assign(progress, lostAt);
    this.#lostAt = null;
  }

  #takeSnapshot(): void {
    const { keeper } = this.options, began = performance.now();
    // None is due while this one is under way.
    this.#lastSnapshot = Infinity;
    void keeper.takeSnapshot().then(({ progress }) => {
      this.#snapshotInterval = Math.max(SNAPSHOT_MILLISECONDS, (performance.now() - began) / SNAPSHOT_SHARE);
      this.#journal = this.#journal.filter(({ firstStep }) => firstStep >= progress.steps);
    }, () => {
      // The next piece of work on a lost device finds out; and for anything else the snapshot before has to do.
    }).finally(() => { this.#lastSnapshot = performance.now(); });
  }
}
