// product, staged in workgroup memory: what a discrete GPU wants, and a software adapter does not. Never measured on a GPU.
// A workgroup owns a block of lanesY·tileRows × lanesX·tileCols numbers. For `depth` terms at a time its lanes copy both
// operands, four numbers a vec4f, then each adds its tile from there. Within a block lane (x, y) owns the quads of columns
// x, x + lanesX, … and the quads of rows y, y + lanesY, …: neighbouring lanes read neighbouring quads.
//   staged left  (depth, block rows)   staged right (depth, block columns), each row one quad longer against bank conflicts
// Barriers stand in uniform control flow, if m and k are uniform: constants, a uniform buffer, or a read-only one.
// Terms beyond K count as zero in both operands, so that what lies there, NaN included, has no effect.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { quadsOf, range, type Operand, type ProductPart, type ProductCut, type ProductWriter } from "./product-part.wgsl.ts";

/** The quad of `staged` at a term. */
const stagedAt = (v: ProductCut, side: "left" | "right", quad: string): string =>
  `staged[${side === "left" ? "" : `${v.depth * quadsOf(v, "left").stride}u + `}term * ${quadsOf(v, side).stride}u + ${quad}]`;

/**
 * Copies `depth` terms of an operand. `byRow`: the operand's rows are those of the block (its columns are k), so neighbouring
 * lanes take neighbouring k; otherwise its rows are k, and neighbouring lanes take neighbouring quads.
 */
function stage(v: ProductPart, side: "left" | "right", operand: Operand, byRow: boolean): string {
  const { along } = quadsOf(v, side);
  const [first, end] = side === "left" ? ["block_row", "m"] : ["block_col", `${v.n}u`];
  const row = (text: string) => operand.row?.(text) ?? text;
  const place = (c: number) => `min(at + ${c}u, ${end} - 1u)`;
  const numbers = range(4).map((c) => (byRow ? operand.at(row(place(c)), "k") : operand.at("k_row", place(c))));
  const scalars = `four = vec4f(${numbers.join(", ")});`;
  const read = byRow || !operand.at4 ? scalars : `if (at + 3u < ${end}) { four = ${operand.at4("k_row", "at")}; } else { ${scalars} }`;
  return wgsl`for (var t = lane; t < ${v.depth * along}u; t += ${v.lanesX * v.lanesY}u) {
      let quad = ${byRow ? `t / ${v.depth}u` : `t % ${along}u`};
      let term = ${byRow ? `t % ${v.depth}u` : `t / ${along}u`};
      let at = ${first} + quad * 4u;
      let k = k_start + term;
      var four = vec4f();
      if (k < ${v.k}) {
        #if ${!byRow}
        let k_row = ${row("k")};
        #endif
        ${read}
      }
      ${stagedAt(v, side, "quad")} = four;
    }`;
}

export const tiledStatements: ProductWriter = (v, left, right, bias, finish) => {
  const rows = range(v.tileRows),
    quads = range(v.tileCols / 4),
    rowQuads = range(v.tileRows / 4);
  const each = (statement: (i: number, j: number) => string) =>
    rows.map((i) => quads.map((j) => statement(i, j)).join(" ")).join("\n        ");
  const sums = rows.flatMap((i) => quads.flatMap((j) => range(4).map((c) => `sum_${i}_${j}[${c}]`)));
  return wgsl`if (block_row < m) {
    let lane_x = lane % ${v.lanesX}u;
    let lane_y = lane / ${v.lanesX}u;
    ${each((i, j) => `var sum_${i}_${j} = vec4f();`)}
    for (var k_start = 0u; k_start < ${v.k}; k_start += ${v.depth}u) {
    ${stage(v, "left", left, v.form !== "leftTransposed")}
    ${stage(v, "right", right, v.form === "rightTransposed")}
      workgroupBarrier();
      for (var term = 0u; term < ${v.depth}u; term++) {
        ${rowQuads.map((i) => `let left_${i} = ${stagedAt(v, "left", `lane_y + ${i * v.lanesY}u`)};`).join(" ")}
        ${quads.map((j) => `let right_${j} = ${stagedAt(v, "right", `lane_x + ${j * v.lanesX}u`)};`).join(" ")}
        ${each((i, j) => `sum_${i}_${j} = fma(vec4f(left_${i >> 2}[${i & 3}]), right_${j}, sum_${i}_${j});`)}
      }
      workgroupBarrier();
    }
    var sums = array<f32, ${sums.length}>(${sums.join(", ")});
    for (var i = 0u; i < ${v.tileRows}u; i++) {
      let out_row = block_row + (i / 4u * ${v.lanesY}u + lane_y) * 4u + i % 4u;
      for (var j = 0u; j < ${v.tileCols}u; j++) {
        let out_col = block_col + (j / 4u * ${v.lanesX}u + lane_x) * 4u + j % 4u;
        if (out_row < m && out_col < ${v.n}u) {
          let out_value = sums[i * ${v.tileCols}u + j]${bias ? ` + ${bias("out_col")}` : ""};
          ${finish("out_value", "out_row", "out_col")}
        }
      }
    }
  }`;
};
