// What counts as an array of numbers, which arrays hold whole numbers, and how a call takes one: as a copy of what it holds when
// the call is made.

import { InputError } from "../../errors.ts";
import { show } from "../../model/checks.ts";
import { copyTyped, kindOf } from "../../typed-arrays.ts";

/** @throws InputError unless it is an array, typed or not */
export function checkArray(where: string, name: string, data: unknown): void {
  if (kindOf(data) !== undefined || Array.isArray(data)) return;
  const got = ArrayBuffer.isView(data) ? show(data) : data === null ? "null" : typeof data;
  throw new InputError(`${where}: ${name} must be a typed array or an array; got ${got}.`);
}

/** What the data of a call may be nested: [x, y] of arrays of sequences of steps. */
const DEPTH = 4;

/**
 * A copy of an array, or of arrays in arrays; what is neither stays as it is.
 * @throws InputError if the memory of a typed array is gone, or there is none for the copy
 */
export function copyOf(where: string, name: string, data: unknown, depth = DEPTH): unknown {
  if (Array.isArray(data) && depth > 0) {
    return data.map((part: unknown) => (typeof part === "object" ? copyOf(where, name, part, depth - 1) : part));
  }
  const kind = kindOf(data);
  return kind === undefined ? data : copyTyped(where, name, kind, data as ArrayLike<number>);
}

/** Made by {…}, in this realm or another. */
function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The same of an array, or of the arrays that options hold. */
export function copyOfAll(where: string, name: string, given: unknown): unknown {
  if (!isPlain(given)) return copyOf(where, name, given);
  return { ...given, ...Object.fromEntries(Object.entries(given).map(([key, value]) => [key, copyOf(where, key, value)])) };
}

/** Whole numbers below this are all there. */
const WHOLE_BELOW: Readonly<Record<string, number>> = { "[object Float32Array]": 2 ** 24, "[object Float16Array]": 2 ** 11 };

/**
 * Refuses whole numbers that may have been rounded when they were put into an array of floats.
 * @param data an array of numbers, or of such arrays
 * @param count numbers are below this
 * @throws InputError naming the first one
 */
export function checkUnrounded(where: string, name: string, data: unknown, count: number): void {
  if (Array.isArray(data) && typeof data[0] === "object") {
    for (const part of data as unknown[]) checkUnrounded(where, name, part, count);
  }
  const tag = Object.prototype.toString.call(data),
    limit = WHOLE_BELOW[tag] ?? Infinity;
  if (count <= limit) return;
  const found = (data as Float32Array).find((value) => value >= limit);
  if (found === undefined) return;
  throw new InputError(
    `${where}: ${name} holds ${found} in a ${tag.slice(8, -1)}, which has not all whole numbers from ${limit} on, ` +
      "so that it may have been another one. Pass a Uint32Array or an array of numbers.",
  );
}
