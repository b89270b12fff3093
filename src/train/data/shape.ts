// What data must fit, and who checks those of sequences: sequences.ts, which only recurrent networks load.

import type { Network } from "../../model/network.ts";
import type { Carried } from "./states.ts";

/** One number a sequence. */
export type Lengths = Uint32Array | Int32Array | Uint16Array | Uint8Array | readonly number[];

/** What the data must fit. */
export interface DataShape extends Pick<
  Network,
  "inputWidth" | "inputSteps" | "vocabulary" | "outputWidth" | "outputSteps" | "sequences" | "stateful"
> {
  /** There where `sequences` is true. */
  readonly checks?: SequenceChecks;
}

export interface SequenceChecks {
  flattenSequences<F>(where: string, name: string, data: F, steps: number, width: number): F | number[];
  rowWords(shape: DataShape): string;
  checkIndices(
    where: string,
    flat: ArrayLike<number>,
    steps: number,
    vocabulary: number,
    scale: number | undefined,
  ): Uint32Array<ArrayBuffer>;
  checkLengths(where: string, lengths: Lengths, rows: number, shape: DataShape): Uint32Array<ArrayBuffer>;
  checkOrder(shape: DataShape, shuffle: boolean): void;
  checkStateful(where: string, shape: DataShape, rows: number, batchSize: number, carried: Carried | null): void;
}
