// Checks of what the user passes, shared by all that take options; and how a value is shown in an error message.

import { InputError } from "../errors.ts";

const LONGEST = 80;

/** A value as one would write it, also where JSON has no word for it (NaN, 1n, undefined) or gives up (cycles). */
export function show(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  if (typeof value !== "string" && (typeof value !== "object" || value === null)) return String(value);
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    text = undefined;
  }
  if (text === undefined) return "an object";
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** @throws InputError if `options` is no plain object or holds a key that is not known */
export function checkOptions(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new InputError(`${where}: options must be an object; got ${show(options)}. Known: ${known.join(", ")}.`);
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new InputError(`${where}: unknown option ${unknown}. Known: ${known.join(", ")}.`);
}

/** True, false, or the default where nothing is given. */
export function checkFlag(where: string, name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw new InputError(`${where}: ${name} must be true or false; got ${show(value)}.`);
  return value;
}
