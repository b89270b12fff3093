// reduce: sums over whole tensors into single numbers: the mean loss, metrics, penalties, norms.
// A workgroup for each. Each lane sums every so many'th number in ascending order, then lane 0 adds the partial sums in lane
// order: the order is fixed, so a run repeats bit for bit. Long sums are done in blocks (blocked.wgsl.ts).

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { sumLoop, type BlockWriter } from "./kernel.wgsl.ts";

/** Σ over a tensor of f(number); `elements` and `f` are WGSL expressions, f of `v`. */
export interface SumTerm {
  /** Reads number `i`. */
  readonly number: string;
  readonly elements: string;
  /** How many there are at the most. */
  readonly atMost: number;
  readonly f: string;
  /** What it is summed in; null: one after the other. */
  readonly blocks: BlockWriter | null;
}

export interface Reduction {
  /** Where the result goes, as an assignable WGSL expression. */
  readonly target: string;
  readonly terms: readonly SumTerm[];
  /** What is stored, an expression of `total`. */
  readonly finish: string;
  /** Squares are summed, without overflow: `total` has the parts of norms.wgsl.ts. */
  readonly norm?: boolean;
}

/** How terms are added up: as they are, or their squares as norms.wgsl.ts has them, by NORM_FUNCTIONS. */
interface Addition {
  readonly type: string;
  /** What is added for a term, or for what a lane has handed on. */
  readonly add: (f: string) => string;
  /** One number for what a lane has added up. */
  readonly handOn: (sum: string) => string;
}

const PLAIN: Addition = { type: "f32", add: (f) => f, handOn: (sum) => sum };
const NORM: Addition = { type: "vec3f", add: (f) => `squares_of(${f})`, handOn: (sum) => `norm_of(${sum})` };

export const additionOf = ({ norm }: Reduction): Addition => (norm ? NORM : PLAIN);

const sumTerm = ({ number, elements, f, blocks }: SumTerm, { type, add, handOn }: Addition, lanes: number): string => wgsl`
    {
      var sum = ${type}();
      ${sumLoop({ name: "sum", type }, blocks, "i", "lane", elements, lanes, `let v = ${number}; sum += ${add(f)};`)}
      partial[lane] = ${handOn("sum")};
      workgroupBarrier();
      if (lane == 0u) {
        var all = ${type}();
        for (var i = 0u; i < ${lanes}u; i++) { all += ${add("partial[i]")}; }
        total += all;
      }
      workgroupBarrier();
    }`;

/** Statements of all `lanes` invocations of a workgroup, on `lane` and the workgroup array `partial`. */
export const reduceStatements = (reductions: readonly Reduction[], lanes: number): string =>
  reductions
    .map((reduction) => {
      const { target, terms, finish } = reduction,
        addition = additionOf(reduction);
      return `{
    var total = ${addition.type}();${terms.map((term) => sumTerm(term, addition, lanes)).join("")}
    if (lane == 0u) { ${target} = ${finish}; }
  }`;
    })
    .join("\n  ");
