// Going through the numbers of matrices four at a time: a cell is four neighbouring columns of one row. The tensors that a
// group of operations works on have the same rows and columns, so that one pair (row, panel) finds the cell in each of them.

import {
  allBits,
  bits,
  floats,
  get,
  i32,
  i32x4,
  increase,
  loopWhile,
  set,
  v128,
  type Code,
  type FunctionWriter,
  type Local,
} from "./assembler.ts";
import { PANEL, type Layout } from "./layout.ts";

const LANES = 4;

/** Byte offsets in the record of a step (step-table.ts): what changes from step to step. */
export const SLOT = {
  rows: 0,
  offset: 4,
  stepLow: 8,
  stepHigh: 12,
  learningRate: 16,
  correctedRate: 20,
  fresh: 24,
  meanRows: 28,
  firstRow: 32,
  results: 36,
  data: { data_x: 40, data_y: 44, data_lengths: 48, order: 52, data_sample_weights: 56 },
} as const;
export const SLOT_BYTES = 64;

/** A row and a panel of 8 columns, and the addresses in each kind of layout that are asked for there. */
export class Site {
  readonly #addresses = new Map<string, { readonly local: Local; readonly code: Code }>();

  /**
   * @param panel a local, or the number itself where the loop is unrolled
   * @param shift bytes that are added to all addresses, as the timestep of a recurrence does
   */
  constructor(
    readonly writer: FunctionWriter,
    readonly row: Local,
    readonly panel: Local | number,
    readonly shift: Local | null = null,
  ) {}

  /** Address and constant offset of cell `quad` of the panel, `below` rows below the site's row. */
  at({ base, rowStride, panelStride }: Layout, below: number, quad: number): readonly [address: Code, offset: number] {
    const { panel, shift } = this,
      offset = base + below * rowStride + quad * 16 + (typeof panel === "number" ? panel * panelStride : 0);
    const terms: Code[] = rowStride === 0 ? [] : [i32.mul(get(this.row), i32.const(rowStride))];
    if (typeof panel !== "number") terms.push(i32.mul(get(panel), i32.const(panelStride)));
    if (shift) terms.push(get(shift));
    if (terms.length === 0) return [i32.const(0), offset];
    const key = `${rowStride} ${panelStride}`,
      name = `address ${key} ${shift?.index}`;
    const known = this.#addresses.get(key) ?? { local: this.writer.scratch(name, 0x7f), code: terms.reduce((a, b) => i32.add(a, b)) };
    this.#addresses.set(key, known);
    return [get(known.local), offset];
  }

  /** Sets the locals of the addresses that were asked for: goes before the code that uses them. */
  prelude(): Code {
    return [...this.#addresses.values()].map(({ local, code }) => set(local, code));
  }

  /** The code with its addresses before it. */
  wrap(code: Code): Code {
    return [this.prelude(), code];
  }
}

/** A cell of a site. */
export interface Cell {
  readonly site: Site;
  readonly below: number;
  readonly quad: number;
}

export const rowOf = ({ site, below }: Cell): Code => (below === 0 ? get(site.row) : i32.add(get(site.row), i32.const(below)));

/** The numbers of the cell's columns. */
export function columnsOf({ site: { panel }, quad }: Cell): Code {
  const first = quad * LANES,
    own = (at: number): Code => bits(at, at + 1, at + 2, at + 3);
  return typeof panel === "number" ? own(panel * PANEL + first) : i32x4.add(i32x4.splat(i32.mul(get(panel), i32.const(PANEL))), own(first));
}

/** All ones in the lanes that hold columns, or null where all four do. Only the last cell of a row is partly empty. */
export function liveLanes({ site: { panel }, quad }: Cell, cols: number): Code | null {
  if (typeof panel !== "number") return null;
  const left = cols - panel * PANEL - quad * LANES,
    lane = (i: number): number => (i < left ? -1 : 0);
  return left >= LANES ? null : bits(lane(0), lane(1), lane(2), lane(3));
}

/** The value where its lane holds a column, else `filler`. */
export const masked = (value: Code, live: Code | null, filler: number): Code =>
  live === null ? value : filler === 0 ? v128.and(value, live) : v128.choose(value, floats(filler), live);

/** All ones in every lane where the condition, 0 or 1, holds. */
export const spread = (condition: Code): Code => i32x4.splat(i32.sub(i32.const(0), condition));
export const NO_LANES = allBits(0);

/** Rows of so few columns are unrolled. */
const MAX_UNROLLED_PANELS = 2;

/** Panels of `cols` columns, the whole ones in a loop. @param body is told how many cells of the panel hold columns */
export function eachPanel(writer: FunctionWriter, cols: number, body: (panel: Local | number, cells: number) => Code, key = "panel"): Code {
  const panels = Math.ceil(cols / PANEL),
    whole = panels <= MAX_UNROLLED_PANELS ? 0 : Math.floor(cols / PANEL);
  const code: Code[] = [];
  if (whole > 0) {
    const panel = writer.scratch(key, 0x7f);
    code.push(set(panel, i32.const(0)), loopWhile(i32.ltU(get(panel), i32.const(whole)), [body(panel, PANEL / LANES), increase(panel, 1)]));
  }
  for (let panel = whole; panel < panels; panel++)
    code.push(body(panel, Math.min(PANEL / LANES, Math.ceil((cols - panel * PANEL) / LANES))));
  return code;
}

/** Rows `from` to `to`, so many at a time as long as there are so many, the rest one by one. */
export function eachRow(
  writer: FunctionWriter,
  from: Code,
  to: Code,
  together: number,
  body: (row: Local, rows: number) => Code,
  key = "row",
): Code {
  const row = writer.scratch(key, 0x7f),
    end = writer.scratch(`${key} end`, 0x7f);
  const several: Code =
    together === 1
      ? []
      : loopWhile(i32.leU(i32.add(get(row), i32.const(together)), get(end)), [body(row, together), increase(row, together)]);
  return [set(row, from), set(end, to), several, loopWhile(i32.ltU(get(row), get(end)), [body(row, 1), increase(row, 1)])];
}

/** Every cell of these rows, one after the other. */
export const eachCell = (writer: FunctionWriter, cols: number, from: Code, to: Code, body: (cell: Cell) => Code): Code =>
  eachPanel(writer, cols, (panel, cells) =>
    eachRow(writer, from, to, 1, (row) => {
      const site = new Site(writer, row, panel);
      return site.wrap(Array.from({ length: cells }, (_, quad) => body({ site, below: 0, quad })));
    }),
  );
