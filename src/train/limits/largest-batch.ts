// Which batch sizes have a plan that fits the device: asked of the plans themselves, which are pure and cost nothing there.

import { OutOfMemoryError, UnsupportedError } from "../../errors.ts";

/** What a limit of the device forbids: known before anything is allocated, and another batch size may keep to it. */
export const isOverLimit = (error: unknown): boolean =>
  error instanceof UnsupportedError || (error instanceof OutOfMemoryError && error.limit !== null);

/** What `make` gives; null if a limit of the device forbids it. @throws what else it throws */
export function withinLimits<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (isOverLimit(error)) return null;
    throw error;
  }
}

/** The largest batch size below this one that fits, by bisection: a smaller one takes less. Null if not even 1 does. */
export function largestBatch(below: number, fits: (batch: number) => boolean): number | null {
  let fitting = 0,
    tooMany = below;
  while (tooMany - fitting > 1) {
    const middle = Math.floor((fitting + tooMany) / 2);
    if (fits(middle)) fitting = middle;
    else tooMany = middle;
  }
  return fitting > 0 ? fitting : null;
}
