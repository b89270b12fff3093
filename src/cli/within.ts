// Waiting with an end: for what a program of somebody else's may never do.

export interface Limit {
  /** Infinity: none. */
  readonly millis: number;
  /** What it is refused with when that time is over. */
  readonly late: () => Error;
  /** Ends the waiting with its reason. */
  readonly signal?: AbortSignal;
}

/** What `work` comes to; it is not stopped by this. @throws `late()`, the signal's reason, or what `work` throws */
export function within<T>(work: Promise<T>, { millis, late, signal }: Limit): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer =
      millis === Infinity
        ? undefined
        : setTimeout(() => {
            end();
            reject(late());
          }, millis);
    const stop = () => {
      end();
      reject(signal!.reason as Error);
    };
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    };
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop);
    work.finally(end).then(resolve, reject);
  });
}
