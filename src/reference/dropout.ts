// The mask of dropout: which numbers are kept is decided by (seed, step, layer, element) alone, so that the gradient
// meets the mask of the value, and a run repeats. shaders/dropout.wgsl.ts draws the same bits from the same counters.
//   word = philox4x32([i >>> 2, step mod 2³², layer, STREAM.dropout + 2⁸·⌊step / 2³²⌋], keyOf(seed))[i & 3]     kept ⇔ word ≥ threshold

import { dropoutThreshold, halvesOf, keyOf, philox4x32, STEP_HIGH_SHIFT, STREAM } from "../random.ts";

/** 1 where a number is kept and 0 where it is dropped; element i = row·cols + col. */
export function dropoutMask(elements: number, rate: number, seed: number, step: number, layer: number): Uint8Array {
  const threshold = dropoutThreshold(rate);
  const key = keyOf(seed),
    [low, high] = halvesOf(step),
    last = STREAM.dropout + high * 2 ** STEP_HIGH_SHIFT;
  const mask = new Uint8Array(elements);
  for (let first = 0; first < elements; first += 4) {
    const words = philox4x32([first >>> 2, low, layer, last], key);
    for (let i = first; i < Math.min(first + 4, elements); i++) mask[i] = words[i & 3] >= threshold ? 1 : 0;
  }
  return mask;
}

/** What a kept number is multiplied by, so that the expectation stays. */
export const dropoutScale = (rate: number): number => 1 / (1 - rate);
