// A checkpoint as bytes: a safetensors file with weights, optimizer states and carried states, and under "__metadata__" how far
// training is. A digest of the whole file lies in it, so that no damage passes unseen; and since anybody may write a digest, every
// number is checked against the fit() that is to go on from it.

import { FormatError } from "../errors.ts";
import { parseJson, type JsonValue } from "../formats/json.ts";
import { encodeSafetensors, readLayout } from "../formats/safetensors.ts";
import type { Floats, State } from "./backend.ts";
import type { Standing } from "./fit.ts";
import type { Snapshot } from "./journal.ts";
import type { Position } from "./passes.ts";

const VERSION = "1";
const DIGEST = "sha256", NO_DIGEST = "0".repeat(64);

/** All that a fit() goes on from. */
export interface Checkpoint extends Snapshot {
  /** Of training by steps. */
  readonly position: Position | null;
  readonly standing: Standing;
}

/** What fit() is, as far as a checkpoint of one is of no use to another: in words, by name. */
export type Fingerprint = Readonly<Record<string, string>>;

/** What a checkpoint must hold. */
export interface Expected {
  readonly fingerprint: Fingerprint;
  /** Numbers of each tensor. */
  readonly tensors: ReadonlyMap<string, number>;
  /** Of what stateful layers carry: there are none before the first step. */
  readonly carried: ReadonlyMap<string, number>;
  /** Loss and metrics, validation's included. */
  readonly names: readonly string[];
  /** How many of the names are averaged over an epoch. */
  readonly averaged: number;
  /** Mini-batches of an epoch, and rows that are trained on. */
  readonly perEpoch: number;
  readonly rows: number;
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Where in the file the digest stands; −1 if nowhere. Metadata come first in the header, so it is near the start. */
function digestAt(bytes: Uint8Array): number {
  const mark = new TextEncoder().encode(`"${DIGEST}":"`);
  const end = Math.min(bytes.length - NO_DIGEST.length, 4096);
  for (let at = 8; at + mark.length <= end; at++) {
    if (mark.every((byte, i) => bytes[at + i] === byte)) return at + mark.length;
  }
  return -1;
}

// JSON has no word for them, and histories may hold them.
const sent = (_: string, value: unknown): unknown => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
const NOT_FINITE = ["NaN", "Infinity", "-Infinity"];

export async function encodeCheckpoint({ state, progress, position, standing }: Checkpoint, fingerprint: Fingerprint): Promise<Uint8Array<ArrayBuffer>> {
  const tensors = [...state].map(([name, data]) => ({ name, shape: [data.length], data }));
  const file = encodeSafetensors(tensors, {
    format: "deltaprop-checkpoint", version: VERSION, [DIGEST]: NO_DIGEST,
    training: JSON.stringify({ fingerprint, progress, position, standing }, sent),
  });
  file.set(new TextEncoder().encode(await digest(file)), digestAt(file));
  return file;
}

/** Reads and checks one value after the other. */
class Checked {
  constructor(readonly value: JsonValue | undefined, readonly place: string) {}

  get(key: string): Checked {
    return new Checked(this.value instanceof Map ? this.value.get(key) : this.fail("an object"), `${this.place}.${key}`);
  }

  fail(what: string): never {
    throw new FormatError(`${this.place} must be ${what}. The checkpoint is damaged.`);
  }

  /** A whole number from 0 to `most`. */
  count(most = Number.MAX_SAFE_INTEGER): number {
    const { value } = this;
    return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most ? value as number : this.fail(`a whole number from 0 to ${most}`);
  }

  flag(): boolean {
    return typeof this.value === "boolean" ? this.value : this.fail("true or false");
  }

  numbers(length: number): number[] {
    const { value } = this;
    if (!Array.isArray(value) || value.length !== length) return this.fail(`a list of ${length} numbers`);
    return value.map((item) => (typeof item === "number" ? item : typeof item === "string" && NOT_FINITE.includes(item) ? Number(item)
      : this.fail("a list of numbers")));
  }

