// What the ways of a recurrent layer through time have in common: forward and back, simple and with gates.

import type { ProductForm } from "../graph/types.ts";
import type { RecurrentPlace } from "./sequence-writer.ts";

/** What differs between the way forward and the way back. Texts are of `example`, `t`, `col`, or of a `start`. */
export interface Direction {
  readonly form: ProductForm;
  readonly weights: string;
  /** Where the row starts that is multiplied by the weights: h(t−1) or δ(t+1) of an example. */
  readonly neighbour: (example: string) => string;
  /** A number of that row. */
  readonly beside: string;
  /** Whether there is no such row. */
  readonly isFirst: string;
  /** The function `finish` and what it calls. */
  readonly functions: string;
  /** Called of each number of the states, as a function of `example`, `col` and `t`, when the product of a time step is done. */
  readonly then?: string;
}

/** Number (row, col) of a tensor. */
export const numberAt = ({ access }: RecurrentPlace, tensor: string, row: string, col: string): string =>
  access.inRow(tensor, access.rowStart(tensor, row), col);

export const lengthOf = ({ access }: RecurrentPlace, lengths: string | undefined): string | null =>
  lengths === undefined ? null : access.wholeAt(lengths, "example");
