// What counts as an array of numbers.

import { InputError } from "../errors.ts";
import { show } from "../model/checks.ts";

const NOT_NUMBERS: ReadonlySet<string> = new Set(["[object DataView]", "[object BigInt64Array]", "[object BigUint64Array]"]);

/** @throws InputError unless it is an array, typed or not */
export function checkArray(where: string, name: string, data: unknown): void {
  const isView = ArrayBuffer.isView(data);
  if (isView ? !NOT_NUMBERS.has(Object.prototype.toString.call(data)) : Array.isArray(data)) return;
  const got = isView ? show(data) : data === null ? "null" : typeof data;
  throw new InputError(`${where}: ${name} must be a typed array or an array; got ${got}.`);
}
