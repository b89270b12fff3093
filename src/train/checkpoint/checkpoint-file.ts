// A checkpoint as bytes: a safetensors file with weights, optimizer states and carried states, and under "__metadata__" how far
// training is. A digest of the whole file lies in it, so that no damage passes unseen; and since anybody may write a digest, every
// number is checked against the fit() that is to go on from it.

import { FormatError } from "../../errors.ts";
import { parseJson, type JsonValue } from "../../formats/json.ts";
import { encodeSafetensors, readLayout } from "../../formats/safetensors.ts";
import { rebuildSchedule } from "../../model/rebuild-schedule.ts";
import type { Schedule } from "../../model/schedules.ts";
import type { Floats, State } from "../backend/backend.ts";
import type { NamedState } from "../call/callback-list.ts";
import type { Standing } from "../loop/history.ts";
import type { Snapshot } from "../recovery/journal.ts";
import type { Position } from "../loop/passes.ts";

/** Version 1 knew less of the fit() that it was taken of, and 2 nothing of its callbacks; they are still read. */
const VERSION = "3",
  VERSIONS: readonly unknown[] = ["1", "2", VERSION];
/** What version 1 says of its fit(). */
const OF_VERSION_1 = ["weights", "seed", "optimizer", "loss", "batchSize", "rows", "shuffle", "length", "stateful layers on"];
const MOST_OF_ENGINE = 1000;
const DIGEST = "sha256",
  NO_DIGEST = "0".repeat(64);

/** All that a fit() goes on from. */
export interface Checkpoint extends Snapshot {
  /** Of training by steps. */
  readonly position: Position | null;
  readonly standing: Standing;
  /** What model.learningRate was set to; null while it is what compile() was given. */
  readonly learningRate: Schedule | null;
  /** Where it was trained; "" if the file does not say. */
  readonly engine: string;
  /** Of the callbacks that have a state, in order; null if the file does not say. */
  readonly callbacks: readonly NamedState[] | null;
}

/** What fit() is, as far as a checkpoint of one is of no use to another: in words, by name. */
export type Fingerprint = Readonly<Record<string, string>>;

/** What a checkpoint must hold. */
export interface Expected {
  readonly fingerprint: Fingerprint;
  /** Numbers of each tensor. */
  readonly tensors: ReadonlyMap<string, number>;
  /** Those of them that are weights: callbacks may have kept some. */
  readonly weights: ReadonlyMap<string, number>;
  /** Of what stateful layers carry: there are none before the first step. */
  readonly carried: ReadonlyMap<string, number>;
  /** Loss and metrics, validation's included. */
  readonly names: readonly string[];
  /** How many numbers are averaged over an epoch. */
  readonly averaged: number;
  /** Mini-batches of an epoch, the rows of one of them, and all rows that are trained on. */
  readonly perEpoch: number;
  readonly batchSize: number;
  readonly rows: number;
  /** How many outputs of an example are averaged, at most. */
  readonly outputSteps: number;
  /** Whether mini-batches may be left out, since they made numbers that are not finite. */
  readonly leavesOut: boolean;
  /** Whether training is by steps: then it knows a place in the data, in an order that is shuffled or not. */
  readonly bySteps: boolean;
  readonly shuffle: boolean;
  /** Where it is trained. */
  readonly engine: string;
  /** Whether a layer says "gelu", which meant the tanh form when version 1 was written. */
  readonly saysGelu: boolean;
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

/** For JSON, which has no word for numbers that are not finite. */
export const sent = (_: string, value: unknown): unknown => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
const NOT_FINITE = ["NaN", "Infinity", "-Infinity"];

/** The name of a tensor that a callback has kept. */
const keptName = (callback: number, symbol: string): string => `callback ${callback}: ${symbol}`;

export async function encodeCheckpoint(
  { state, callbacks, ...training }: Checkpoint,
  fingerprint: Fingerprint,
): Promise<Uint8Array<ArrayBuffer>> {
  const kept = (callbacks ?? []).flatMap(({ weights }, i) =>
    [...(weights ?? [])].map(([symbol, data]) => [keptName(i, symbol), data] as const),
  );
  const tensors = [...state, ...kept].map(([name, data]) => ({ name, shape: [data.length], data }));
  const file = encodeSafetensors(tensors, {
    format: "deltaprop-checkpoint",
    version: VERSION,
    [DIGEST]: NO_DIGEST,
    training: JSON.stringify(
      {
        fingerprint,
        ...training,
        callbacks: callbacks && callbacks.map(({ name, values, weights }) => ({ name, values, weights: weights !== null })),
      },
      sent,
    ),
  });
  file.set(new TextEncoder().encode(await digest(file)), digestAt(file));
  return file;
}

/** Reads and checks one value after the other. */
class Checked {
  constructor(
    readonly value: JsonValue | undefined,
    readonly place: string,
  ) {}

  get(key: string): Checked {
    return new Checked(this.value instanceof Map ? this.value.get(key) : this.fail("an object"), `${this.place}.${key}`);
  }

