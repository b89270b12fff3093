// What the user hands to fit(), evaluate() and predict(), checked and brought into the form that backends upload.
// Everything that can be wrong with data is found here, before any GPU work. The arrays are the library's own copies (arrays.ts):
// what needs no other form is taken as it is.

import { InputError } from "../../errors.ts";
import type { FeatureFormat } from "../../graph/build.ts";
import { checkFloat32, show } from "../../model/checks.ts";
import { takesLabels, type Loss } from "../../model/losses.ts";
import { checkArray } from "./arrays.ts";
import type { Lengths, SequenceChecks, DataShape } from "./shape.ts";
import { checkUnrounded } from "./unrounded.ts";

type RowOfNumbers = readonly number[] | Float32Array;
type WholeNumbers = Uint32Array | Int32Array | Uint16Array;

/**
 * Numbers row by row: (rows × features) in one typed or plain array, or an array of rows. A row of a network of sequences is
 * one: (rows × steps × features), or an array of sequences, each an array of steps; with inputVocabulary whole numbers
 * (rows × steps).
 */
export type Features =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Uint8ClampedArray
  | WholeNumbers
  | readonly number[]
  | readonly RowOfNumbers[]
  | readonly (readonly RowOfNumbers[])[];
/** Class indices (one whole number a row, or a step where every step is answered), or rows of targets like Features. */
export type Targets = Features;

type Flat = Exclude<Targets, readonly RowOfNumbers[] | readonly (readonly RowOfNumbers[])[]>;

export interface Dataset {
  readonly rows: number;
  readonly x: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  readonly format: FeatureFormat;
  /** Class indices, rows of targets, or nothing for predict(). */
  readonly y: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | null;
  /** Of sequences: how many steps of each row are no padding; left out where none is padded. */
  readonly lengths?: Uint32Array<ArrayBuffer>;
  /** What the loss of each row that is answered is multiplied by; left out where all count alike. */
  readonly sampleWeights?: Float32Array<ArrayBuffer>;
}

/** One of its arrays: so many numbers a row. */
export type DataArray = NonNullable<Dataset["x" | "y" | "lengths" | "sampleWeights"]>;

const isRow = (row: unknown): row is readonly number[] => Array.isArray(row) || ArrayBuffer.isView(row);

/** One array of numbers, and the row length if the user gave rows. */
export function flatten(where: string, name: string, data: Targets): { flat: Flat; width: number | null } {
  checkArray(where, name, data);
  if (ArrayBuffer.isView(data)) return { flat: data, width: null };
  const rows = data as readonly (number | readonly number[] | Float32Array)[];
  if (rows.length === 0 || typeof rows[0] === "number") return { flat: rows as readonly number[], width: null };
  const width = (rows[0] as readonly number[] | null | undefined)?.length ?? 0;
  const flat: number[] = [];
  // A loop by number: forEach() would pass over rows that are not there.
  for (let i = 0; i < rows.length; i++) {
    const row: unknown = rows[i];
    if (!isRow(row)) throw new InputError(`${where}: row ${i} of ${name} must be an array of numbers; got ${show(row)}.`);
    if (row.length !== width) {
      throw new InputError(
        `${where}: row ${i} of ${name} has ${row.length} entries but row 0 has ${width}. ` + "All rows must be of one length.",
      );
    }
    for (const value of row) flat.push(value);
  }
  return { flat, width };
}

/** Rounds to float32 and refuses what is not finite there. */
function toFloats(where: string, name: string, flat: Flat, width: number): Float32Array<ArrayBuffer> {
  // Before anything is converted: null would become 0, and so would a missing number.
  let bad = ArrayBuffer.isView(flat) ? -1 : flat.findIndex((value) => typeof value !== "number");
  const floats = flat instanceof Float32Array ? (flat as Float32Array<ArrayBuffer>) : new Float32Array(bad < 0 ? flat : []);
  if (bad < 0) bad = floats.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new InputError(
      `${where}: ${name} must hold finite float32 numbers; row ${Math.floor(bad / width)}, column ` +
        `${bad % width} is ${show(flat[bad])}. Clean or clip the data first.`,
    );
  }
  return floats;
}

/** Rows are told by a u32, and so is how many there are. */
export const MAX_ROWS = 2 ** 32 - 1;

/** x as a backend takes it, without y. */
export type Inputs = Omit<Dataset, "y" | "sampleWeights">;

