// Keeps the backend of a compiled model: for the calls that use it, until the last of them is over, and, where its GPU is
// lost, by another one that starts from the last state that was seen whole on the CPU.

import { DeviceLostError, GpuError, OutOfMemoryError } from "../../errors.ts";
import type { Backend, DeviceLoss, State } from "../backend/backend.ts";
import type { Snapshot } from "./journal.ts";
import { loadRecovery } from "../../lazy.ts";
import { fetchRecovery } from "./fetch-recovery.ts";
import type { Progress } from "../loop/passes.ts";

/** The state of a backend on its way to the CPU. */
export interface BegunSnapshot {
  readonly backend: Backend;
  readonly state: Promise<State>;
}

/** What a session begins with. */
export interface Opened {
  readonly backend: Backend;
  /** What the backend was given. */
  readonly state: State;
  /** Opens another one of its kind. @throws DeviceLostError if there is none */
  readonly reopen: () => Promise<Backend>;
}

/**
 * How much earlier than the news of a loss its errors may come: Firefox looks for news every 100 ms, and a busy machine later. Lack
 * of memory seldom is a loss.
 */
const NEWS_MILLISECONDS = 2000,
  NEWS_AFTER_LACK_OF_MEMORY = 500;

/** The loss of the backend's GPU that the error comes from; null if it has another reason. */
export const lossBehind = async (error: unknown, backend: Backend): Promise<DeviceLoss | null> =>
  error instanceof GpuError && !(error instanceof DeviceLostError)
    ? backend.loss(error instanceof OutOfMemoryError ? NEWS_AFTER_LACK_OF_MEMORY : NEWS_MILLISECONDS)
    : null;

export class DeviceSession {
  readonly #reopen: () => Promise<Backend>;
  #backend: Backend;
  #snapshot: Snapshot;
  #taking: Promise<void> = Promise.resolve();
  #isTaking = false;
  #recovering: Promise<void> | null = null;
  /** Since something was achieved. */
  #recoveries = 0;
  #uses = 0;
  #retired = false;

  /** @param onFree called before the backend is freed for good */
  constructor(
    { backend, state, reopen }: Opened,
    readonly progress: Progress,
    readonly onFree: () => void,
  ) {
    this.#reopen = reopen;
    this.#backend = backend;
    this.#snapshot = { state, progress: { ...progress } };
  }

  /** Another one after each loss. */
  get backend(): Backend {
    return this.#backend;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Keeps the backend until the work is done, also if it is retired meanwhile. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.#uses++;
    try {
      const result = await work();
      this.#recoveries = 0;
      fetchRecovery();
      return result;
    } finally {
      this.#uses--;
      this.#freeUnused();
    }
  }

  /** No new use comes: frees the backend as soon as those under way are over. */
  retire(): void {
    this.#retired = true;
    this.#freeUnused();
  }

  /**
   * Takes another device in place of the lost one and gives it the state of the snapshot. Calls side by side that find the same
   * loss share what is done about it.
   * @throws DeviceLostError if there is no other device, or too many were lost in a row
   */
  recover(where: string): Promise<void> {
    this.#recovering ??= this.#recover(where).finally(() => {
      this.#recovering = null;
    });
    return this.#recovering;
  }

  /** Which recovery the next one is, from 1, since something was achieved. */
  get nextRecovery(): number {
    return this.#recoveries + 1;
  }

  async #recover(where: string): Promise<void> {
    // A snapshot under way decides what to start from.
    await this.#taking;
    if (!this.#backend.isLost) return;
    const { anotherBackend } = await loadRecovery().catch((cause: unknown) => {
      throw new DeviceLostError(
        `${where}(): the GPU was lost, and what goes on without it cannot be loaded (${String(cause)}). ` +
          "getWeights() gives the last good weights.",
        { cause },
      );
    });
    const backend = await anotherBackend(where, this.#recoveries, this, async () => {
      const opened = await this.#reopen();
      this.#recoveries++;
      return opened;
    });
    this.#backend.dispose();
    this.#backend = backend;
  }

  /**
   * Brings the state of the backend to the CPU, as it is after the steps submitted so far. It counts only if it was seen whole.
   * One at a time.
   * @param accept whether it may take the place of the one before
   * @param begun what begin() gave, if that was called before
   * @returns null if it may not. @throws GpuError if it was not seen whole; then the one before stays
   */
  async takeSnapshot(accept: (state: State) => boolean = () => true, begun: BegunSnapshot = this.begin()): Promise<Snapshot | null> {
    const { backend } = begun,
      progress = { ...this.progress },
      state = await begun.state;
    if (backend !== this.#backend || backend.isLost) throw new GpuError("the GPU was lost while its state was read back");
    if (!accept(state)) return null;
    this.#recoveries = 0;
    return (this.#snapshot = { state, progress });
  }

  /** Begins to read the state as it is after the steps submitted so far. */
  begin(): BegunSnapshot {
    const backend = this.#backend,
      state = backend.snapshot();
    this.#isTaking = true;
    this.#taking = state
      .then(
        () => {},
        () => {},
      )
      .finally(() => {
        this.#isTaking = false;
      });
    return { backend, state };
  }

  /** Whether one was begun and is under way. */
  get isTaking(): boolean {
    return this.#isTaking;
  }

  /** Goes on from what was kept elsewhere. @throws GpuError if it does not reach the backend */
  async adopt({ state, progress }: Snapshot): Promise<void> {
    await this.settled();
    const backend = this.#backend;
    this.#snapshot = { state, progress: { ...progress } };
    Object.assign(this.progress, progress);
    try {
      await backend.write(state);
    } catch (error) {
      // Another device is given the snapshot.
      if (!(await lossBehind(error, backend))) throw error;
      await this.recover("fit");
    }
  }

  /** When no snapshot is under way. */
  settled(): Promise<void> {
    return this.#taking;
  }

  /** Numbers that the backend was given from outside belong to the snapshot, too. */
  async write(values: State): Promise<void> {
    await this.#backend.write(values);
    // Not before: a snapshot under way is of what was there before.
    await this.settled();
    this.#snapshot = { state: new Map([...this.#snapshot.state, ...values]), progress: this.#snapshot.progress };
  }

  #freeUnused(): void {
    if (!this.#retired || this.#uses > 0) return;
    this.onFree();
    this.#backend.dispose();
  }
}
