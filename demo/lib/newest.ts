// Work that is always for the newest of what was asked: one at a time, and once for all that was asked meanwhile.

export class Newest {
  #turn: Promise<void> = Promise.resolve();
  #waits = false;

  /** @param work finds out by itself what is the newest; it does not reject */
  constructor(readonly work: () => Promise<void>) {}

  /** Resolves when work that began after this call is done. */
  ask(): Promise<void> {
    // Work that has not begun yet will find what is asked now.
    if (this.#waits) return this.#turn;
    this.#waits = true;
    this.#turn = this.#turn.then(() => {
      this.#waits = false;
      return this.work();
    });
    return this.#turn;
  }
}
