// The register tile: 4 rows × 8 columns of a matrix product, eight accumulators that take K multiply-adds without leaving their
// registers (more would not fit the 16 vector registers of x86-64 beside their operands).
//   acc[r, v] = Σ_k A[r, k] · B[k, v]     one number of A in all lanes times four neighbouring numbers of B, k ascending

import { f64x2, floats, get, i32, increase, loopWhile, select, set, v128, type Code, type Local } from "./assembler.ts";
import { eachPanel, eachRow, Site, type Cell } from "./cells.ts";
import type { GroupWriter } from "./emission.ts";

export const TILE_ROWS = 4;
/** Iterations of the inner loop that are written out. */
const UNROLL = 4;
/** Terms that are added up in float32 where sums are blocked. */
export const BLOCK_TERMS = 64;
/** More rows than these, and products over rows are blocked: the rounding of one long sum would show. */
export const MAX_ROWS_IN_ONE_SUM = 4096;

/** How one factor lies: A[r, k] at base + r·row + k·inner, B[k, col] at base + k·inner + ⌊col/8⌋·panel + (col mod 8)·4. */
export interface Factor {
  readonly base: number;
  readonly inner: number;
}
export interface LeftFactor extends Factor {
  readonly row: number;
}
export interface RightFactor extends Factor {
  readonly panel: number;
}

export interface Product {
  readonly left: LeftFactor;
  readonly right: RightFactor;
  /** Terms of each sum: a constant, or a local where they are rows of the mini-batch. */
  readonly terms: number | Local;
  readonly cols: number;
  /** Sums are taken of so many terms at a time and added up in float64: where rows of the mini-batch are very many. */
  readonly blocked?: boolean;
  /** Bytes added to the addresses of the left factor, and of all that the cells read and write. */
  readonly shift?: { readonly left: Local; readonly cells: Local };
}

/** One sum of a tile, in a local of its own. */
export type FinishCell = (cell: Cell, sum: Local) => Code;

/** Sets the accumulators of one tile. */
function accumulate(group: GroupWriter, product: Product, row: Local, panel: Local | number, rows: number, cells: number): Code {
  const { left, right, terms, shift } = product,
    { writer, math } = group,
    a = writer.scratch("pointer a", 0x7f),
    b = writer.scratch("pointer b", 0x7f),
    end = writer.scratch("pointer end", 0x7f);
  const sums = sumsOf(group, rows, cells),
    x = writer.scratch("x"),
    vectors = Array.from({ length: cells }, (_, v) => writer.scratch(`b ${v}`));
  const ofPanel = typeof panel === "number" ? panel * right.panel : 0;
  const iterations = (count: number): Code =>
    Array.from({ length: count }, (_, k) => [
      vectors.map((vector, v) => set(vector, v128.load(get(b), right.base + ofPanel + k * right.inner + 16 * v))),
      Array.from({ length: rows }, (__, r) => [
        set(x, v128.loadSplat(get(a), left.base + r * left.row + k * left.inner)),
        vectors.map((vector, v) => set(sums[r][v], math.madd(get(x), get(vector), get(sums[r][v])))),
      ]),
    ]);
  const moved = (count: number): Code => [iterations(count), increase(a, count * left.inner), increase(b, count * right.inner)];
  const upTo = (count: Code, by: number): Code => [
    set(end, i32.add(start, i32.mul(count, i32.const(right.inner)))),
    loopWhile(i32.ltU(get(b), get(end)), moved(by)),
  ];
  const start: Code = typeof panel === "number" ? i32.const(0) : i32.mul(get(panel), i32.const(right.panel));
  const begin: Code = [
    sums.flat().map((sum) => set(sum, floats(0))),
    set(a, shift ? i32.add(i32.mul(get(row), i32.const(left.row)), get(shift.left)) : i32.mul(get(row), i32.const(left.row))),
    set(b, start),
  ];
  if (typeof terms !== "number") {
    return product.blocked
      ? [
          begin,
          inBlocks(
            group,
            sums.flat(),
            terms,
            (count) => upTo(count, UNROLL),
            (count) => upTo(count, 1),
          ),
        ]
      : [begin, upTo(i32.and(get(terms), i32.const(-UNROLL)), UNROLL), upTo(get(terms), 1)];
  }
  const rest = terms % UNROLL,
    whole = terms - rest;
  if (whole <= UNROLL) return [begin, iterations(terms)];
  return [begin, upTo(i32.const(whole), UNROLL), iterations(rest)];
}

/** Takes the sums block by block and leaves their total in them. @param many, each go on to so many terms from the first */
function inBlocks(
  { writer }: GroupWriter,
  sums: readonly Local[],
  terms: Local,
  many: (count: Code) => Code,
  each: (count: Code) => Code,
): Code {
  const next = writer.scratch("block end", 0x7f),
    done = i32.add(get(next), i32.const(BLOCK_TERMS));
  const pairs = sums.map((_, i) => [writer.scratch(`low ${i}`), writer.scratch(`high ${i}`)] as const);
  const upper = (sum: Local): Code => v128.shuffle(get(sum), get(sum), 2, 3, 2, 3);
  return [
    set(next, i32.const(0)),
    pairs.flat().map((local) => set(local, floats(0))),
    loopWhile(i32.ltU(get(next), get(terms)), [
      set(next, select(done, get(terms), i32.ltU(done, get(terms)))),
      many(i32.and(get(next), i32.const(-UNROLL))),
      each(get(next)),
      sums.map((sum, i) => {
        const [low, high] = pairs[i];
        return [
          set(low, f64x2.add(get(low), f64x2.fromF32(get(sum)))),
          set(high, f64x2.add(get(high), f64x2.fromF32(upper(sum)))),
          set(sum, floats(0)),
        ];
      }),
    ]),
    sums.map((sum, i) => set(sum, v128.shuffle(f64x2.toF32(get(pairs[i][0])), f64x2.toF32(get(pairs[i][1])), 0, 1, 4, 5))),
  ];
}

const sumsOf = ({ writer }: GroupWriter, rows: number, cells: number): Local[][] =>
  Array.from({ length: rows }, (_, r) => Array.from({ length: cells }, (__, v) => writer.scratch(`sum ${r} ${v}`)));

/** The product of rows `from` to `to` of the left factor with the right one; `finish` is given each sum. */
export function writeProduct(group: GroupWriter, product: Product, from: Code, to: Code, finish: FinishCell): Code {
  const { writer } = group;
  return eachPanel(writer, product.cols, (panel, cells) =>
    eachRow(writer, from, to, TILE_ROWS, (row, rows) => {
      const site = new Site(writer, row, panel, product.shift?.cells ?? null),
        sums = sumsOf(group, rows, cells);
      const finished = sums.map((ofRow, below) =>
        ofRow.map((sum, quad) => {
          group.forget();
          return finish({ site, below, quad }, sum);
        }),
      );
      group.forget();
      return [accumulate(group, product, row, panel, rows, cells), site.prelude(), finished];
    }),
  );
}
