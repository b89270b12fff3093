// product: a matrix product in one of three forms, each number then handed to the epilogue.
//   normal            out (M,N) = left (M,K) · right (K,N)      forward: z = a·W + b
//   right transposed  out (M,N) = left (M,K) · right (N,K)ᵀ     BP2: δ·Wᵀ
//   left transposed   out (M,N) = left (K,M)ᵀ · right (K,N)     BP4: aᵀ·δ, K is the batch
// Statements of one invocation, given `workgroup` (its number within the part) and `lane` (0 … lanesX·lanesY·lanesK − 1). They
// name no buffer: operands are read by callbacks, results handed to one. Two kinds:
//   direct      an invocation owns tileRows × tileCols numbers in registers and reads from memory; neighbouring lanes own
//               neighbouring columns. (this file)
//   workgroup   a workgroup owns a block and stages its operands in workgroup memory. (product-tiled.wgsl.ts)
// Several invocations of kind direct may share a tile: each sums a slice of K, the partial sums meet in workgroup memory.
// Edges: rows and columns are clamped once for reading and guarded for writing; m and k may be smaller than planned,
// m must be at least 1.
// Rounding: k ascends within a slice, slices are added in order; |error| ≤ (K + lanesK)·2⁻²⁴·Σ|left·right|, with levels of blocks
// (33·(levels + 1) + lanesK)·2⁻²⁴·Σ|left·right|; plus that of the epilogue.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { formulaOf, type WorkgroupMemory } from "./kernel.wgsl.ts";
import {
  blockOf,
  lanesIn,
  place,
  range,
  tiledQuads,
  vector,
  type Finish,
  type Operand,
  type ProductPart,
  type ProductCut,
  type ProductWriter,
} from "./product-part.wgsl.ts";

/** Stands at the top of a shader with a variant that broadcasts; the device needs the feature "subgroups". */
export const QUAD_BROADCAST = "enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n";

export function workgroupsOf(v: ProductCut, m: number, n: number): number {
  const { rows, cols } = blockOf(v);
  return Math.ceil(m / rows) * Math.ceil(n / cols);
}

/** What a product takes of the workgroup memory of its launch (shaders/kernel.wgsl.ts). */
export function productMemory(v: ProductCut): WorkgroupMemory {
  const { rows, cols } = blockOf(v);
  return { partial: v.lanesK > 1 ? v.lanesK * rows * cols : 0, staged: v.kind === "workgroup" ? tiledQuads(v) : 0 };
}

/** Where productMemory() is not nothing, they hold barriers: for all lanes of the workgroup, and once, not in a loop. */
export function productStatements(
  ...[v, left, right, bias, finish, staged]: [...Parameters<ProductWriter>, staged?: ProductWriter]
): string {
  check(v);
  const write = formulaOf({ direct: directStatements, workgroup: staged }, v.kind);
  return `${place(v)}\n  ${write(v, left, right, bias, finish)}`;
}

function check(v: ProductPart): void {
  const wrong =
    v.broadcast && (v.lanesX % 4 !== 0 || v.tileRows % 4 !== 0)
      ? "quads share rows: lanesX and tileRows in multiples of 4"
      : v.kind === "workgroup" && (v.tileRows % 4 !== 0 || v.tileCols % 4 !== 0)
        ? "a block is staged four numbers at a time"
        : v.kind === "workgroup" && v.lanesK > 1
          ? "all invocations of a staged block go through the same terms: lanesK is 1"
          : v.unroll > 1 && (!/^\d+u$/.test(v.k) || parseInt(v.k) % v.unroll !== 0)
            ? "only a constant, whole K that is a multiple of `unroll` can be unrolled"
            : v.blocks && (v.kind !== "direct" || v.unroll > 1)
              ? "only direct products that are not unrolled are summed in blocks"
              : null;
  if (wrong) throw new Error(`product: ${wrong} (${JSON.stringify(v)})`);
}

/** A row of `tileCols` accumulators as vectors: [first column, width]. */
function vectorsOf(cols: number): [number, number][] {
  return range(Math.ceil(cols / 4)).map((i) => [4 * i, Math.min(4, cols - 4 * i)]);
}
const vectorType = (width: number): string => (width === 1 ? "f32" : `vec${width}f`);
const handle = (operand: Operand, row: string): string => operand.row?.(row) ?? row;

/** Lane q of a quad reads rows i + 4q … i + 4q + 3 of the left operand, which lie side by side: bytes, a word at a time. */
const readsFours = (v: ProductPart, left: Operand): boolean =>
  v.broadcast && v.form === "leftTransposed" && left.at4 !== undefined && v.tileRows % 16 === 0;

