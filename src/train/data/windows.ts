// A long text or signal cut into windows for truncated backpropagation through time: training goes through the windows one
// after the other, and a stateful layer carries its state from each to the next.

import { InputError } from "../../errors.ts";
import { checkCount, checkOptions, show } from "../../model/checks.ts";
import { allocate, kindOf, type TypedNumbers } from "../../typed-arrays.ts";

/** A long sequence: `features` numbers a step, one step after the other. */
export type LongSequence =
  Float32Array | Float64Array | Uint8Array | Uint8ClampedArray | Uint16Array | Uint32Array | Int32Array | readonly number[];

/** What windows() takes. */
export interface WindowsOptions<Y extends LongSequence = LongSequence> {
  /** Steps of a window, a whole number ≥ 1: so far back goes the gradient. */
  length: number;
  /** Windows of a mini-batch, a whole number ≥ 1; fit() must have the same batchSize. */
  batchSize: number;
  /** Numbers of one step, a whole number ≥ 1; default 1. */
  features?: number;
  /** What is to be answered at each step, as many steps as the sequence; default the sequence itself, one step ahead. */
  targets?: Y;
}

/** What windows() returns. */
export interface Windows<X, Y> {
  /** (rows, length, features). */
  x: X;
  /** (rows, length, numbers of a target). */
  y: Y;
  /** Windows: `batches` mini-batches of batchSize. */
  rows: number;
  batches: number;
}

const isSequence = (value: unknown): value is LongSequence => kindOf(value) !== undefined || Array.isArray(value);

function checkSequence(name: string, value: unknown): asserts value is LongSequence {
  if (!isSequence(value)) throw new InputError(`windows(): ${name} must be a typed array or an array of numbers; got ${show(value)}.`);
}

/** Steps from[start], … of `cols` numbers each, window by window. */
function cut<S extends LongSequence>(from: S, cols: number, starts: readonly number[], length: number): S {
  const numbers = length * cols;
  // An array of the same kind, and of the right length: what is sliced off is overwritten.
  const kind = kindOf(from);
  if (kind === undefined) return starts.flatMap((start) => from.slice(start * cols, start * cols + numbers) as number[]) as unknown as S;
  const source = from as TypedNumbers,
    out = allocate(kind, starts.length * numbers);
  starts.forEach((start, i) => out.set(source.subarray(start * cols, start * cols + numbers), i * numbers));
  return out as S;
}

/**
 * Cuts a long sequence into `batchSize` streams, one after the other, and each stream into windows of `length` steps. Row b of
 * mini-batch i + 1 goes on where row b of mini-batch i stopped, as a stateful layer needs it: pass x and y to fit() with this
 * batchSize and shuffle: false. What is left over at the end, less than a window of each stream, is not used.
 * @param sequence at least batchSize · length steps, and one more where it is its own target
 * @returns x, and y: the targets, by default the next step. Copies, of the same kind of array
 * @throws InputError if it is too short for one window of each stream, or for a wrong option
 */
export function windows<S extends LongSequence, Y extends LongSequence = S>(sequence: S, options: WindowsOptions<Y>): Windows<S, Y> {
  options = checkOptions("windows()", options, ["length", "batchSize", "features", "targets"]);
  const length = checkCount("windows()", "length", options.length),
    batchSize = checkCount("windows()", "batchSize", options.batchSize);
  const features = checkCount("windows()", "features", options.features ?? 1),
    { targets } = options;
  checkSequence("the sequence", sequence);
  const steps = sequence.length / features;
  if (!Number.isInteger(steps)) {
    throw new InputError(
      `windows(): the sequence has ${sequence.length} numbers, which is no whole number of steps of ${features} features.`,
    );
  }
  if (targets !== undefined) {
    checkSequence("targets", targets);
    if (steps === 0 || targets.length === 0 || targets.length % steps !== 0) {
      throw new InputError(`windows(): targets has ${targets.length} numbers, which is no whole number for each of ${steps} steps.`);
    }
  }
  const ahead = targets === undefined ? 1 : 0,
    batches = Math.floor((steps - ahead) / (batchSize * length));
  if (!(batches >= 1)) {
    throw new InputError(
      `windows(): ${batchSize} windows of ${length} steps take at least ${batchSize * length + ahead} steps; the sequence ` +
        `has ${steps}. Use a smaller length or batchSize, or a longer sequence.`,
    );
  }
  const starts = Array.from(
    { length: batches * batchSize },
    (_, row) => ((row % batchSize) * batches + Math.floor(row / batchSize)) * length,
  );
  const y =
    targets === undefined
      ? cut(
          sequence,
          features,
          starts.map((start) => start + 1),
          length,
        )
      : cut(targets, targets.length / steps, starts, length);
  return { x: cut(sequence, features, starts, length), y: y as Y, rows: starts.length, batches };
}
