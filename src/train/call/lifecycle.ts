// Who may do what when: one training run at a time, one compile() after the other, nothing after dispose().

import { InputError } from "../../errors.ts";
import type { StopSignal } from "../backend/backend.ts";

export class Lifecycle {
  #training = false;
  #disposed = false;

  get training(): boolean {
    return this.#training;
  }

  /** @throws InputError after dispose() */
  checkAlive(where: string): void {
    if (this.#disposed) throw new InputError(`${where}(): the model was disposed. Make a new one with sequential().`);
  }

  /** @throws InputError while training */
  checkFree(where: string): void {
    if (this.#training) throw new InputError(`${where}(): the model is training. Wait for fit() or abort it first.`);
  }

  /** Runs what must not be disturbed by another training run. */
  async exclusively<T>(where: string, work: () => Promise<T>): Promise<T> {
    this.checkFree(where);
    this.#training = true;
    try {
      return await work();
    } finally {
      this.#training = false;
    }
  }

  /** Stops when the user says so, and when the model is disposed. */
  stopSignal(signal?: AbortSignal | null): StopSignal {
    const isDisposed = () => this.#disposed;
    return {
      get aborted() {
        return isDisposed() || (signal?.aborted ?? false);
      },
    };
  }

  dispose(): void {
    this.#disposed = true;
  }
}

/** Where training stands still while it is to pause: between two steps. */
export class Gate {
  #guarding = false;
  #closed = false;
  /** Pieces of work under way that train nothing, such as callbacks. */
  #still = 0;
  /** Of each pause() that waits for training to stand still. */
  #pausing: (() => void)[] = [];
  #open: () => void = () => {};
  #opened: Promise<void> = Promise.resolve();
  #ending: (() => void)[] = [];
  /** Told of each close() and open(), for work that goes on elsewhere. */
  onChange: () => void = () => {};

  get closed(): boolean {
    return this.#closed;
  }

  /** Lets work pass by that comes here between its steps. An abort opens. */
  async guard<T>(signal: AbortSignal | null | undefined, work: () => Promise<T>): Promise<T> {
    const open = () => this.open();
    this.#guarding = true;
    signal?.addEventListener?.("abort", open);
    try {
      return await work();
    } finally {
      this.#guarding = false;
      signal?.removeEventListener?.("abort", open);
      open();
    }
  }

  /** Resolves when nothing passes any more, at once where nothing does; and when open() has made that pointless. */
  close(): Promise<void> {
    if (!this.#guarding) return Promise.resolve();
    if (!this.#closed) {
      this.#closed = true;
      this.#opened = new Promise((resolve) => {
        this.#open = resolve;
      });
      this.onChange();
    }
    return this.#still > 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#pausing.push(resolve);
        });
  }

  open(): void {
    this.#closed = false;
    this.#open();
    this.#stand();
    const ending = this.#ending;
    this.#ending = [];
    for (const look of ending) look();
    this.onChange();
  }

  /** Resolves when the signal is given, of which open() tells: for work that waits for what may never come. */
  async ended(signal: StopSignal): Promise<void> {
    while (!signal.aborted)
      await new Promise<void>((resolve) => {
        this.#ending.push(resolve);
      });
  }

  /** Waits here while it is closed. */
  async pass(): Promise<void> {
    while (this.#closed) await this.still(() => this.#opened);
  }

  /** Does work during which no step is under way, so that a callback may await pause(). */
  async still<T>(work: () => T | Promise<T>): Promise<T> {
    this.#still++;
    this.#stand();
    try {
      return await work();
    } finally {
      this.#still--;
    }
  }

  #stand(): void {
    const pausing = this.#pausing;
    this.#pausing = [];
    for (const resolve of pausing) resolve();
  }
}

/** What a failed piece of work threw. */
export interface Failure {
  readonly error: unknown;
}

/**
 * Work that goes one after the other and that others wait for. Each caller gets the very promise of his work, and its
 * error if it fails: that others wait does not count as handling it.
 */
export class SerialQueue {
  #pending = 0;
  #last: Promise<Failure | null> = Promise.resolve(null);
  #failure: Failure | null = null;

  get underWay(): boolean {
    return this.#pending > 0;
  }

  /** How the last work failed; null if it went well. */
  get failure(): Failure | null {
    return this.#failure;
  }

  async run(work: () => Promise<void>): Promise<void> {
    const before = this.underWay ? this.#last : null;
    let over: (failure: Failure | null) => void = () => {};
    this.#last = new Promise((resolve) => {
      over = resolve;
    });
    this.#pending++;
    this.#failure = null;
    try {
      if (before) await before;
      await work();
    } catch (error) {
      this.#failure = { error };
      throw error;
    } finally {
      this.#pending--;
      over(this.#failure);
    }
  }

  /** Resolves when the work that was asked for last is over, with its failure if it failed. */
  over(): Promise<Failure | null> {
    return this.#last;
  }
}