  fail(what: string): never {
    throw new FormatError(`${this.place} must be ${what}. The checkpoint is damaged.`);
  }

  /** A whole number from 0 to `most`. */
  count(most = Number.MAX_SAFE_INTEGER): number {
    const { value } = this;
    return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most
      ? (value as number)
      : this.fail(`a whole number from 0 to ${most}`);
  }

  flag(): boolean {
    return typeof this.value === "boolean" ? this.value : this.fail("true or false");
  }

  numbers(length: number): number[] {
    const { value } = this;
    if (!Array.isArray(value) || value.length !== length) return this.fail(`a list of ${length} numbers`);
    return value.map((item) =>
      typeof item === "number"
        ? item
        : typeof item === "string" && NOT_FINITE.includes(item)
          ? Number(item)
          : this.fail("a list of numbers"),
    );
  }

  keys(): string[] {
    return this.value instanceof Map ? [...this.value.keys()] : this.fail("an object");
  }
}

const cut = (text: string): string => (text.length > 300 ? `${text.slice(0, 300)} …` : text);

function checkFingerprint(found: Checked, wanted: Fingerprint, version: string, where: string): void {
  for (const [name, value] of Object.entries(wanted)) {
    if (version === "1" && !OF_VERSION_1.includes(name)) continue;
    const { value: saved } = found.get(name);
    if (saved !== value) {
      throw new FormatError(
        `${where}: the checkpoint was made with ${name} ${typeof saved === "string" ? cut(saved) : "unknown"}; this fit() has ` +
          `${cut(value)}. Use the same, or another store.`,
      );
    }
  }
}

/** The rows, or the outputs of padded sequences, that averages over so many mini-batches are made of. */
function rowsOfSums({ batchSize, rows, bySteps, outputSteps, leavesOut }: Expected, batches: number): [least: number, most: number] {
  const most = Math.min(batches * batchSize, bySteps ? Infinity : rows) * outputSteps;
  return [leavesOut ? 0 : batches, most];
}

function readStanding(found: Checked, expected: Expected): Standing {
  const { names, averaged, perEpoch } = expected;
  const history = found.get("history"),
    epochs = history.get("epochs").count(),
    lists = history.get("history");
  const unknown = lists.keys().find((name) => !names.includes(name));
  if (unknown !== undefined) lists.fail(`of ${names.join(", ")}`);
  const missing = epochs > 0 && names.find((name) => !lists.keys().includes(name));
  if (missing) lists.get(missing).fail(`a list of ${epochs} numbers`);
  // All mini-batches of an epoch are trained when its checkpoint is taken; its validation is still to come.
  const batches = found.get("batches").count(perEpoch),
    trained = epochs * perEpoch + batches;
  const steps = history.get("steps").count();
  if (steps !== trained) history.get("steps").fail(`${trained}, after ${epochs} epochs and ${batches} mini-batches`);
  const sums = found.get("sums"),
    rows = sums.get("rows").value,
    [least, most] = rowsOfSums(expected, batches);
  if (typeof rows !== "number" || !(rows >= least && rows <= most)) sums.get("rows").fail(`a number from ${least} to ${most}`);
  return {
    history: {
      epochs,
      steps,
      stopped: false,
      history: Object.fromEntries(lists.keys().map((name) => [name, lists.get(name).numbers(epochs)])),
    },
    batches,
    sums: { sums: sums.get("sums").numbers(averaged), rows: rows as number },
  };
}

function readPosition(found: Checked, { rows, bySteps, shuffle }: Expected, epochs: number): Position | null {
  if (!bySteps) return found.value === null ? null : found.fail("null, where no steps are given");
  if (found.get("rows").count(rows) !== rows) found.get("rows").fail(`${rows}, the rows that are trained on`);
  if (found.get("shuffle").flag() !== shuffle) found.get("shuffle").fail(`${shuffle}, as in this fit()`);
  return { rows, shuffle, pass: found.get("pass").count(Math.max(0, epochs - 1)), row: found.get("row").count(rows) };
}

const plain = (value: JsonValue | undefined): unknown =>
  value instanceof Map
    ? Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]))
    : Array.isArray(value)
      ? value.map(plain)
      : value;

function readLearningRate(found: Checked): Schedule | null {
  if (found.value === null) return null;
  try {
    // A kind that is none gives undefined.
    const schedule = rebuildSchedule(plain(found.value) as Schedule) as Schedule | undefined;
    if (schedule) return schedule;
  } catch {
    // Said below.
  }
  return found.fail("null or a schedule of learning rates");
}

function readEngine(found: Checked): string {
  const { value } = found;
  return typeof value === "string" && value.length <= MOST_OF_ENGINE ? value : found.fail(`a text of at most ${MOST_OF_ENGINE} characters`);
}

