// What the writers of this folder share: the graph, where its tensors lie, and how numbers of a cell are read and written.

import type { Loss } from "../model/losses.ts";
import { timestepsOf, tensorOf, type Graph, type MetricKind, type Op, type OpOf, type Tensor } from "../graph/types.ts";
import type { Group } from "../schedule/groups.ts";
import { get, i32, i32x4, v128, type Code, type FunctionWriter, type Local } from "./assembler.ts";
import { SLOT, spread, type Cell } from "./cells.ts";
import { VectorFunctions, type UncommonFunctions } from "./functions.ts";
import type { Layout } from "./layout.ts";

/** What a function goes through, and how it may be divided among threads: by examples, by rows of a weight matrix, or not. */
export type GroupRows = "examples" | "whole" | { readonly rows: number };

/** One row of a group's tensors (row.ts). */
export interface RowSite {
  readonly group: GroupWriter;
  readonly row: Local;
  /** Every cell of the row, its addresses before it. */
  cells(cols: number, body: (cell: Cell) => Code): Code;
  /** The sum over the row in all lanes of `into`. */
  sum(into: Local, cols: number, of: (cell: Cell) => Code): Code;
  /** One number of the row, in all lanes. */
  numberAt(name: string, column: Code): Code;
}

/** The terms of a sum over rows, four columns at a time. */
export interface Terms {
  /** Before the sum. */
  begin(cell: Cell): Code;
  /** @param address and offset of the first input's number */
  term(address: Code, offset: number, quad: number): Code;
  /** Makes the sum what is wanted. */
  end(sum: Local): Code;
}

/** Writes activations, losses, metrics and optimizers that few networks have, penalties and clipping (uncommon-writers.ts). */
export interface Uncommon {
  readonly functions: UncommonFunctions;
  /** Operations that work number by number. */
  cell(group: GroupWriter, op: Op, cell: Cell): Code;
  /** Sums over all of a tensor. */
  sum(group: GroupWriter, op: Op): Code;
  /** Sets w and the optimizer's states to what they are after the step. */
  update(group: GroupWriter, op: OpOf<"update">, w: Local, g: Local, states: readonly Local[]): Code;
  /** What one number adds to a loss, and its derivative by a. */
  term(group: GroupWriter, loss: Loss, a: Code, y: Code): Code;
  slope(group: GroupWriter, loss: Loss, a: Code, y: Code): Code;
  /** What a smoothed label counts as. @param outputs how many there are */
  smooth(loss: Loss, outputs: number, label: Code): Code;
  metric(row: RowSite, metric: MetricKind, a: string, y: string): Code;
}

/** Writes what sequences and normalizations need (sequences.ts). */
export interface Sequences {
  cell(group: GroupWriter, op: Op, cell: Cell): Code;
  row(row: RowSite, op: Op): Code;
  sum(group: GroupWriter, op: Op): Code;
  terms(group: GroupWriter, op: OpOf<"moment">): Terms;
  /** Groups that are neither products nor sums nor go number by number; null for others. */
  group(
    group: GroupWriter,
    whole: Group,
    stored: ReadonlySet<string>,
  ): {
    readonly extent: GroupRows;
    readonly body: Code;
  } | null;
}

export interface Emission {
  readonly graph: Graph;
  readonly layoutOf: (tensor: string) => Layout;
  /** Where the transpose of a weight matrix is kept beside it; null for those whose transpose nobody reads. */
  readonly transposeOf: (parameter: string) => Layout | null;
  /** Where the mask of a dropout layer lies: one word an element, all ones where it is kept. */
  readonly maskOf: (layer: number) => number;
  /** Memory for the gradients that are handed on through padding (recurrent.ts). */
  readonly pendingOf: (tensor: string) => Layout;
  /** Whether a·b + c may be rounded once. */
  readonly fused: boolean;
  /** Loaded for graphs that need them (rarity.ts). */
  readonly uncommon: Uncommon | null;
  readonly sequences: Sequences | null;
}

/** @throws Error if it was not loaded: rarity.ts forgets an operation */
function loaded<T>(writers: T | null): T {
  if (!writers) throw new Error("wasm: what this operation needs was not loaded");
  return writers;
}

/** A function that works on rows `from` to `to` of one step: all functions of an engine but the outermost are such. */
export class GroupWriter {
  readonly from: Local;
  readonly to: Local;
  /** Address of the step's record. */
  readonly slot: Local;
  readonly math: VectorFunctions;
  /** What the group has made so far and still has in a local. */
  readonly #values = new Map<string, Local>();

  constructor(
    readonly emission: Emission,
    readonly writer: FunctionWriter,
  ) {
    [this.from, this.to, this.slot] = [0, 1, 2].map((index) => writer.parameter(index));
    this.math = new VectorFunctions(writer, emission.fused, emission.uncommon?.functions);
  }

  get uncommon(): Uncommon {
    return loaded(this.emission.uncommon);
  }

  get sequences(): Sequences {
    return loaded(this.emission.sequences);
  }

  tensor(name: string): Tensor {
    return tensorOf(this.emission.graph, name);
  }

  /** A word of the step's record. */
  scalar(offset: number): Code {
    return i32.load(get(this.slot), offset);
  }

  /** A float of the step's record in all lanes. */
  splat(offset: number): Code {
    return v128.loadSplat(get(this.slot), offset);
  }

  /** All ones where carried states and sums count as 0. */
  freshLanes(): Code {
    return spread(i32.ne(this.scalar(SLOT.fresh), i32.const(0)));
  }

  /** Rows that a mean is over, of a tensor of the mini-batch; a whole number. */
  meanRows(tensor: Tensor): Code {
    const rows = this.scalar(SLOT.meanRows),
      timesteps = timestepsOf(tensor);
    return timesteps === 1 ? rows : i32.mul(rows, i32.const(timesteps));
  }

  /** The cell of a tensor: from a local if the group made it, else from memory. A scalar is in all lanes. */
  value(name: string, cell: Cell): Code {
    const known = this.#values.get(name);
    if (known) return get(known);
    const { rows, cols } = this.tensor(name),
      layout = this.emission.layoutOf(name);
    if (rows === 1 && cols === 1) return v128.loadSplat(i32.const(0), layout.base);
    return v128.load(...cell.site.at(layout, cell.below, cell.quad));
  }

  /** The cell of a tensor in memory, whatever the group made: what an update reads before it writes, and the rows of a bias. */
  memory(name: string, cell: Cell): Code {
    return v128.load(...cell.site.at(this.emission.layoutOf(name), cell.below, cell.quad));
  }

  store(name: string, cell: Cell, value: Code): Code {
    const [address, offset] = cell.site.at(this.emission.layoutOf(name), cell.below, cell.quad);
    return v128.store(address, value, offset);
  }

  /** From here on `name` is what this local holds. */
  keep(name: string, local: Local): void {
    this.#values.set(name, local);
  }

  /** The next cell begins with nothing made. */
  forget(): void {
    this.#values.clear();
  }

  /** A whole number of a (rows, 1) tensor. */
  wordOf(name: string, row: Code): Code {
    const { base, rowStride } = this.emission.layoutOf(name);
    return i32.load(i32.mul(row, i32.const(rowStride)), base);
  }

  /** The same in all lanes. */
  wordLanes(name: string, row: Code): Code {
    return i32x4.splat(this.wordOf(name, row));
  }
}
