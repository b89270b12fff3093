// What losses need that few networks have. Loaded for these.

import type { Loss } from "./losses.ts";

/** ε of the losses that divide by a target or take its logarithm: Keras' backend.epsilon(). */
export const LOSS_EPSILON = 1e-7;

/** What a target y counts as, y·scale + shift, where labels are smoothed; null where they are not. */
export function smoothing({ name, labelSmoothing: s }: Loss, outputs: number): { readonly scale: number; readonly shift: number } | null {
  return s ? { scale: 1 - s, shift: s / (name === "binaryCrossentropy" ? 2 : outputs) } : null;
}
