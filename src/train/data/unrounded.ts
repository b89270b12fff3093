// Which arrays hold whole numbers. Loaded with validate-all.ts.

import { InputError } from "../../errors.ts";

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
