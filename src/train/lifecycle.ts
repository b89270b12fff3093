// Who may do what when: one training run at a time, nothing after dispose(), and the backend is freed only after the last
// call that uses it.

import { InputError } from "../errors.ts";
import type { StopSignal } from "./backend.ts";

export class Lifecycle {
  #training = false;
  #uses = 0;
  #disposed = false;

  /** @param free frees the backend; called once nothing uses it, and again by every later dispose() */
  constructor(readonly free: () => void) {}

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
      return await this.using(work);
    } finally {
      this.#training = false;
    }
  }

  /** Keeps the backend until the work is done, also if the model is disposed meanwhile. */
  async using<T>(work: () => Promise<T>): Promise<T> {
    this.#uses++;
    try {
      return await work();
    } finally {
      this.#uses--;
      if (this.#disposed) this.dispose();
    }
  }

  /** Stops when the user says so, and when the model is disposed. */
  stopSignal(signal?: AbortSignal): StopSignal {
    const isDisposed = () => this.#disposed;
    return { get aborted() { return isDisposed() || (signal?.aborted ?? false); } };
  }

  get isDisposed(): boolean {
    return this.#disposed;
  }

  dispose(): void {
    this.#disposed = true;
    if (this.#uses === 0) this.free();
  }
}