/** `let` statements for left numbers left_<row>_<u> of one iteration. */
function readLeft(v: ProductPart, left: Operand, u: number): string[] {
  const transposed = v.form === "leftTransposed";
  const at = (name: string) => (transposed ? left.at(`left_row_${u}`, name) : left.at(name, `k_${u}`));
  const start = transposed ? [`let left_row_${u} = ${handle(left, `k_${u}`)};`] : [];
  if (!v.broadcast) return [...start, ...range(v.tileRows).map((i) => `let left_${i}_${u} = ${at(`row_${i}`)};`)];
  if (readsFours(v, left)) {
    return [
      ...start,
      ...range(v.tileRows / 16).map((i) => {
        const shared = `let quad_${i}_${u} = ${left.at4!(`left_row_${u}`, `row_${i}`)};`;
        return (
          shared +
          range(16)
            .map((c) => ` let left_${i * 16 + c}_${u} = quadBroadcast(quad_${i}_${u}[${c & 3}], ${c >> 2}u);`)
            .join("")
        );
      }),
    ];
  }
  // Lane q of a quad reads row i + q for all four: a read costs 20 multiplications on SwiftShader, a broadcast 4.
  return [
    ...start,
    ...range(v.tileRows / 4).map((quad) => {
      const shared = `let quad_${quad}_${u} = ${at(`row_${quad}`)};`;
      return (
        shared +
        range(4)
          .map((q) => ` let left_${quad * 4 + q}_${u} = quadBroadcast(quad_${quad}_${u}, ${q}u);`)
          .join("")
      );
    }),
  ];
}

function readRight(v: ProductPart, right: Operand, u: number): string[] {
  const transposed = v.form === "rightTransposed";
  const at = (j: number) => (transposed ? right.at(`col_row_${j}`, `k_${u}`) : right.at(`right_row_${u}`, `col_${j}`));
  return [
    ...(transposed ? [] : [`let right_row_${u} = ${handle(right, `k_${u}`)};`]),
    ...vectorsOf(v.tileCols).map(([j, width]) => `let right_${j}_${u} = ${vector(range(width).map((c) => at(j + c)))};`),
  ];
}

/** The rows and columns of an invocation, ready for reading: row_<i>, or row_<quad>; col_<j> and col_row_<j>. */
function rowsAndColumns(v: ProductPart, left: Operand, right: Operand): string[] {
  const row = (clamped: string) => (v.form === "leftTransposed" ? clamped : handle(left, clamped));
  const rows = readsFours(v, left)
    ? range(v.tileRows / 16).map((i) => `let row_${i} = min(tile_row + ${16 * i}u + (lane & 3u) * 4u, m - 4u);`)
    : v.broadcast
      ? range(v.tileRows / 4).map((i) => `let row_${i} = ${row(`min(tile_row + ${4 * i}u + (lane & 3u), m - 1u)`)};`)
      : range(v.tileRows).map((i) => `let row_${i} = ${row(`min(tile_row + ${i}u, m - 1u)`)};`);
  const even = v.n % blockOf(v).cols === 0;
  const cols = range(v.tileCols).map((j) => {
    const col = `tile_col + ${j * v.lanesX}u`;
    return (
      `let col_${j} = ${even ? col : `min(${col}, ${v.n - 1}u)`};` +
      (v.form === "rightTransposed" ? ` let col_row_${j} = ${handle(right, `col_${j}`)};` : "")
    );
  });
  return [...rows, ...cols];
}

/** Which k an invocation adds: k_begin, k_end. */
function terms(v: ProductPart): string {
  if (v.lanesK === 1) return `let k_begin = 0u;\n  let k_end = ${v.k};`;
  // Slices end where an iteration does.
  const iterations = v.lanesK * v.unroll;
  return `let k_slice = (${v.k} + ${iterations - 1}u) / ${iterations}u * ${v.unroll}u;
  let k_begin = min(lane / ${v.lanesX * v.lanesY}u * k_slice, ${v.k});
  let k_end = min(k_begin + k_slice, ${v.k});`;
}

/** The loop over all terms of an invocation, or a loop over blocks of them. */
function inBlocks(v: ProductPart, loop: (first: string, end: string) => string): string {
  if (!v.blocks) return loop("k_begin", "k_end");
  const sums = range(v.tileRows).flatMap((i) =>
    vectorsOf(v.tileCols).map(([j, width]) => ({ name: `sum_${i}_${j}`, type: vectorType(width) })),
  );
  return v.blocks(sums, "k_begin", "k_end", 1, loop);
}

