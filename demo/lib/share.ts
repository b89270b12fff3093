// Share links: the configuration of a room in the address, readable, each field with bounds. No weights, and of data only the
// playground's own points, few and rounded.

import { activationOf, NAMES_VERSION, readNamesVersion } from "../../src/formats/activation-versions.ts";

/** The field that says which version of the page wrote a link; links without it are older than the field. */
const VERSION = "version";

/** What is wrong with a link or a field, in words that name the field. */
export class LinkError extends Error {
  override name = "LinkError";

  constructor(
    readonly field: string,
    readonly got: string,
    readonly rule: string,
  ) {
    super(`${field}: ${got} → ${rule}`);
  }
}

/** Longer links are no configuration of ours. */
const MAX_LINK_CHARACTERS = 2_500;
const SHOWN = 40;

/** What a field takes, for a message in words. */
export interface Bounds {
  readonly kind: "whole" | "real";
  readonly min: number;
  readonly max: number;
  /** For a list: how many there may be. */
  readonly most?: number;
}

/** How one value is written and read, and what it may be. */
export interface Field<T> {
  /** In symbols, as a message shows it: "1 … 4096". */
  readonly rule: string;
  /** The same for numbers, and lists of them. */
  readonly bounds?: Bounds;
  /** Undefined for a text that breaks the rule. `version`: of the link, today's if left out. */
  readonly read: (text: string, version?: number) => T | undefined;
  readonly write: (value: T) => string;
}

/** Plain decimal notation only: Number("") is 0 and Number("0x10") is 16. */
const DECIMAL = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;

export interface NumberField extends Field<number> {
  readonly min: number;
  readonly max: number;
}

export function real(min: number, max: number): NumberField {
  return {
    min,
    max,
    rule: `${min} … ${max}`,
    bounds: { kind: "real", min, max },
    write: String,
    read(text) {
      const value = DECIMAL.test(text) ? Number(text) : NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

export function whole(min: number, max: number): NumberField {
  const any = real(min, max);
  return { ...any, bounds: { kind: "whole", min, max }, read: (text) => (/^\d+$/.test(text) ? any.read(text) : undefined) };
}

export function oneOf<const T extends string>(values: readonly T[]): Field<T> {
  return { rule: values.join(", "), write: (value) => value, read: (text) => values.find((value) => value === text) };
}

/** An activation by the name that the link's version had for it. */
export function activationField<const T extends string>(values: readonly T[]): Field<T> {
  const field = oneOf(values);
  return { ...field, read: (text, version = NAMES_VERSION) => field.read(activationOf(text, version)) };
}

/** Some values with commas between them; none is the empty text. */
export function list<T>(item: Field<T>, most: number): Field<readonly T[]> {
  return {
    rule: `≤ ${most} × (${item.rule})`,
    ...(item.bounds && { bounds: { ...item.bounds, most } }),
    write: (values) => values.map((value) => item.write(value)).join(","),
    read(text) {
      const parts = text === "" ? [] : text.split(",", most + 1);
      const values = parts.map((part) => item.read(part.trim()));
      return parts.length <= most && !values.includes(undefined) ? (values as T[]) : undefined;
    },
  };
}

export type Fields<C> = { readonly [K in keyof C]: Field<C[K]> };

/**
 * Reads a link against the fields of a room. All of it is checked before anything is returned.
 * @returns what the link sets; fields that it leaves out are absent
 * @throws LinkError on an unknown, repeated or malformed field
 */
export function readLink<C extends object>(fields: Fields<C>, link: string): Partial<C> {
  if (link.length > MAX_LINK_CHARACTERS) throw new LinkError("#", `${link.length}`, `≤ ${MAX_LINK_CHARACTERS}`);
  const read: Partial<C> = {},
    given = new URLSearchParams(link),
    stated = given.getAll(VERSION);
  const version = stated.length > 1 ? undefined : readNamesVersion(stated[0]);
  if (version === undefined) throw new LinkError(VERSION, stated.join(", ").slice(0, SHOWN), `1 … ${NAMES_VERSION}`);
  given.delete(VERSION);
  for (const [name, text] of given) {
    const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
    if (!Object.hasOwn(fields, name)) throw new LinkError(name.slice(0, SHOWN), shown, Object.keys(fields).join(", "));
    const key = name as keyof C;
    if (Object.hasOwn(read, key)) throw new LinkError(name, shown, "1 ×");
    const value = fields[key].read(text, version);
    if (value === undefined) throw new LinkError(name, shown, fields[key].rule);
    read[key] = value;
  }
  return read;
}

export function writeLink<C extends object>(fields: Fields<C>, configuration: C): string {
  const parts = (Object.keys(fields) as (keyof C & string)[]).map(
    (name) => `${name}=${encodeURIComponent(fields[name].write(configuration[name])).replaceAll("%2C", ",")}`,
  );
  return [`${VERSION}=${NAMES_VERSION}`, ...parts].join("&");
}
