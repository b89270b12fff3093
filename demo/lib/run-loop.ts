// Training that runs until it is paused, and the work that must not meet it. A room's worker has one of these for as long as it
// lives, whichever network it holds.

export class RunLoop {
  #wanted = false;
  #abort = new AbortController();
  #training: Promise<void> = Promise.resolve();
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * @param train trains, slice by slice, for as long as `wanted` holds
   * @param onStopped training ended by an error
   */
  constructor(
    readonly train: () => Promise<void>,
    readonly onStopped: (error: unknown) => void,
  ) {}

  /** Whether it trains, or will as soon as the work under way is done. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** Begins a slice of training. The signal ends it early when something else is wanted. */
  beginSlice(): AbortSignal {
    this.#abort = new AbortController();
    return this.#abort.signal;
  }

  /** Of the slice that was begun last. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends the slice under way, so that the next one begins with other settings. */
  cutSlice(): void {
    this.#abort.abort();
  }

  /** As soon as what was asked for before is done. */
  run(): Promise<void> {
    return this.#next(async () => this.#start());
  }

  /** As soon as what was asked for before is done; training goes on meanwhile. */
  inTurn(work: () => void): Promise<void> {
    return this.#next(async () => work());
  }

  /** Resolves when training stands still, between two mini-batches. */
  pause(): Promise<void> {
    return this.#next(() => this.#halt());
  }

  /** With no training under way while it works. What ran before runs on afterwards, whether the work succeeded or not. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#next(async () => {
      const resume = this.#wanted;
      await this.#halt();
      try {
        return await work();
      } finally {
        if (resume) this.#start();
      }
    });
  }

  /** One after the other, in the order in which they were asked for. */
  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  #start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#training = this.train().catch((error: unknown) => {
      this.#wanted = false;
      this.onStopped(error);
    });
  }

  async #halt(): Promise<void> {
    this.#wanted = false;
    this.#abort.abort();
    await this.#training;
  }
}
