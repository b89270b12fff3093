// What counts as an array of numbers, and how a call takes one: as a copy of what it holds when the call is made.

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
