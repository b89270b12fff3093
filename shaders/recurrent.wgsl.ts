// recurrent: a recurrent layer through all its time steps, forward or back, by one workgroup for the examples that it owns.
//   forward    h(t) = σ(z(t) + h(t−1)·W)                    t ascending
//   backward   δ(t) = (g(t) + δ(t+1)·Wᵀ) ⊙ σ′(h(t))         t descending
// A barrier of the workgroup stands between time steps: rows of other workgroups are of other examples.
// Padding (t ≥ the example's length): h stays; δ is 0, and what is due there goes to the last step that counts.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import type { RecurrentActivation } from "../src/model/activations.ts";

export interface RecurrentVariant {
  /** T */
  readonly steps: number;
  /** Blocks of the product that the workgroup does for each time step, one after the other. */
  readonly blocks: number;
  /** Statements on `workgroup` and `lane`, of the product of one time step `t`. */
  readonly product: string;
  readonly backward: boolean;
  /** Statements that come when the product of a time step is done; "" for none. */
  readonly then: string;
}

export const recurrentStatements = ({ steps, blocks, product, backward, then }: RecurrentVariant): string => wgsl`
  for (var i = 0u; i < ${steps}u; i++) {
    #if ${backward}
    let t = ${steps - 1}u - i;
    #else
    let t = i;
    #endif
    for (var block = 0u; block < ${blocks}u; block++) {
      let workgroup = program * ${blocks}u + block;
      ${product}
    }
    storageBarrier();${then === "" ? "" : `\n    ${then}\n    storageBarrier();`}
  }`;

/** Calls `name` with each number of the states of the workgroup's examples. */
export const eachState = (lanes: number, examples: number, cols: number, name: string): string =>
  `for (var state = lane; state < ${examples * cols}u; state += ${lanes}u) {
      let example = program * ${examples}u + state / ${cols}u;
      if (example < step.rows) { ${name}(example, state % ${cols}u, t); }
    }`;

/** Reads and the place of the result, as expressions of `row` (b·T + t), `example`, `t` and `col`. */
export interface RecurrentReads {
  readonly steps: number;
  /** Forward z(t), backward g(t); `at` gives it at another row. */
  readonly own: (row: string) => string;
  /** h(t) backward, h(t−1) at padding forward. */
  readonly h: string;
  /** The example's length, or null without padding. */
  readonly length: string | null;
  readonly store: string;
}

/** fn name(product, example, col, t): what is done with each number of the product of a time step. */
export function recurrentForwardFunction(name: string, activation: string, r: RecurrentReads): string {
  return wgsl`
fn ${name}(product: f32, example: u32, col: u32, t: u32) {
  let row = example * ${r.steps}u + t;
  var value = ${activation}(${r.own("row")} + product);
  ${r.length === null ? "" : `if (t >= ${r.length}) { value = ${r.h}; }`}
  ${r.store} = value;
}
`;
}

export function recurrentBackwardFunction(name: string, derivative: string, r: RecurrentReads): string {
  const padding =
    r.length === null
      ? ""
      : `let length = ${r.length};
  if (t >= length) { ${r.store} = 0.0; return; }
  if (t + 1u == length) {
    for (var later = row + 1u; later < (example + 1u) * ${r.steps}u; later++) { total += ${r.own("later")}; }
  }`;
  return wgsl`
fn ${name}(product: f32, example: u32, col: u32, t: u32) {
  let row = example * ${r.steps}u + t;
  var total = ${r.own("row")} + product;
  ${padding}
  ${r.store} = total * ${derivative}(${r.h});
}
`;
}

/** The derivative of these three from h. */
export type { RecurrentActivation };
