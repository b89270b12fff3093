// What blocks.ts hands on: sums in blocks of blocks, run here with numbers that know how many roundings they met; products staged in
// workgroup memory, which a plan with large products on a GPU cannot do without.

import { describe, expect, it } from "vitest";
import { sumLoop } from "../../shaders/kernel.wgsl.ts";
import { blocks, staged } from "../../src/schedule/blocks.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { FORMULAS } from "../support/formulas.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { runnable } from "../support/wgsl-in-js.ts";
import { graphOf } from "./networks.ts";

/** A number, the most roundings that any term of it met, and how many terms it has. */
interface Counted {
  readonly sum: number;
  readonly roundings: number;
  readonly terms: number;
}
const ZERO: Counted = { sum: 0, roundings: 0, terms: 0 };

/** Adding to 0 is exact. */
const add = (a: Counted, b: Counted): Counted =>
  a.terms === 0
    ? b
    : b.terms === 0
      ? a
      : { sum: a.sum + b.sum, roundings: Math.max(a.roundings, b.roundings) + 1, terms: a.terms + b.terms };

/** The sum of 0 … n − 1, in `levels` of blocks (0: one after the other), every `stride`-th term from `first` on. */
function sum(n: number, levels: number, { first = 0, stride = 1, change = (text: string) => text } = {}): Counted {
  const loop = sumLoop(
    { name: "total", type: "zero" },
    levels > 0 ? blocks(levels) : null,
    "i",
    `${first}u`,
    `${n}u`,
    stride,
    "total += term(i);",
  );
  const text = change(`var total = zero(); ${loop} return total;`).replace(
    /(\w+) \+= (\w+(?:\(i\))?);/g,
    (whole, to: string, from: string) => (/^(total|sum)/.test(to) ? `${to} = add(${to}, ${from});` : whole),
  );
  const scope = { zero: () => ZERO, add, term: (i: bigint): Counted => ({ sum: Number(i), roundings: 0, terms: 1 }) };
  return runnable([], text, { scope })() as Counted;
}

const triangle = (n: number): number => (n * (n - 1)) / 2;

describe("a sum in blocks of blocks", () => {
  // Sizes below, at and one past a block, and a block of blocks.
  it.each([1, 31, 32, 33, 1000, 1024, 1025, 32768, 40001])("of %i terms has each of them once", (n) => {
    for (const levels of [1, 2, 3]) expect(sum(n, levels)).toMatchObject({ sum: triangle(n), terms: n });
  });

  it("has every lane's terms where lanes share it", () => {
    for (const first of [0, 1, 6]) {
      const terms = Array.from({ length: 5000 }, (_, i) => i).filter((i) => i % 7 === first);
      expect(sum(5000, 2, { first, stride: 7 })).toMatchObject({ sum: terms.reduce((a, b) => a + b), terms: terms.length });
    }
  });

  it.each([
    [1024, 1],
    [32768, 2],
    [40_001, 3],
  ])("of %i terms in %i levels meets 33 roundings a level at the most, and would meet all of them one after the other", (n, levels) => {
    expect(sum(n, levels).roundings).toBeLessThanOrEqual(33 * (levels + 1));
    expect(sum(n, 0).roundings, "control").toBe(n - 1);
  });

  it("control: blocks that are never moved up, or never added at the end, lose terms or digits", () => {
    const never = sum(32768, 2, { change: (text) => replaceOrThrow(text, "blocks % 32n == 0n".replace(/n/g, "u"), "false") });
    expect(never.roundings).toBeGreaterThan(33 * 3);
    const lost = sum(32768, 2, { change: (text) => replaceOrThrow(text, "total += total_up1;", "") });
    expect(lost.terms).toBeLessThan(32768);
  });
});

describe("products staged in workgroup memory", () => {
  const graph = graphOf({ widths: [1024, 1024, 1024], purpose: "evaluate" });
  const without = { ...FORMULAS, staged: undefined };

  it("are what large products on a GPU are, and a plan without their writer says which is missing", () => {
    const { launches } = new Plan(graph, { batch: 4096, formulas: FORMULAS });
    const products = launches.flatMap(({ products = [] }) => products);
    expect(products.map(({ shape: { kind } }) => kind)).toContain("workgroup");
    expect(launches.map(({ source }) => source).join("\n")).toContain("var<workgroup> staged: array<vec4f,");
    expect(() => new Plan(graph, { batch: 4096, formulas: without })).toThrow("the formula of workgroup was not loaded");
  });

  it("are not needed by small ones: control", () => {
    const { launches } = new Plan(graphOf({ widths: [8, 8] }), { batch: 4, formulas: without });
    expect(launches.map(({ source }) => source).join("\n")).not.toContain("staged");
  });

  it("go through all terms of K, `depth` at a time, with a barrier of all lanes before and after these are read", () => {
    const text = staged(
      {
        kind: "workgroup",
        tileRows: 4,
        tileCols: 4,
        lanesX: 2,
        lanesY: 2,
        lanesK: 1,
        unroll: 1,
        broadcast: false,
        depth: 8,
        form: "normal",
        m: "m_rows",
        n: 8,
        k: "k_terms",
      },
      { at: (row, col) => `left(${row}, ${col})` },
      { at: (row, col) => `right(${row}, ${col})` },
      null,
      (value, row, col) => `out(${value}, ${row}, ${col});`,
    );
    expect(text).toMatch(/for \(var k_start = 0u; k_start < k_terms; k_start \+= 8u\)/);
    const loop = text.slice(text.indexOf("k_start += 8u"), text.indexOf("out("));
    expect(loop.match(/workgroupBarrier\(\);/g)).toHaveLength(2);
    // A lane owns 4 × 4 numbers.
    expect(text).toContain("array<f32, 16>");
  });
});
