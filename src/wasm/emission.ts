// What the writers of this folder share: the graph, where its tensors lie, and how numbers of a cell are read and written.

import { timestepsOf, tensorOf, type Graph, type Tensor } from "../graph/types.ts";
import { get, i32, i32x4, v128, type Code, type FunctionWriter, type Local } from "./assembler.ts";
import { SLOT, spread, type Cell } from "./cells.ts";
import { VectorFunctions } from "./functions.ts";
import type { Layout } from "./layout.ts";

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
    this.math = new VectorFunctions(writer, emission.fused);
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