/** Null where rows are no sequences. */
function checksOf({ sequences, checks }: DataShape): SequenceChecks | null {
  if (!sequences) return null;
  if (!checks) throw new Error("data of sequences are checked by train/data/sequences.ts, which was not given");
  return checks;
}

/** One array of numbers, row by row, and the row length if the user gave rows of an MLP. */
function flattenRows(where: string, name: string, data: Targets, checks: SequenceChecks | null, steps: number, width: number) {
  if (!checks) return flatten(where, name, data);
  checkArray(where, name, data);
  return { flat: checks.flattenSequences(where, name, data, steps, width) as Flat, width: null };
}

function lengthsOf(
  where: string,
  lengths: Lengths | undefined,
  rows: number,
  shape: DataShape,
  checks: SequenceChecks | null,
): Uint32Array<ArrayBuffer> | undefined {
  if (lengths === undefined) return undefined;
  if (checks) {
    checkUnrounded(where, "lengths", lengths, shape.inputSteps + 1);
    return checks.checkLengths(where, lengths, rows, shape);
  }
  checkArray(where, "lengths", lengths);
  throw new InputError(
    `${where}: lengths say how many steps of each sequence are no padding, but this network takes no sequences. ` + "Leave them out.",
  );
}

/** What a call or a data set says of x beside its numbers. */
export interface InputOptions {
  readonly scale?: number;
  readonly lengths?: Lengths;
}

/** @throws InputError naming what is wrong with x, its scale or its lengths */
export function checkInputs(where: string, x: Features, shape: DataShape, { scale, lengths }: InputOptions): Inputs {
  const { inputSteps, vocabulary } = shape,
    inputWidth = shape.inputWidth * inputSteps,
    checks = checksOf(shape);
  const rowWords = () => checks?.rowWords(shape) ?? `${inputWidth} features`;
  const { flat, width } = flattenRows(where, "x", x, checks, inputSteps, shape.inputWidth);
  if (flat.length === 0) throw new InputError(`${where}: x is empty. Give at least one row of ${rowWords()}.`);
  if (width !== null && width !== inputWidth) {
    throw new InputError(
      `${where}: x has ${width} features a row but the first layer takes ${inputWidth}. ` +
        `Declare inputShape: [${width}] or fix the data.`,
    );
  }
  if (flat.length % inputWidth !== 0) {
    throw new InputError(
      `${where}: x has ${flat.length} numbers, which is no whole number of rows of ${rowWords()}. ` + "Fix inputShape or the data.",
    );
  }
  const rows = flat.length / inputWidth;
  if (rows > MAX_ROWS) {
    throw new InputError(
      `${where}: x has ${rows} rows, but rows are numbered in 32 bits: at most ${MAX_ROWS}. ` + "Give them in several calls.",
    );
  }
  const known = lengthsOf(where, lengths, rows, shape, checks);
  const masked = known ? { masked: true } : {};
  if (checks && vocabulary !== null) {
    checkUnrounded(where, "x", x, vocabulary);
    return {
      rows,
      x: checks.checkIndices(where, flat, inputSteps, vocabulary, scale),
      lengths: known,
      format: { type: "uint32", scale: 1, ...masked },
    };
  }
  if (scale !== undefined) checkFloat32(where, "scale", scale, "≠ 0");
  if (flat instanceof Uint8Array || flat instanceof Uint8ClampedArray) {
    if (scale === undefined) {
      throw new InputError(
        `${where}: x is a ${flat.constructor.name}; say what one unit is worth. Pass scale, for example ` +
          "{ scale: 1 / 255 } for pixels, or scale: 1.",
      );
    }
    checkFloat32(where, "255 · scale", 255 * scale, "any");
    const { buffer, byteOffset, length } = flat as Uint8Array<ArrayBuffer>;
    return { rows, x: new Uint8Array(buffer, byteOffset, length), lengths: known, format: { type: "uint8", scale, ...masked } };
  }
  const floats = toFloats(where, "x", flat, inputWidth);
  if (scale !== undefined) {
    const largest = floats.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    checkFloat32(where, "x · scale", largest * scale, "any");
  }
  return { rows, x: floats, lengths: known, format: { type: "float32", scale: scale ?? 1, ...masked } };
}

