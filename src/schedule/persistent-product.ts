// A product within a persistent kernel for a software adapter. A read of memory costs four lanes there as much as 10 or 20
// multiply-adds, so its one register of lanes goes from block to block, each lane with a tile of the block in registers. Unlike
// shaders/product.wgsl.ts it takes few numbers: there are eight such products in a step of 5 µs, and what comes before and after
// the terms is most of their time.
// Rounding: k ascends; |error| ≤ K·2⁻²⁴·Σ|left·right|, plus that of what follows.

import { range, vector } from "../../shaders/product-part.wgsl.ts";
import { rowsOf, tensorOf, type Graph, type OpOf } from "../graph/types.ts";
import type { TensorAccess } from "./access.ts";
import { rowsExpression } from "./launch.ts";
import { SIMD } from "./tiles.ts";

/** A lane owns `rows` × `cols` numbers; `across` lanes lie side by side, on neighbouring columns, the others below them. */
interface Tile {
  readonly rows: number;
  readonly cols: number;
  readonly across: number;
}

/** No more than 32 numbers a lane: they make the kernel slow to compile, and more are hardly faster. */
const TILES: readonly Tile[] = [1, 2, 4].flatMap((across) =>
  [1, 2, 4, 8].flatMap((rows) => [1, 2, 3, 4].map((cols) => ({ rows, cols, across }))),
);

/** Nanoseconds of SwiftShader for four lanes: a read; a broadcast; a multiply-add in a loop; a number after its sum; a block. */
const READ = 6,
  BROADCAST = 2,
  MULTIPLY_ADD = 1.65,
  FINISH = 40,
  BLOCK = 60;

/** The lanes of a quad share the reading of rows: each reads another one. */
const broadcasts = ({ rows, across }: Tile, quads: boolean): boolean => quads && across === SIMD && rows % 4 === 0;

const blockOf = ({ rows, cols, across }: Tile) => ({ high: rows * (SIMD / across), wide: cols * across });

function cost(tile: Tile, m: number, n: number, k: number, quads: boolean): number {
  const { rows, cols } = tile,
    { high, wide } = blockOf(tile),
    numbers = rows * cols;
  const left = broadcasts(tile, quads) ? (rows / 4) * READ + rows * BROADCAST : rows * READ;
  return Math.ceil(m / high) * Math.ceil(n / wide) * (BLOCK + k * (left + cols * READ + numbers * MULTIPLY_ADD) + numbers * FINISH);
}

/** The cheapest by this model. */
export function tileFor(m: number, n: number, k: number, quads: boolean): Tile {
  const costs = TILES.map((tile) => cost(tile, m, n, k, quads));
  return TILES[costs.indexOf(Math.min(...costs))];
}

/** @param body what is done with each `value`, on its `row`, `col` and `element` */
export function tiledProduct(
  graph: Graph,
  batch: number,
  { inputs: [left, right, bias], outputs: [output], form }: OpOf<"product">,
  access: TensorAccess,
  quads: boolean,
  body: string,
): { text: string; broadcasts: boolean } {
  const out = tensorOf(graph, output),
    inner = tensorOf(graph, left),
    m = rowsExpression(out),
    mPlanned = rowsOf(out, batch),
    n = out.cols;
  const sums = form === "leftTransposed",
    rightTransposed = form === "rightTransposed";
  const [k, kPlanned] = sums ? [rowsExpression(inner), rowsOf(inner, batch)] : [`${inner.cols}u`, inner.cols];
  const tile = tileFor(mPlanned, n, kPlanned, quads),
    { rows, cols, across } = tile,
    { high, wide } = blockOf(tile);
  const shared = broadcasts(tile, quads),
    blocksAcross = Math.ceil(n / wide),
    numbers = rows * cols;
  // What lies beyond an edge is computed from whatever is read there, which WGSL keeps within the buffer, and is not handed on.
  const within = [
    ...(out.rows !== "batch" && mPlanned % high === 0 ? [] : [`row < ${m}`]),
    ...(n % wide === 0 ? [] : [`col < ${n}u`]),
  ].join(" && ");
  const allRows = range(rows),
    allCols = range(cols),
    lines = (texts: readonly string[]) => texts.join("\n      ");
  const below = across === SIMD ? "" : ` + lane / ${across}u * ${rows}u`;
  const readRows = shared ? range(rows / 4).map((i) => `first_row + ${4 * i}u + lane`) : allRows.map((i) => `first_row + ${i}u`);
  const leftAt = (i: number) => (sums ? access.inRow(left, "left_row", `row_${i}`) : access.inRow(left, `row_${i}`, "k"));
  const handOut = (i: number) =>
    range(4)
      .map((q) => `let left_${4 * i + q} = quadBroadcast(quad_${i}, ${q}u);`)
      .join(" ");
  const rightAt = (j: number) =>
    rightTransposed ? access.inRow(right, `right_row_${j}`, "k") : access.inRow(right, "right_row", `col_${j}`);
  const type = cols === 1 ? "f32" : `vec${cols}f`;
  const sum = (i: number) => allCols.map((j) => `sum_${i}${cols === 1 ? "" : `[${j}]`}`);
  const text = `let first_row = block / ${blocksAcross}u * ${high}u${below};
      let first_col = block % ${blocksAcross}u * ${wide}u + lane % ${across}u;
      ${lines(readRows.map((row, i) => `let row_${i} = ${sums ? row : access.rowStart(left, row)};`))}
      ${lines(allCols.map((j) => `let col_${j} = first_col + ${j * across}u;`))}
      ${rightTransposed ? lines(allCols.map((j) => `let right_row_${j} = ${access.rowStart(right, `col_${j}`)};`)) : ""}
      ${allRows.map((i) => `var sum_${i} = ${type}();`).join(" ")}
      for (var k = 0u; k < ${k}; k++) {
        ${sums ? `let left_row = ${access.rowStart(left, "k")};` : ""}
        ${rightTransposed ? "" : `let right_row = ${access.rowStart(right, "k")};`}
        let right = ${vector(allCols.map(rightAt))};
        ${lines(readRows.map((_, i) => (shared ? `let quad_${i} = ${leftAt(i)}; ${handOut(i)}` : `let left_${i} = ${leftAt(i)};`)))}
        ${lines(allRows.map((i) => `sum_${i} = fma(${type}(left_${i}), right, sum_${i});`))}
      }
      ${
        bias === undefined
          ? ""
          : `let bias = ${vector(allCols.map((j) => access.load(bias, `col_${j}`)))};
      ${allRows.map((i) => `sum_${i} += bias;`).join(" ")}`
      }
      ${
        numbers === 1
          ? "{ let row = first_row; let col = first_col; let value = sum_0;"
          : `
      var sums = array<f32, ${numbers}>(${allRows.flatMap(sum).join(", ")});
      for (var number = 0u; number < ${numbers}u; number++) {
        let row = first_row + number / ${cols}u; let col = first_col + number % ${cols}u * ${across}u; let value = sums[number];`
      }
        ${within && `if (${within})`} {
          let element = row * ${n}u + col;
          ${body}
        }
      }`;
  const blocks = `(${m} + ${high - 1}u) / ${high}u * ${blocksAcross}u`;
  return {
    broadcasts: shared,
    text:
      mPlanned <= high && n <= wide
        ? `let block = 0u;
      ${text}`
        : `for (var block = 0u; block < ${blocks}; block++) {
      ${text}
    }`,
  };
}
