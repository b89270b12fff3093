/**
 * `tf.util.*`: shuffling and small helpers for arrays.
 * @module
 */

import { InputError } from "../index.ts";
import { sizeOf } from "./nd-array.ts";

type Swappable = { length: number; [index: number]: unknown };

/** Brings arrays of one length into one new order, in place (Fisher and Yates). */
function shuffleTogether(arrays: readonly Swappable[]): void {
  for (let i = arrays[0].length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    for (const array of arrays) [array[i], array[j]] = [array[j], array[i]];
  }
}

/** Brings the array into a random order, in place. */
export const shuffle = (array: Swappable): void => shuffleTogether([array]);

/** Brings two arrays into the same random order, in place. @throws InputError if they differ in length */
export function shuffleCombo(array: Swappable, second: Swappable): void {
  if (array.length !== second.length)
    throw new InputError(`shuffleCombo(): the arrays must be of one length; got ${array.length} and ` + `${second.length}.`);
  shuffleTogether([array, second]);
}

/** Whole numbers from 0 to n − 1 in a random order. */
export function createShuffledIndices(n: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  shuffle(order);
  return order;
}

/** @throws InputError with the message if the condition does not hold */
export function assert(condition: boolean, message: () => string): void {
  if (!condition) throw new InputError(typeof message === "function" ? message() : String(message));
}

export const sizeFromShape = (shape: readonly number[]): number => sizeOf(shape);
export const arraysEqual = (a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean =>
  a.length === b.length && Array.from(a).every((value, i) => value === b[i]);
export const flatten = (nested: unknown): number[] =>
  ArrayBuffer.isView(nested) ? Array.from(nested as Float32Array) : Array.isArray(nested) ? nested.flatMap(flatten) : [nested as number];
export const now = (): number => performance.now();
export const clamp = (min: number, x: number, max: number): number => Math.max(min, Math.min(x, max));
export const randUniform = (a: number, b: number): number => a + Math.random() * (b - a);
