// Training that goes on when the GPU is lost: what was trained since the last snapshot is written down, and done again from
// there on another device. The same steps leave the same bits, so that nobody has to be told of any twice. The same way leads
// back to before a step that made numbers which are not finite.

import { OutOfMemoryError } from "../../errors.ts";
import type { Recipe } from "../../model/network.ts";
import type { Backend, DeviceLoss, StopSignal } from "../backend/backend.ts";
import type { Sighting, Spoilt } from "./divergence.ts";
import { isFiniteState } from "../backend/finite.ts";
import type { DeviceLostInfo, OnNaN } from "../call/fit-options.ts";
import { Journal, type Snapshot } from "./journal.ts";
import { lossBehind, type BegunSnapshot, type DeviceSession } from "./device-session.ts";
import type { Gate } from "../call/lifecycle.ts";
import { loadRecovery } from "../../lazy.ts";
import { fetchRecovery } from "./fetch-recovery.ts";
import {
  partOf,
  runStretches,
  stepsIn,
  type Course,
  type Position,
  type Prepared,
  type Progress,
  type Ready,
  type ResultsOfSteps,
  type Stretch,
} from "../loop/passes.ts";
import type { Leg } from "./replay.ts";
import type { Steering } from "../loop/steering.ts";

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

/** Where snapshots go that are to outlive the page. */
export interface Checkpointing {
  /** Steps from one to the next. */
  readonly every: number;
  /** Notes how far fit() is, and gives what saves that with the snapshot of the same moment, and never rejects. */
  readonly begin: () => (snapshot: Snapshot) => Promise<void>;
  /** Resolves some time after the end of fit() was asked for: a store that has not answered by then is not waited for. */
  readonly abandoned: Promise<void>;
  readonly close: () => void;
}

export interface FaultTolerantOptions {
  readonly session: DeviceSession;
  readonly progress: Progress;
  readonly course: Course;
  readonly position: Position | null;
  /** Makes ready what training needs, on the backend at hand. */
  readonly open: () => Promise<Ground>;
  readonly onDeviceLost: (info: DeviceLostInfo) => void | Promise<void>;
  readonly onNaN: OnNaN;
  readonly firstNonFinite: Spoilt["firstNonFinite"];
  readonly gate: Gate;
  readonly checkpointing: Checkpointing | null;
  readonly steering: Steering;
  /** With the learning rate of the next step. */
  readonly recipe: () => Recipe;
}

export class FaultTolerantRunner {
  readonly #journal = new Journal();
  #ground: Ground | null = null;
  #backend;
  /** Where training stood when the device was lost, until it stands there again. */
  #lostAt: Readonly<Progress> | null = null;
  /** The journal begins here. */
  readonly #firstStep: number;
  #lastSnapshot = performance.now();
  #snapshotInterval = SNAPSHOT_MILLISECONDS;
  #saving: Promise<void> = Promise.resolve();
  #diverged: Sighting | null = null;
  /** The snapshot of the end, if it is under way. */
  #begun: BegunSnapshot | undefined;
  #lastLoss: number | null = null;
  #rollbacks = 0;

  constructor(readonly options: FaultTolerantOptions) {
    this.#backend = options.session.backend;
    this.#firstStep = options.progress.steps;
  }

