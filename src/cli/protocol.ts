// What the command and its page say to each other, and under which names. All paths are relative to the page's own.

import { DeltapropError } from "../errors.ts";

/** What stands for NaN and ±Infinity on the way: JSON has no such numbers and would make null of them. */
interface SentNumber {
  readonly notFinite: string;
}

const isSentNumber = (value: unknown): value is SentNumber => typeof value === "object" && value !== null && "notFinite" in value;

/** JSON that keeps NaN and ±Infinity, for `fromJson`. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === "number" && !Number.isFinite(part) ? ({ notFinite: String(part) } satisfies SentNumber) : part,
  );

export const fromJson = (json: string): unknown =>
  JSON.parse(json, (_, part: unknown) => (isSentNumber(part) ? Number(part.notFinite) : part));

/** Kinds of arrays that travel as bytes. */
const ARRAYS = { Uint8Array, Uint32Array, Float32Array };
type Travelling = Uint8Array | Uint32Array | Float32Array;

/** What stands for a typed array in the JSON of `pack`. */
interface SentArray {
  readonly typedArray: keyof typeof ARRAYS;
  /** Its place among the arrays. */
  readonly at: number;
}

const isSentArray = (value: unknown): value is SentArray => typeof value === "object" && value !== null && "typedArray" in value;

const kindOf = (array: Travelling): SentArray["typedArray"] =>
  array instanceof Uint8Array ? "Uint8Array" : array instanceof Uint32Array ? "Uint32Array" : "Float32Array";

const travels = (value: unknown): value is Travelling => Object.values(ARRAYS).some((kind) => value instanceof kind);

/** JSON, and beside it the bytes of the typed arrays in it, which are not copied. */
export function pack(value: unknown): { json: string; arrays: Uint8Array[] } {
  const arrays: Uint8Array[] = [];
  const json = JSON.stringify(value, function (this: Record<string, unknown>, key, part: unknown) {
    // As it is in its holder: Node's Buffer has turned itself into JSON before it comes here.
    const own = this[key];
    if (!travels(own)) return part;
    const bytes = new Uint8Array(own.buffer, own.byteOffset, own.byteLength);
    return { typedArray: kindOf(own), at: arrays.push(bytes) - 1 } satisfies SentArray;
  });
  return { json, arrays };
}

/** How many arrays belong to what `pack` made. */
export function arraysIn(json: string): number {
  let arrays = 0;
  JSON.parse(json, (_, part: unknown) => {
    if (isSentArray(part)) arrays++;
    return part;
  });
  return arrays;
}

/** What `pack` took. @param arrays their bytes, each in a buffer of its own */
export const unpack = (json: string, arrays: readonly Uint8Array<ArrayBuffer>[]): unknown =>
  JSON.parse(json, (_, part: unknown) => (isSentArray(part) ? new ARRAYS[part.typedArray](arrays[part.at].buffer) : part));

/**
 * What the page fetches: the job, its arrays by their places; where it posts the weights to, as safetensors; and what it fetches and
 * posts of its checkpoints.
 */
export const PATHS = {
  job: "job.json",
  array: (at: number) => `array-${at}`,
  weights: "weights",
  checkpoints: ["checkpoint-a.safetensors", "checkpoint-b.safetensors", "checkpoint-latest"],
} as const;

/** Functions that the command puts into the page; each takes what `toJson` makes. */
export const EVENT_FUNCTION = "deltapropEvent";
export const DONE_FUNCTION = "deltapropDone";
export const FAILED_FUNCTION = "deltapropFailed";
/** The function that the page offers: stop at the next step boundary. */
export const STOP_FUNCTION = "deltapropStop";

export interface ErrorMessage {
  readonly name: string;
  readonly message: string;
}

/** An error as it crosses between page and command. Those of the library are meant for the user as they are. */
export const toSent = (error: unknown): ErrorMessage =>
  error instanceof Error ? { name: error.name, message: error.message } : { name: "Error", message: String(error) };

export function fromSent({ name, message }: ErrorMessage): Error {
  const isOurs = /^(Deltaprop|Input|Format|Unsupported|Gpu|Divergence|DeviceLost|OutOfMemory)Error$/.test(name);
  return isOurs ? Object.assign(new DeltapropError(message), { name }) : new Error(`in the page: ${name}: ${message}`);
}
