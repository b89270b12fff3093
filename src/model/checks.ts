// Checks of what the user passes, shared by all that take options; and how a value is shown in an error message.

import { InputError } from "../errors.ts";
import { brandOf } from "../typed-arrays.ts";

const LONGEST = 80;

/** A value as one would write it, also where JSON has no word for it (NaN, 1n, undefined) or gives up (cycles). */
export function show(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (ArrayBuffer.isView(value)) return `a ${brandOf(value) ?? "DataView"}`;
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

/**
 * The options that were given: one that is null or undefined is left out, and means its default; null in place of all is none.
 * @throws InputError if `options` is no plain object or holds a key that is not known
 */
export function checkOptions<O extends object>(where: string, options: O | null | undefined, known: readonly string[]): O {
  const given = options ?? ({} as O);
  if (typeof given !== "object" || Array.isArray(given)) {
    throw new InputError(`${where}: options must be an object; got ${show(given)}. Known: ${known.join(", ")}.`);
  }
  const entries = Object.entries(given),
    unknown = entries.find(([key]) => !known.includes(key))?.[0];
  if (unknown !== undefined) {
    throw new InputError(`${where}: unknown option ${unknown}. Known: ${known.length > 0 ? known.join(", ") : "none"}.`);
  }
  return Object.fromEntries(entries.filter(([, value]) => value != null)) as O;
}

/** True, false, or the default where nothing is given. */
export function checkFlag(where: string, name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw new InputError(`${where}: ${name} must be true or false; got ${show(value)}.`);
  return value;
}

/** What a number must be, in words and as a test. */
const RULES = {
  any: { words: "a finite number", holds: () => true },
  "≥ 0": { words: "a finite number ≥ 0", holds: (value: number) => value >= 0 },
  "> 0": { words: "a finite number > 0", holds: (value: number) => value > 0 },
  "≠ 0": { words: "a finite number other than 0", holds: (value: number) => value !== 0 },
  "[0, 1)": { words: "in [0, 1)", holds: (value: number) => value >= 0 && value < 1 },
} as const;

/** The least normal float32: WGSL lets a GPU take anything smaller for 0. */
const LEAST_NORMAL = 2 ** -126;

function asFloat32(value: number): number {
  const rounded = Math.fround(value);
  return Math.abs(rounded) < LEAST_NORMAL ? 0 : rounded;
}

/**
 * A number that reaches a shader: it keeps the rule also as a float32, where 1e39 is infinite, 1e-40 is 0 and 1 − 1e-9 is 1.
 * @param remedy what to do, where there is more to say than the rule
 * @throws InputError if it does not
 */
export function checkFloat32(where: string, name: string, value: unknown, rule: keyof typeof RULES, remedy = ""): number {
  const { words, holds } = RULES[rule];
  const fits = (number: number): boolean => Number.isFinite(number) && holds(number);
  if (typeof value === "number" && fits(value) && fits(asFloat32(value))) return value;
  const rounded = typeof value === "number" && fits(value) ? `, which is ${asFloat32(value)} in float32` : "";
  throw new InputError(`${where}: ${name} must be ${words}; got ${show(value)}${rounded}.${remedy && ` ${remedy}`}`);
}

/** A whole number ≥ 1, or an InputError that names the place. */
export function checkCount(where: string, name: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
    throw new InputError(`${where}: ${name} must be a whole number ≥ 1; got ${show(value)}.`);
  }
  return value;
}

/** [features] or [steps, features], or null where none is given. */
export function checkInputShape(where: string, shape: unknown): readonly number[] | null {
  if (shape === undefined || shape === null) return null;
  if (!Array.isArray(shape) || shape.length < 1 || shape.length > 2) {
    throw new InputError(
      `${where}: inputShape must be [features], or [steps, features] for a sequence, the batch left out; ` + `got ${show(shape)}.`,
    );
  }
  return Object.freeze(shape.map((size: unknown, i) => checkCount(where, `inputShape[${i}]`, size)));
}

/** What a layer has of `trainable`: nothing where it is trained. */
export const checkTrainable = (where: string, value: unknown): { readonly trainable?: false } =>
  checkFlag(where, "trainable", value, true) ? {} : { trainable: false };

/** The prefix of weights' names, or null where none is given. */
export function checkName(where: string, name: string | undefined): string | null {
  if (name === undefined || /^[A-Za-z][\w.-]{0,63}$/.test(name)) return name ?? null;
  throw new InputError(`${where}: name must start with a letter and hold at most 64 letters, digits, _ . or -; got ${show(name)}.`);
}
