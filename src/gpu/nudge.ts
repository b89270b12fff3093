// Firefox looks only every 100 ms whether the GPU is done, and whenever something is submitted.

/** After this it is worth asking. */
const EVERY_MILLISECONDS = 4;

const looksSeldom = (): boolean => (globalThis.navigator as Navigator | undefined)?.userAgent?.includes("Firefox") ?? false;

/** Waits for the GPU, asking again and again by submitting nothing where that helps: results then come after 1 to 9 ms, not 100. */
export async function nudged<T>(queue: GPUQueue, waiting: Promise<T>): Promise<T> {
  if (!looksSeldom()) return waiting;
  const timer = setInterval(() => queue.submit([]), EVERY_MILLISECONDS);
  try {
    return await waiting;
  } finally {
    clearInterval(timer);
  }
}
