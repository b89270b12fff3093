// What the writers of kernels ask for the ops of sequences, and of normalizations. sequences.ts answers, and normalization.ts; only plans
// of networks with such layers are given them, so that no other page need load them.

import type { Graph, Op, OpOf } from "../graph/types.ts";
import type { Formulas } from "./formulas.ts";
import type { TileLimits } from "./tiles.ts";
import type { Reader, SequenceView, ViewText } from "./views.ts";

export type RecurrentStep = OpOf<"recurrentForward" | "recurrentBackward">;

/**
 * The number at the same place, the only number of the same row, the only one that there is, or that of another place; or the whole
 * number of a row, as a u32.
 */
export type Where = "here" | "row" | "scalar" | { readonly row: string; readonly col: string } | { readonly whole: string };
/** Reads input number `i` of an op. */
export type ReadOperand = (i: number, where?: Where) => string;

/** Where a recurrent layer is written to. */
export interface RecurrentPlace {
  readonly graph: Graph;
  readonly access: Reader & { readonly formulas: Formulas; store(tensor: string, index: string): string };
  readonly limits: TileLimits;
  /** Rows of a mini-batch that the plan is made for. */
  readonly batch: number;
}

export interface RecurrentText {
  readonly functions: string;
  readonly text: string;
  readonly broadcasts: boolean;
}

export interface SequenceWriter {
  /** How a view is read. */
  viewText(access: Reader, op: SequenceView): ViewText;
  /** An elementwise op as an expression. @throws if it is none of sequences */
  elementwiseCall(graph: Graph, op: Op, operand: ReadOperand): string;
  /** A recurrent layer's way through time. @param examples that one workgroup has */
  recurrentText(place: RecurrentPlace, op: RecurrentStep, prefix: string, examples: number): RecurrentText;
  /** A term of a moment at `row` and `col`, an expression. Where there are normalizations. */
  term?(access: Reader, op: OpOf<"moment">, row: string): string;
  /** A row's normalization by itself, statements. @param at reads a number of input `i`. Where there are normalizations. */
  rows?(
    op: OpOf<"normalizeRows">,
    cols: number,
    at: (i: number) => (col: string) => string,
    store: (col: string, value: string) => string,
  ): string;
  /** Multiplications and additions of all its time steps. */
  recurrentFlops(graph: Graph, op: RecurrentStep, batch: number): number;
}
