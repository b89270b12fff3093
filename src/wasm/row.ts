// One row of a group's tensors on its way through operations that look at whole rows.

import { f32, f32x4, floats, get, i32, set, v128, type Code, type Local } from "./assembler.ts";
import { eachPanel, liveLanes, masked, Site, type Cell } from "./cells.ts";
import type { GroupWriter } from "./emission.ts";

/** ln Σ e^z in two parts, whose sum would lose the digits of the smaller one. */
export interface LogSum {
  /** The largest z. */
  readonly top: Local;
  /** ln Σ e^(z − top). */
  readonly rest: Local;
}

type Combine = (a: Code, b: Code) => Code;

/** One row on its way through the operations. */
export class Row {
  /** Of the rows of logits that were met, in all lanes. */
  readonly totals = new Map<string, LogSum>();

  constructor(
    readonly group: GroupWriter,
    readonly row: Local,
  ) {}

  /** Every cell of the row, its addresses before it. */
  cells(cols: number, body: (cell: Cell, live: Code | null) => Code): Code {
    const { writer } = this.group;
    return eachPanel(writer, cols, (panel, cells) => {
      const site = new Site(writer, this.row, panel);
      return site.wrap(
        Array.from({ length: cells }, (_, quad) => {
          const cell = { site, below: 0, quad };
          return body(cell, liveLanes(cell, cols));
        }),
      );
    });
  }

  /** Sum or maximum over the row in all lanes of `into`. */
  reduce(into: Local, cols: number, start: number, combine: Combine, of: (cell: Cell) => Code): Code {
    return [
      set(into, floats(start)),
      this.cells(cols, (cell, live) => set(into, combine(get(into), masked(of(cell), live, start)))),
      acrossLanes(into, combine),
    ];
  }

  sum(into: Local, cols: number, of: (cell: Cell) => Code): Code {
    return this.reduce(into, cols, 0, f32x4.add, of);
  }

  /** One number of the row, in all lanes. @param column which, a whole number on the stack */
  numberAt(name: string, column: Code): Code {
    const { base, rowStride, panelStride } = this.group.emission.layoutOf(name),
      at = this.group.writer.scratch("column", 0x7f);
    const inRow = i32.add(
      i32.mul(i32.shrU(get(at), i32.const(3)), i32.const(panelStride)),
      i32.shl(i32.and(get(at), i32.const(7)), i32.const(2)),
    );
    return [set(at, column), v128.loadSplat(i32.add(i32.mul(get(this.row), i32.const(rowStride)), inRow), base)];
  }

  /** Stores one number, the lowest lane, as this row of a (rows, 1) tensor. */
  storeNumber(name: string, vector: Code): Code {
    const { base, rowStride } = this.group.emission.layoutOf(name);
    return f32.store(i32.mul(get(this.row), i32.const(rowStride)), f32x4.lane(vector, 0), base);
  }
}

/** All lanes become the four lanes combined. */
export const acrossLanes = (vector: Local, combine: Combine): Code => [
  set(vector, combine(get(vector), v128.shuffle(get(vector), get(vector), 1, 0, 3, 2))),
  set(vector, combine(get(vector), v128.shuffle(get(vector), get(vector), 2, 3, 0, 1))),
];