  /**
   * Trains on these stretches; `onResults` is told of each step once, in order.
   * @param isLast whether nothing is trained after them, so that the snapshot of the end can be begun before they are done
   * @returns how many steps ran or were left out
   */
  async run(stretches: readonly Stretch[], onResults: ResultsOfSteps, signal: StopSignal, isLast = false): Promise<number> {
    const { progress, gate, checkpointing, steering } = this.options,
      firstStep = progress.steps,
      end = firstStep + stepsIn(stretches);
    const shouldPause = () => gate.closed || this.#diverged !== null || this.#isDue || steering.changed;
    const stop: StopSignal = {
      get aborted() {
        return signal.aborted || shouldPause();
      },
    };
    while (progress.steps < end && !signal.aborted && !steering.stopped) {
      await this.on((ground) => {
        const ran = progress.steps - firstStep;
        const part = this.#part(stretches, ran, Math.min(end - progress.steps, this.#nextCheckpoint - progress.steps, steering.ahead));
        return this.#train(
          ground,
          part,
          (first, steps, results) => onResults(ran + first, steps, results),
          stop,
          isLast && ran + stepsIn(part) === end - firstStep,
        );
      });
      await this.#follow(steering);
      if (this.#diverged) await this.#rollBack(this.#diverged, { firstStep, stretches });
      if (checkpointing && progress.steps % checkpointing.every === 0) await this.#checkpoint(checkpointing);
      else if (this.#isDue) void this.#takeSnapshot();
      await gate.pass();
    }
    return progress.steps - firstStep;
  }

  /** Does work that needs no more than what was trained so far, again if the device is lost. */
  async on<T>(work: (ground: Ground, backend: Backend) => Promise<T>): Promise<T> {
    const { session } = this.options;
    for (;;) {
      // Another call may have found the loss first.
      if (session.backend !== this.#backend) this.#lose();
      const backend = (this.#backend = session.backend);
      try {
        const ground = (this.#ground ??= await this.options.open());
        if (this.#lostAt) {
          await (await loadRecovery()).catchUp(this.#trained, ground.train, this.#firstStep, this.#lostAt);
          this.#lostAt = null;
        }
        return await work(ground, backend);
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
    const { session, progress, checkpointing } = this.options;
    // What is under way may be of an earlier step.
    await Promise.all([session.settled(), this.#unlessEnded(this.#saving)]);
    await this.on(async () => {
      const begun = this.#begun;
      this.#begun = undefined;
      if (session.snapshot.progress.steps === progress.steps) return;
      try {
        await this.#snapshot(begun?.backend === session.backend ? begun : undefined);
      } catch (error) {
        // What was trained is there all the same: who is told that it failed would train it twice.
        if (!(error instanceof OutOfMemoryError)) throw error;
        (await loadRecovery()).tellOfUnread(error);
      }
    });
    if (this.#diverged) await this.#rollBack(this.#diverged);
    if (checkpointing && progress.steps > this.#firstStep) await this.#unlessEnded(checkpointing.begin()(session.snapshot));
  }

  close(): void {
    this.#ground?.dispose();
    this.options.checkpointing?.close();
  }

  get #trained() {
    return { ...this.options, journal: this.#journal };
  }

  get #isDue(): boolean {
    return !this.options.session.isTaking && performance.now() - this.#lastSnapshot > this.#snapshotInterval;
  }

  get #nextCheckpoint(): number {
    const {
      checkpointing,
      progress: { steps },
    } = this.options;
    return checkpointing ? steps - (steps % checkpointing.every) + checkpointing.every : Infinity;
  }

  #part(stretches: readonly Stretch[], skipped: number, count: number): Stretch[] {
    return partOf(stretches, skipped, count, this.options.course.portions.batchSize);
  }

  async #train(
    ground: Ground,
    stretches: readonly Stretch[],
    onResults: ResultsOfSteps,
    signal: StopSignal,
    isLast: boolean,
  ): Promise<void> {
    const { session, progress, course, position, onNaN, steering } = this.options;
    const recipe = this.options.recipe(),
      entry = this.#journal.begin(progress, stretches, recipe);
    await runStretches(
      { ...course, recipe },
      ground.train,
      stretches,
      progress,
      position,
      (first, steps, results) => {
        entry.steps = first + steps.length;
        fetchRecovery();
        if (this.#diverged || steering.turning) return;
        const stride = results.length / steps.length;
        let good = 0;
        while (good < steps.length && (onNaN === "ignore" || Number.isFinite(results[good * stride]))) good++;
        if (good > 0) this.#lastLoss = results[(good - 1) * stride];
        if (good === steps.length) return onResults(first, steps, results);
        const seenAt = entry.firstStep + first + good;
        if (good > 0) onResults(first, steps.slice(0, good), Array.prototype.slice.call(results, 0, good * stride));
        if (!steering.turning) this.#diverged = { seenAt, next: seenAt + 1 };
      },
      signal,
      () => {
        if (isLast && !session.isTaking) this.#begun = session.begin();
      },
    );
  }

  /** Does what callbacks have asked for: takes back steps that they were not told of, and waits for what they wait for. */
  async #follow(steering: Steering): Promise<void> {
    const { gate, progress } = this.options,
      at = steering.turn();
    if (at !== null && at < progress.steps) {
      this.#begun = undefined;
      const { takeBack } = await loadRecovery();
      await takeBack(this.#trained, at, (work) => this.on(work));
    }
    const { waiting } = steering;
    steering.waiting = null;
    if (waiting) await gate.still(() => waiting);
    // Nothing is under way: what was set meanwhile counts from the next step on.
    steering.turn();
  }

  #lose(): void {
    this.#ground?.dispose();
    this.#ground = null;
    this.#lostAt ??= { ...this.options.progress };
  }

  async #recover(loss: DeviceLoss): Promise<void> {
    const { session, progress, onDeviceLost, gate } = this.options;
    const info = { ...loss, step: (this.#lostAt ?? progress).steps, recovery: session.nextRecovery };
    await gate.still(() => onDeviceLost(info));
    await session.recover("fit");
  }

  /** @throws DivergenceError if training is to stop */
  async #rollBack(sighting: Sighting, leg?: Leg): Promise<void> {
    const { rollBack } = await loadRecovery();
    await rollBack(
      {
        ...this.#trained,
        lastLoss: this.#lastLoss,
        rollbacks: ++this.#rollbacks,
        on: (work) => this.on(work),
        forget: () => {
          this.#diverged = null;
          this.#begun = undefined;
        },
      },
      sighting,
      leg,
    );
  }

  /** One of the steps trained so far, while training goes on. */
  async #takeSnapshot(): Promise<Snapshot | null> {
    const began = performance.now();
    try {
      const taken = await this.#snapshot();
      this.#snapshotInterval = Math.max(SNAPSHOT_MILLISECONDS, (performance.now() - began) / SNAPSHOT_SHARE);
      return taken;
    } catch {
      // The next piece of work on a lost device finds out; and for anything else the snapshot before has to do.
      return null;
    } finally {
      this.#lastSnapshot = performance.now();
    }
  }

  /** @returns null if it was refused, because not all of it is finite */
  async #snapshot(begun?: BegunSnapshot): Promise<Snapshot | null> {
    const {
      session,
      progress: { steps },
      onNaN,
    } = this.options;
    const taken = await session.takeSnapshot((state) => onNaN === "ignore" || isFiniteState(state), begun);
    if (taken) this.#journal.forget(taken.progress.steps);
    else this.#diverged ??= { seenAt: steps, next: null };
    return taken;
  }

  /** Waits for a store, which may never answer: after an abort or dispose() only so long. No step is under way meanwhile. */
  #unlessEnded(saving: Promise<void>): Promise<void> {
    const { gate, checkpointing } = this.options;
    return gate.still(() => (checkpointing ? Promise.race([saving, checkpointing.abandoned]) : saving));
  }

  /** Begins to save the state as it is now; waits only for what was to be saved before. */
  async #checkpoint({ begin }: Checkpointing): Promise<void> {
    await Promise.all([this.options.session.settled(), this.#unlessEnded(this.#saving)]);
    const save = begin();
    this.#saving = this.#takeSnapshot().then((snapshot) => (snapshot ? save(snapshot) : undefined));
  }
}
