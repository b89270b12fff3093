// reduce: sums over whole tensors into single numbers: the mean loss, metrics, penalties, norms.
// One workgroup. Each lane sums every 256th number in ascending order, then lane 0 adds the 256 partial sums in lane
// order: the order is fixed, so a run repeats bit for bit.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { declare, type BufferDeclaration } from "./kernel.wgsl.ts";

export const REDUCE_LANES = 256;

/** Σ over a tensor of f(number); `elements` and `f` are WGSL expressions, f of `v`. */
export interface SumTerm {
  /** Reads number `i`. */
  readonly number: string;
  readonly elements: string;
  /** How many there are at the most. */
  readonly atMost: number;
  readonly f: string;
}

export interface Reduction {
  /** Where the result goes, as an assignable WGSL expression. */
  readonly target: string;
  /** What the sum starts from: 0.0, or what an earlier launch left in `target`. */
  readonly start: string;
  readonly terms: readonly SumTerm[];
  /** What is stored, an expression of `total`. */
  readonly finish: string;
}

const sumTerm = ({ number, elements, f }: SumTerm, lanes: number): string => wgsl`
    {
      var sum = 0.0;
      for (var i = lane; i < ${elements}; i += ${lanes}u) {
        let v = ${number};
        sum += ${f};
      }
      partial[lane] = sum;
      workgroupBarrier();
      if (lane == 0u) {
        var all = 0.0;
        for (var i = 0u; i < ${lanes}u; i++) { all += partial[i]; }
        total += all;
      }
      workgroupBarrier();
    }`;

/** Sums of at most so many numbers are not worth a barrier: one lane adds them up. */
const SERIAL = 128;

/**
 * Like reduceStatements, for a workgroup where barriers are what costs: a reduction of few numbers is done by one lane,
 * each reduction by another one.
 */
export const reduceFewStatements = (reductions: readonly Reduction[], lanes: number): string =>
  reductions.map((reduction, i) => {
    const { target, start, terms, finish } = reduction;
    if (terms.some(({ atMost }) => atMost > SERIAL)) return reduceStatements([reduction], lanes);
    return wgsl`if (lane == ${i % lanes}u) {
      var total = ${start};
      ${terms.map(({ number, elements, f }) =>
        `for (var i = 0u; i < ${elements}; i++) { let v = ${number}; total += ${f}; }`).join("\n      ")}
      ${target} = ${finish};
    }`;
  }).join("\n    ");

/** Statements of all `lanes` invocations of a workgroup, on `lane` and the workgroup array `partial`. */
export const reduceStatements = (reductions: readonly Reduction[], lanes: number): string =>
  reductions.map(({ target, start, terms, finish }) => `{
    var total = ${start};${terms.map((term) => sumTerm(term, lanes)).join("")}
    if (lane == 0u) { ${target} = ${finish}; }
  }`).join("\n  ");

export const reduceKernel = (
  buffers: readonly BufferDeclaration[], functions: string, reductions: readonly Reduction[],
): string => wgsl`${declare(buffers)}${functions}
var<workgroup> partial: array<f32, ${REDUCE_LANES}>;

@compute @workgroup_size(${REDUCE_LANES})
fn main(@builtin(local_invocation_index) lane: u32) {
  ${reduceStatements(reductions, REDUCE_LANES)}
}
`;