  keys(): string[] {
    return this.value instanceof Map ? [...this.value.keys()] : this.fail("an object");
  }
}

function checkFingerprint(found: Checked, wanted: Fingerprint, where: string): void {
  for (const [name, value] of Object.entries(wanted)) {
    const { value: saved } = found.get(name);
    if (saved !== value) {
      throw new FormatError(`${where}: the checkpoint was made with ${name} ${typeof saved === "string" ? saved : "unknown"}; this fit() has ` +
        `${value}. Use the same, or another store.`);
    }
  }
}

function readStanding(found: Checked, { names, averaged, perEpoch }: Expected): Standing {
  const history = found.get("history"), epochs = history.get("epochs").count(), lists = history.get("history");
  const unknown = lists.keys().find((name) => !names.includes(name));
  if (unknown !== undefined) lists.fail(`of ${names.join(", ")}`);
  const sums = found.get("sums"), rows = sums.get("rows").value;
  if (typeof rows !== "number" || !(rows >= 0)) sums.get("rows").fail("a number ≥ 0");
  return {
    history: { epochs, steps: history.get("steps").count(), stopped: false,
      history: Object.fromEntries(lists.keys().map((name) => [name, lists.get(name).numbers(epochs)])) },
    batches: found.get("batches").count(perEpoch),
    sums: { sums: sums.get("sums").numbers(averaged), rows: rows as number },
  };
}

function readPosition(found: Checked, rows: number): Position | null {
  if (found.value === null) return null;
  return { rows: found.get("rows").count(rows), shuffle: found.get("shuffle").flag(), pass: found.get("pass").count(2 ** 32 - 1),
    row: found.get("row").count(rows) };
}

function readState(bytes: Uint8Array, layout: ReturnType<typeof readLayout>, { tensors, carried }: Expected, where: string): State {
  const { entries, dataStart } = layout, state = new Map<string, Floats | Float64Array<ArrayBuffer>>();
  for (const { name, dtype, begin, end } of entries) {
    const data = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end)).buffer;
    const numbers = dtype === "F32" ? new Float32Array(data) : dtype === "F64" ? new Float64Array(data) : null;
    const wanted = tensors.get(name) ?? carried.get(name);
    if (numbers === null || numbers.length !== wanted) {
      throw new FormatError(`${where}: tensor ${JSON.stringify(name)} must be ${wanted === undefined ? "none that this model lacks"
        : `${wanted} numbers of F32 or F64`}; got ${end - begin} bytes of ${dtype}. The checkpoint is of another model, or damaged.`);
    }
    state.set(name, numbers);
  }
  const missing = [...tensors.keys()].find((name) => !state.has(name));
  if (missing !== undefined) throw new FormatError(`${where}: tensor ${missing} is missing. The checkpoint is of another model, or damaged.`);
  return state;
}

/** @throws FormatError if the file is damaged, is no checkpoint, or is one of another fit() */
export async function decodeCheckpoint(bytes: Uint8Array, expected: Expected, where: string): Promise<Checkpoint> {
  const layout = readLayout(bytes, where), { metadata } = layout, at = digestAt(bytes);
  if (metadata.format !== "deltaprop-checkpoint" || metadata.version !== VERSION) {
    throw new FormatError(`${where}: this is no checkpoint of deltaprop's version ${VERSION}. Weights alone go into setWeights().`);
  }
  const unsigned = new Uint8Array(bytes), claimed = String(metadata[DIGEST]);
  unsigned.set(new TextEncoder().encode(NO_DIGEST), Math.max(0, at));
  if (at < 0 || await digest(unsigned) !== claimed) {
    throw new FormatError(`${where}: the digest of the file does not fit its bytes. It is damaged.`);
  }
  const training = new Checked(parseJson(metadata.training ?? "", `${where}: training`), `${where}: training`);
  checkFingerprint(training.get("fingerprint"), expected.fingerprint, where);
  const progress = training.get("progress"), standing = readStanding(training.get("standing"), expected);
  const epochs = progress.get("epochs").count(2 ** 32 - 1), position = readPosition(training.get("position"), expected.rows);
  if (standing.batches > 0 && position === null && epochs === 0) progress.get("epochs").fail("1 or more, within an epoch");
  return {
    state: readState(bytes, layout, expected, where), position, standing,
    progress: { steps: progress.get("steps").count(2 ** 32 - 1), epochs, stateRows: progress.get("stateRows").count(expected.rows) },
  };
}