const directStatements: ProductWriter = (v, left, right, bias, finish) => {
  const rows = range(v.tileRows),
    vectors = vectorsOf(v.tileCols),
    unrolled = range(v.unroll);
  const each = (statement: (i: number, j: number, width: number) => string) =>
    rows.map((i) => vectors.map(([j, width]) => statement(i, j, width)).join(" ")).join("\n      ");
  const add = each((i, j, width) =>
    unrolled
      .map((u) => {
        const factor = width === 1 ? `left_${i}_${u}` : `${vectorType(width)}(left_${i}_${u})`;
        return `sum_${i}_${j} = fma(${factor}, right_${j}_${u}, sum_${i}_${j});`;
      })
      .join(" "),
  );
  const tile = v.lanesK > 1 ? `lane % ${v.lanesX * v.lanesY}u` : "lane";
  return wgsl`${terms(v)}
  let tile_lane = ${tile};
  let tile_row = block_row + tile_lane / ${v.lanesX}u * ${v.tileRows}u;
  let tile_col = block_col + tile_lane % ${v.lanesX}u;
  if (tile_row < m) {
    ${rowsAndColumns(v, left, right).join("\n    ")}
    ${each((i, j, width) => `var sum_${i}_${j} = ${vectorType(width)}();`)}
    ${inBlocks(
      v,
      (first, end) => `for (var k = ${first}; k < ${end}; k += ${v.unroll}u) {
      ${unrolled.flatMap((u) => [`let k_${u} = k + ${u}u;`, ...readRight(v, right, u), ...readLeft(v, left, u)]).join("\n      ")}
      ${add}
    }`,
    )}
    ${v.lanesK > 1 ? keepPartialSums(v) : finishTile(v, bias, finish)}
  }
  ${v.lanesK > 1 ? addPartialSums(v, bias, finish) : ""}`;
};

/** The accumulators of a tile, row by row. */
const accumulators = (v: ProductPart): string[] =>
  range(v.tileRows).flatMap((i) =>
    vectorsOf(v.tileCols).flatMap(([j, width]) => (width === 1 ? [`sum_${i}_${j}`] : range(width).map((c) => `sum_${i}_${j}[${c}]`))),
  );

/** An invocation hands on what it has summed. */
function finishTile(v: ProductPart, bias: ((col: string) => string) | null, finish: Finish): string {
  const vectors = vectorsOf(v.tileCols),
    sums = accumulators(v);
  const biases = bias && vectors.map(([j, width]) => `let bias_${j} = ${vector(range(width).map((c) => bias(`col_${j + c}`)))};`);
  const add = range(v.tileRows)
    .map((i) => vectors.map(([j]) => `sum_${i}_${j} += bias_${j};`).join(" "))
    .join("\n    ");
  return wgsl`${biases ? `${biases.join(" ")}\n    ${add}` : ""}
    // Written out for every number of the tile the epilogue would make the shader slow to compile, so it is a loop.
    var sums = array<f32, ${sums.length}>(${sums.join(", ")});
    for (var number = 0u; number < ${sums.length}u; number++) {
      let out_row = tile_row + number / ${v.tileCols}u;
      let out_col = tile_col + number % ${v.tileCols}u * ${v.lanesX}u;
      let out_value = sums[number];
      if (out_row < m && out_col < ${v.n}u) { ${finish("out_value", "out_row", "out_col")} }
    }`;
}

/** partial (lanesK, block rows, block columns): neighbouring lanes write and read neighbouring numbers. */
function keepPartialSums(v: ProductPart): string {
  const { cols } = blockOf(v),
    sums = accumulators(v);
  return wgsl`let kept = (lane / ${v.lanesX}u * ${v.tileRows}u) * ${cols}u + lane % ${v.lanesX}u;
    ${sums
      .map((sum, at) => {
        const i = Math.floor(at / v.tileCols),
          j = at % v.tileCols;
        return `partial[kept + ${i * cols + j * v.lanesX}u] = ${sum};`;
      })
      .join(" ")}`;
}

/** All invocations of the workgroup share the numbers of its block, bias and epilogue included. */
function addPartialSums(v: ProductPart, bias: ((col: string) => string) | null, finish: Finish): string {
  const { rows, cols } = blockOf(v);
  return wgsl`workgroupBarrier();
  for (var number = lane; number < ${rows * cols}u; number += ${lanesIn(v)}u) {
    let out_row = block_row + number / ${cols}u;
    let out_col = block_col + number % ${cols}u;
    if (out_row < m && out_col < ${v.n}u) {
      var out_value = partial[number];
      for (var slice = 1u; slice < ${v.lanesK}u; slice++) { out_value += partial[slice * ${rows * cols}u + number]; }
      ${bias ? `out_value += ${bias("out_col")};` : ""}
      ${finish("out_value", "out_row", "out_col")}
    }
  }`;
}