/** @param rows that are answered, `steps` of each example */
function labels(where: string, flat: Flat, rows: number, steps: number, classes: number, loss: Loss): Uint32Array<ArrayBuffer> {
  if (flat.length === rows * classes && rows * classes !== rows) {
    throw new InputError(
      `${where}: y has ${classes} numbers a row but ${loss.name} takes one class index a row. ` +
        "Pass indices, or use categoricalCrossentropy for one-hot rows.",
    );
  }
  if (flat.length !== rows) {
    throw new InputError(
      `${where}: y has ${flat.length} labels but x has ${rows / steps} rows` +
        (steps === 1 ? ". Give one label a row." : ` of ${steps} steps. Give one label a step.`),
    );
  }
  const bad = (flat as ArrayLike<number> & { findIndex(f: (v: number) => boolean): number }).findIndex(
    (label) => !(Number.isInteger(label) && label >= 0 && label < classes),
  );
  if (bad >= 0) {
    throw new InputError(
      `${where}: labels must be whole numbers from 0 to ${classes - 1}; y[${bad}] is ${show(flat[bad])}. ` +
        "Fix the label or the units of the last layer.",
    );
  }
  return flat instanceof Uint32Array ? (flat as Uint32Array<ArrayBuffer>) : Uint32Array.from(flat as ArrayLike<number>);
}

/** Probabilities must be some: in [0, 1], and each row of a categorical target that is no padding sums to 1. */
function checkProbabilities(where: string, y: Float32Array, steps: number, outputs: number, loss: Loss, lengths?: Uint32Array): void {
  if (loss.name !== "binaryCrossentropy" && loss.name !== "categoricalCrossentropy") return;
  const bad = y.findIndex((value) => value < 0 || value > 1);
  if (bad >= 0) {
    throw new InputError(
      `${where}: ${loss.name} takes targets from 0 to 1; row ${Math.floor(bad / outputs)}, column ` + `${bad % outputs} of y is ${y[bad]}.`,
    );
  }
  if (loss.name !== "categoricalCrossentropy") return;
  for (let row = 0; row * outputs < y.length; row++) {
    if (lengths && steps > 1 && row % steps >= lengths[Math.floor(row / steps)]) continue;
    let sum = 0;
    for (let j = 0; j < outputs; j++) sum += y[row * outputs + j];
    if (!(Math.abs(sum - 1) < 1e-3)) {
      throw new InputError(
        `${where}: categoricalCrossentropy takes rows of targets that sum to 1; row ${row} of y sums ` +
          `to ${sum}. Pass one-hot rows or a distribution.`,
      );
    }
  }
}

/** y as a backend takes it. @throws InputError naming what is wrong with y */
export function checkTargets(
  where: string,
  y: Targets,
  { rows: examples, lengths }: Inputs,
  shape: DataShape,
  loss: Loss,
): NonNullable<Dataset["y"]> {
  const { outputWidth: outputs, outputSteps: steps } = shape,
    rows = examples * steps;
  const { flat, width } = flattenRows(where, "y", y, checksOf(shape), steps, takesLabels(loss) ? 1 : outputs);
  if (takesLabels(loss)) checkUnrounded(where, "y", y, outputs);
  if (takesLabels(loss)) return labels(where, flat, rows, steps, outputs, loss);
  if (flat.length === rows && outputs !== 1 && width === null) {
    throw new InputError(
      `${where}: y has one number a row but the last layer has ${outputs} units. Pass rows of ` +
        `${outputs} targets${loss.name === "categoricalCrossentropy" ? ", or use sparseCategoricalCrossentropy" : ""}.`,
    );
  }
  if (flat.length !== rows * outputs) {
    const all = steps === 1 ? `${rows} rows` : `${examples} rows × ${steps} steps`;
    throw new InputError(
      `${where}: y has ${flat.length} numbers but ${all} × ${outputs} outputs are ` +
        `${rows * outputs}. Give one target for each output of each row of x.`,
    );
  }
  if (width !== null && width !== outputs) {
    throw new InputError(
      `${where}: y has ${(rows * outputs) / width} rows of ${width} but ${rows} rows × ${outputs} outputs ` +
        "are needed. Give one target for each output of each row of x.",
    );
  }
  const floats = toFloats(where, "y", flat, outputs);
  checkProbabilities(where, floats, steps, outputs, loss, lengths);
  return floats;
}