function readProgress(found: Checked, standing: Standing, { rows, bySteps }: Expected): Checkpoint["progress"] {
  const {
    history: { steps: trained, epochs: done },
    batches,
  } = standing;
  const steps = found.get("steps").count(),
    epochs = found.get("epochs").count();
  if (steps < trained) found.get("steps").fail(`${trained} or more, as its history says`);
  const least = bySteps ? Math.min(1, trained) : done + Math.min(1, batches);
  if (epochs < least) found.get("epochs").fail(`${least} or more, as its history says`);
  return { steps, epochs, stateRows: found.get("stateRows").count(rows) };
}

/** What the file says of the callbacks, and the tensors that have to be there for it. */
function readCallbacks(
  found: Checked,
  weights: Expected["weights"],
): { said: (Omit<NamedState, "weights"> & { has: boolean })[] | null; sizes: Map<string, number> } {
  const sizes = new Map<string, number>();
  if (found.value === null) return { said: null, sizes };
  if (!Array.isArray(found.value)) return found.fail("null or a list");
  const said = found.value.map((value, i) => {
    const one = new Checked(value, `${found.place}[${i}]`),
      { value: name } = one.get("name"),
      has = one.get("weights").flag();
    if (typeof name !== "string") return one.get("name").fail("a text");
    if (has) for (const [symbol, size] of weights) sizes.set(keptName(i, symbol), size);
    return { name, values: plain(one.get("values").value), has };
  });
  return { said, sizes };
}

/** The state, and the tensors of `kept` that callbacks have kept. */
function readState(
  bytes: Uint8Array,
  layout: ReturnType<typeof readLayout>,
  { tensors, carried }: Expected,
  kept: ReadonlyMap<string, number>,
  where: string,
): State {
  const { entries, dataStart } = layout,
    state = new Map<string, Floats | Float64Array<ArrayBuffer>>();
  for (const { name, dtype, begin, end } of entries) {
    const data = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end)).buffer;
    const numbers = dtype === "F32" ? new Float32Array(data) : dtype === "F64" ? new Float64Array(data) : null;
    const wanted = tensors.get(name) ?? carried.get(name) ?? kept.get(name);
    if (numbers === null || numbers.length !== wanted || (kept.has(name) && dtype !== "F32")) {
      throw new FormatError(
        `${where}: tensor ${JSON.stringify(name)} must be ${
          wanted === undefined ? "none that this model lacks" : `${wanted} numbers of F32 or F64`
        }; got ${end - begin} bytes of ${dtype}. The checkpoint is of another model, or damaged.`,
      );
    }
    state.set(name, numbers);
  }
  const missing = [...tensors.keys(), ...kept.keys()].find((name) => !state.has(name));
  if (missing !== undefined)
    throw new FormatError(`${where}: tensor ${missing} is missing. The checkpoint is of another model, or damaged.`);
  return state;
}

/** @throws FormatError if the file is damaged, is no checkpoint, or is one of another fit() */
export async function decodeCheckpoint(bytes: Uint8Array, expected: Expected, where: string): Promise<Checkpoint> {
  const layout = readLayout(bytes, where),
    { metadata } = layout,
    at = digestAt(bytes);
  if (metadata.format !== "deltaprop-checkpoint" || !VERSIONS.includes(metadata.version)) {
    throw new FormatError(`${where}: this is no checkpoint of deltaprop's version ${VERSION}. Weights alone go into setWeights().`);
  }
  const unsigned = new Uint8Array(bytes),
    claimed = String(metadata[DIGEST]);
  unsigned.set(new TextEncoder().encode(NO_DIGEST), Math.max(0, at));
  if (at < 0 || (await digest(unsigned)) !== claimed) {
    throw new FormatError(`${where}: the digest of the file does not fit its bytes. It is damaged.`);
  }
  const training = new Checked(parseJson(metadata.training ?? "", `${where}: training`), `${where}: training`);
  const version = String(metadata.version),
    isOld = version === "1";
  checkFingerprint(training.get("fingerprint"), expected.fingerprint, version, where);
  if (isOld && expected.saysGelu) {
    throw new FormatError(
      `${where}: the checkpoint was made when "gelu" was the tanh form. Declare the layers with "geluTanh" to go on from it.`,
    );
  }
  const standing = readStanding(training.get("standing"), expected),
    progress = readProgress(training.get("progress"), standing, expected);
  const { said, sizes } =
    version === VERSION ? readCallbacks(training.get("callbacks"), expected.weights) : { said: null, sizes: new Map<string, number>() };
  const all = readState(bytes, layout, expected, sizes, where);
  const keptBy = (i: number) => new Map([...expected.weights.keys()].map((symbol) => [symbol, all.get(keptName(i, symbol)) as Floats]));
  return {
    state: new Map([...all].filter(([name]) => !sizes.has(name))),
    callbacks: said && said.map(({ has, ...one }, i) => ({ ...one, weights: has ? keptBy(i) : null })),
    position: readPosition(training.get("position"), expected, progress.epochs),
    standing,
    progress,
    learningRate: isOld ? null : readLearningRate(training.get("learningRate")),
    engine: isOld ? "" : readEngine(training.get("engine")),
  };
}
