// reduce: sums over whole tensors into single numbers: the mean loss, metrics, penalties, norms.
// A workgroup for each. Each lane sums every so many'th number in ascending order, then lane 0 adds the partial sums in lane
// order: the order is fixed, so a run repeats bit for bit.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";

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

/** Statements of all `lanes` invocations of a workgroup, on `lane` and the workgroup array `partial`. */
export const reduceStatements = (reductions: readonly Reduction[], lanes: number): string =>
  reductions.map(({ target, terms, finish }) => `{
    var total = 0.0;${terms.map((term) => sumTerm(term, lanes)).join("")}
    if (lane == 0u) { ${target} = ${finish}; }
  }`).join("\n  ");
