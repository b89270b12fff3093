// gated: what an LSTM and a GRU do at a time step around the product of recurrent.wgsl.ts. H units; blocks of H columns lie side by side.
//   forward    each number of the product becomes a gate, or what goes in; a barrier; then each unit its state
//   backward   each number of the product is G(t) of a unit: its δ follow at once
// The formulas are those of src/graph/gated.ts. Rounding: each is computed in its order there.

import { literal } from "./kernel.wgsl.ts";

/** σ of gates that follow a straight line between 0 and 1, as functions of z and of σ. NaN stays NaN. */
export const hardValue = (slope: number): string => `let v = ${literal(slope)} * z + 0.5;
  return select(select(v, 0.0, v < 0.0), 1.0, v > 1.0);`;
export const hardDerivative = (slope: number): string => `return select(0.0, ${literal(slope)}, v > 0.0 && v < 1.0);`;

/** Expressions of `row` (b·T + t), `example`, `t` and `col`. */
export interface GatedReads {
  readonly steps: number;
  /** H */
  readonly width: number;
  /** Functions of one number. */
  readonly sigma: string;
  readonly phi: string;
  /** The example's length, or null without padding. */
  readonly length: string | null;
  /** Number `col` of block `block` of what is kept, as a place that can be read and written. */
  readonly kept: (block: number) => string;
}

const head = ({ steps }: GatedReads): string => `let row = example * ${steps}u + t;`;
const atPadding = ({ length }: GatedReads, text: string): string => (length === null ? "" : `if (t >= ${length}) { ${text} return; }`);

export interface ForwardReads extends GatedReads {
  /** z at the column that an expression says. */
  readonly z: (col: string) => string;
  /** The bias of the product at `col`, or null. */
  readonly bias: string | null;
  /** Any number of what is kept, by its column. */
  readonly keptAt: (col: string) => string;
  /** h(t−1), and c(t−1) of an LSTM. */
  readonly before: string;
  readonly cellBefore: string;
  readonly h: string;
  readonly cell: string;
}

/** fn finish(product, example, col, t) and fn then(example, col, t) of an LSTM. */
export const lstmForwardFunctions = (finish: string, then: string, r: ForwardReads): string => `
fn ${finish}(product: f32, example: u32, col: u32, t: u32) {
  ${head(r)}
  ${atPadding(r, `${r.keptAt("col")} = 0.0;`)}
  let a = ${r.z("col")} + product;
  if (col / ${r.width}u == 2u) { ${r.keptAt("col")} = ${r.phi}(a); } else { ${r.keptAt("col")} = ${r.sigma}(a); }
}
fn ${then}(example: u32, col: u32, t: u32) {
  ${head(r)}
  ${atPadding(r, `${r.cell} = ${r.cellBefore}; ${r.h} = ${r.before};`)}
  let c = ${r.kept(1)} * ${r.cellBefore} + ${r.kept(0)} * ${r.kept(2)};
  ${r.cell} = c;
  ${r.h} = ${r.kept(3)} * ${r.phi}(c);
}
`;

/** The same of a GRU. What the last third of the product came to is kept in block 3. */
export const gruForwardFunctions = (finish: string, then: string, r: ForwardReads): string => `
fn ${finish}(product: f32, example: u32, col: u32, t: u32) {
  ${head(r)}
  let last = col >= ${2 * r.width}u;
  let place = select(col, col + ${r.width}u, last);
  ${atPadding(r, `${r.keptAt("place")} = 0.0;`)}
  let q = product${r.bias === null ? "" : ` + ${r.bias}`};
  if (last) { ${r.keptAt("place")} = q; } else { ${r.keptAt("place")} = ${r.sigma}(${r.z("col")} + q); }
}
fn ${then}(example: u32, col: u32, t: u32) {
  ${head(r)}
  ${atPadding(r, `${r.kept(2)} = 0.0; ${r.h} = ${r.before};`)}
  let g = ${r.phi}(${r.z(`(${2 * r.width}u + col)`)} + ${r.kept(1)} * ${r.kept(3)});
  ${r.kept(2)} = g;
  ${r.h} = ${r.kept(0)} * ${r.before} + (1.0 - ${r.kept(0)}) * g;
}
`;

export interface BackwardReads extends GatedReads {
  /** ∂C/∂h from above at the row that an expression says. */
  readonly gradient: (row: string) => string;
  /** Derivatives, functions of σ and φ. */
  readonly sigmaSlope: string;
  readonly phiSlope: string;
  /** Of an LSTM c(t) and c(t−1), of a GRU nothing and h(t−1). */
  readonly cell: string;
  readonly before: string;
  /** `direct` of the row that an expression says. */
  readonly direct: (row: string) => string;
  /** Number `col` of block `block` of δ, and of a GRU's recurrent δ. */
  readonly delta: (block: number) => string;
  readonly recurrent: (block: number) => string;
}

/** G(t), and what comes straight from t + 1. */
const gradientAt = (r: BackwardReads): string => `
  var total = ${r.gradient("row")} + product;
  var straight = 0.0;
  if (t < ${r.steps - 1}u) { straight = ${r.direct("(row + 1u)")}; }
  ${
    r.length === null
      ? ""
      : `if (t + 1u == ${r.length}) {
    for (var later = row + 1u; later < (example + 1u) * ${r.steps}u; later++) { total += ${r.gradient("later")}; }
  }`
  }`;

const nothing = (r: BackwardReads, blocks: number, ...of: ((block: number) => string)[]): string =>
  [...of.flatMap((place) => Array.from({ length: blocks }, (_, block) => `${place(block)} = 0.0;`)), `${r.direct("row")} = 0.0;`].join(" ");

/** fn finish(product, example, col, t) of an LSTM. */
export const lstmBackwardFunction = (finish: string, r: BackwardReads): string => `
fn ${finish}(product: f32, example: u32, col: u32, t: u32) {
  ${head(r)}
  ${atPadding(r, nothing(r, 4, r.delta))}${gradientAt(r)}
  let i = ${r.kept(0)};
  let f = ${r.kept(1)};
  let g = ${r.kept(2)};
  let o = ${r.kept(3)};
  let y = ${r.phi}(${r.cell});
  let d = total * o * ${r.phiSlope}(y) + straight;
  ${r.direct("row")} = d * f;
  ${r.delta(0)} = d * g * ${r.sigmaSlope}(i);
  ${r.delta(1)} = d * ${r.before} * ${r.sigmaSlope}(f);
  ${r.delta(2)} = d * i * ${r.phiSlope}(g);
  ${r.delta(3)} = total * y * ${r.sigmaSlope}(o);
}
`;

/** The same of a GRU. */
export const gruBackwardFunction = (finish: string, r: BackwardReads): string => `
fn ${finish}(product: f32, example: u32, col: u32, t: u32) {
  ${head(r)}
  ${atPadding(r, nothing(r, 3, r.delta, r.recurrent))}${gradientAt(r)}
  total += straight;
  let update = ${r.kept(0)};
  let reset = ${r.kept(1)};
  let g = ${r.kept(2)};
  let of_state = total * (1.0 - update) * ${r.phiSlope}(g);
  let of_update = total * (${r.before} - g) * ${r.sigmaSlope}(update);
  let of_reset = of_state * ${r.kept(3)} * ${r.sigmaSlope}(reset);
  ${r.direct("row")} = total * update;
  ${r.delta(0)} = of_update;
  ${r.delta(1)} = of_reset;
  ${r.delta(2)} = of_state;
  ${r.recurrent(0)} = of_update;
  ${r.recurrent(1)} = of_reset;
  ${r.recurrent(2)} = of_state * reset;
}
`;
