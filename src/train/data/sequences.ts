// Sequences as the user hands them over: (batch, steps, features) in one array or nested, whole numbers (batch, steps), and
// how many steps of each are no padding. Checked here, before any GPU work.

import { InputError } from "../../errors.ts";
import { show } from "../../model/checks.ts";
import type { Lengths, DataShape } from "./shape.ts";
import type { Carried } from "./states.ts";

type SearchableNumbers = ArrayLike<number> & { findIndex(f: (value: number) => boolean): number };

const isList = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || ArrayBuffer.isView(value);
const isNested = (value: unknown): boolean => isList(value) && value.length > 0 && isList(value[0]);

/**
 * Nested examples one after the other; what is flat already stays as it is.
 * @param data an array, typed or not
 * @param steps of each example, each of `width` numbers
 * @throws InputError naming the example that has another shape
 */
export function flattenSequences<F>(where: string, name: string, data: F, steps: number, width: number): F | number[] {
  if (!isNested(data)) return data;
  const examples = data as ArrayLike<unknown>,
    flat: number[] = [];
  const append = (numbers: unknown, expected: number, place: string): void => {
    if (!isList(numbers)) throw new InputError(`${where}: ${place} must be an array of numbers; got ${show(numbers)}.`);
    if (numbers.length !== expected) {
      throw new InputError(
        `${where}: ${place} has ${numbers.length} numbers but ${expected} are needed ` +
          `(${steps} steps × ${width}). Cut or pad the sequences to ${steps} steps, and pass lengths for padded ones.`,
      );
    }
    for (let i = 0; i < numbers.length; i++) flat.push(numbers[i] as number);
  };
  // Loops by number: forEach() would pass over what is not there.
  for (let b = 0; b < examples.length; b++) {
    const example = examples[b],
      place = `example ${b} of ${name}`;
    if (!isNested(example)) {
      append(example, steps * width, place);
      continue;
    }
    const rows = example as ArrayLike<unknown>;
    if (rows.length !== steps) {
      throw new InputError(
        `${where}: ${place} has ${rows.length} steps but the network has ${steps}. Cut or pad the sequences to ` +
          `${steps} steps, and pass lengths for padded ones.`,
      );
    }
    for (let t = 0; t < steps; t++) append(rows[t], width, `step ${t} of ${place}`);
  }
  return flat;
}

/** What one row of x is, for messages. */
export const rowWords = ({ inputSteps, inputWidth, vocabulary }: DataShape): string =>
  vocabulary === null ? `${inputSteps} steps × ${inputWidth} features` : `${inputSteps} whole numbers`;

/** Whole numbers that pick rows of a kernel. @throws InputError unless each is one, and below `vocabulary` */
export function checkIndices(
  where: string,
  flat: ArrayLike<number>,
  steps: number,
  vocabulary: number,
  scale: number | undefined,
): Uint32Array<ArrayBuffer> {
  if (scale !== undefined) {
    throw new InputError(
      `${where}: x holds whole numbers that pick rows (inputVocabulary), which have no scale; got ${show(scale)}. Leave it out.`,
    );
  }
  const bad = (flat as SearchableNumbers).findIndex((value) => !(Number.isInteger(value) && value >= 0 && value < vocabulary));
  if (bad >= 0) {
    throw new InputError(
      `${where}: x must hold whole numbers from 0 to ${vocabulary - 1} (inputVocabulary ${vocabulary}); example ` +
        `${Math.floor(bad / steps)}, step ${bad % steps} is ${show(flat[bad])}. Fix the number or inputVocabulary.`,
    );
  }
  return flat instanceof Uint32Array ? (flat as Uint32Array<ArrayBuffer>) : Uint32Array.from(flat);
}

/** @throws InputError unless each sequence has a length from 1 to all its steps */
export function checkLengths(where: string, lengths: Lengths, rows: number, { inputSteps }: DataShape): Uint32Array<ArrayBuffer> {
  if (!isList(lengths)) throw new InputError(`${where}: lengths must be an array of whole numbers; got ${show(lengths)}.`);
  if (lengths.length !== rows) {
    throw new InputError(`${where}: lengths has ${lengths.length} numbers but x has ${rows} sequences. Give one length a sequence.`);
  }
  const bad = (lengths as SearchableNumbers).findIndex((length) => !(Number.isInteger(length) && length >= 1 && length <= inputSteps));
  if (bad >= 0) {
    throw new InputError(
      `${where}: lengths must be whole numbers from 1 to ${inputSteps}, the steps of a sequence; lengths[${bad}] is ` +
        `${show(lengths[bad])}.`,
    );
  }
  return Uint32Array.from(lengths);
}

/** @throws InputError where a stateful layer would go on from rows that another order brought in between */
export function checkOrder({ stateful }: DataShape, shuffle: boolean): void {
  if (!stateful || !shuffle) return;
  throw new InputError(
    "fit(): a stateful layer goes on from the mini-batch before, so that the rows must keep their order. Pass " + "shuffle: false.",
  );
}

/**
 * @param rows in order, cut into mini-batches of `batchSize`
 * @param carried null where the states start from 0
 * @throws InputError unless row b of every mini-batch can go on from row b of the one before
 */
export function checkStateful(where: string, { stateful }: DataShape, rows: number, batchSize: number, carried: Carried | null): void {
  if (!stateful) return;
  if (rows % batchSize !== 0) {
    throw new InputError(
      `${where}: with a stateful layer row b of a mini-batch goes on from row b of the one before, so that all must have ` +
        `as many rows; ${rows} rows are no whole number of mini-batches of ${batchSize}. Choose another batchSize; windows() lays data out.`,
    );
  }
  const before = carried?.stateRows ?? 0;
  if (before > 0 && before !== batchSize) {
    throw new InputError(
      `${where}: the states of ${before} sequences are carried on, but the mini-batches have ${batchSize} rows. Call ` +
        `model.resetStates() first, or use batchSize ${before}.`,
    );
  }
}
