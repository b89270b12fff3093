// Products in a persistent kernel for software: whatever the tile, each number of the result is handed on once, and is the sum of its
// products by the definition of a matrix product.

import { describe, expect, it } from "vitest";
import type { Graph, OpOf, ProductForm, Tensor } from "../../src/graph/types.ts";
import { BufferAccess } from "../../src/schedule/access.ts";
import { tiledProduct, tileFor } from "../../src/schedule/persistent-product.ts";
import { packWeights } from "../../src/schedule/places.ts";
import { FORMULAS } from "../support/formulas.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { program, runWorkgroup, stepWith } from "./run-wgsl.ts";

interface Shape {
  readonly form: ProductForm;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly bias?: boolean;
}

/** The operands as they are stored; rows of the mini-batch are M, or K where the left operand is transposed. */
function graphOf({ form, m, n, k, bias = false }: Shape): { graph: Graph; op: OpOf<"product">; batch: number } {
  const shapes: Record<string, readonly [Tensor["rows"], number]> =
    form === "normal"
      ? { left: ["batch", k], right: [k, n], out: ["batch", n] }
      : form === "rightTransposed"
        ? { left: ["batch", k], right: [n, k], out: ["batch", n] }
        : { left: ["batch", m], right: ["batch", n], out: [m, n] };
  const tensors = new Map(
    Object.entries({ ...shapes, bias: [1, n] as const }).map(([name, [rows, cols]]): [string, Tensor] => [
      name,
      { name, role: "parameter", rows, cols },
    ]),
  );
  const op: OpOf<"product"> = { type: "product", form, inputs: ["left", "right", ...(bias ? ["bias"] : [])], outputs: ["out"] };
  return { graph: { purpose: "train", tensors, ops: [op], output: "out", seed: 1 }, op, batch: form === "leftTransposed" ? k : m };
}

/** Whole numbers, so that sums are exact. */
const number = (i: number): number => ((i * 7919) % 23) - 11;

/** Where text and definition differ. @param rows of the mini-batch, at most as many as planned */
function mistakes(shape: Shape, quads: boolean, rows?: number, change = (text: string) => text): string[] {
  const { graph, op, batch } = graphOf(shape),
    { form, n, bias } = shape,
    now = rows ?? batch,
    m = form === "leftTransposed" ? shape.m : now,
    k = form === "leftTransposed" ? now : shape.k;
  const sizes = {
    left: batch * (form === "leftTransposed" ? m : k),
    right: form === "leftTransposed" ? batch * n : k * n,
    bias: n,
    out: shape.m * n,
  };
  const places = packWeights(Object.entries(sizes)),
    access = new BufferAccess(graph, batch, places, new Map(), FORMULAS);
  const weights = new Float32Array(1 + Math.max(...[...places.values()].map(({ offset, elements }) => offset + elements)));
  const at = (tensor: string, i: number) => weights[places.get(tensor)!.offset + i];
  for (const { offset, elements } of places.values()) for (let i = 0; i < elements; i++) weights[offset + i] = number(offset + i);
  const { text } = tiledProduct(graph, batch, op, access, quads, "handOn(row, col, element, value);");
  const seen = new Map<string, number>(),
    wrong: string[] = [];
  const handOn = (row: bigint, col: bigint, element: bigint, value: number) => {
    const [i, j] = [Number(row), Number(col)];
    seen.set(`${i},${j}`, (seen.get(`${i},${j}`) ?? 0) + 1);
    let sum = bias ? at("bias", j) : 0;
    for (let t = 0; t < k; t++) {
      const left = form === "leftTransposed" ? at("left", t * m + i) : at("left", i * k + t);
      sum += left * (form === "rightTransposed" ? at("right", j * k + t) : at("right", t * n + j));
    }
    if (value !== sum || element !== row * BigInt(n) + col) wrong.push(`${i},${j} is ${value}, not ${sum}`);
  };
  runWorkgroup(program("", change(text)), { weights, step: stepWith(now), handOn }, 4);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) if (seen.get(`${i},${j}`) !== 1) wrong.push(`${i},${j}: ${seen.get(`${i},${j}`) ?? 0} times`);
  return seen.size === m * n ? wrong : [...wrong, `${seen.size} numbers, not ${m * n}`];
}

const FORMS = ["normal", "rightTransposed", "leftTransposed"] as const;
const SIZES = [
  [1, 1, 1],
  [7, 3, 10],
  [4, 10, 2],
  [33, 2, 1],
  [9, 17, 5],
  [32, 24, 3],
] as const;
const CASES = FORMS.flatMap((form) =>
  SIZES.flatMap(([m, n, k]) => [false, true].map((quads) => [form, m, n, k, quads ? "quads" : "no quads", quads] as const)),
);

describe("a product", () => {
  it.each(CASES)("%s, %i × %i of %i terms, %s: each number once, and right", (form, m, n, k, _, quads) => {
    expect(mistakes({ form, m, n, k }, quads)).toEqual([]);
    expect(mistakes({ form, m, n, k, bias: true }, quads)).toEqual([]);
  });

  it.each(FORMS)("%s: of a mini-batch with fewer rows than planned", (form) => {
    for (const quads of [false, true]) expect(mistakes({ form, m: 33, n: 10, k: 33 }, quads, 5)).toEqual([]);
  });

  it("shares reads by broadcasts where there are quads and rows enough, and not elsewhere", () => {
    const { graph, op, batch } = graphOf({ form: "normal", m: 64, n: 48, k: 3 });
    const access = new BufferAccess(graph, batch, packWeights([...graph.tensors.keys()].map((name) => [name, 1])), new Map(), FORMULAS);
    for (const quads of [false, true]) {
      const { text, broadcasts } = tiledProduct(graph, batch, op, access, quads, "");
      expect(broadcasts).toBe(quads);
      expect(text.includes("quadBroadcast")).toBe(quads);
    }
  });

  it("control: an edge that is not guarded, a term too few and a wrong broadcast are found", () => {
    const shape = { form: "normal", m: 9, n: 17, k: 5 } as const;
    const guard = /if \(row < step\.rows && col < 17u\)/;
    expect(mistakes(shape, false, 9, (text) => replaceOrThrow(text, guard, ""))).not.toEqual([]);
    expect(mistakes(shape, false, 9, (text) => replaceOrThrow(text, "k < 5u", "k < 4u"))).not.toEqual([]);
    const large = { form: "normal", m: 64, n: 48, k: 3 } as const;
    expect(mistakes(large, true, 64, (text) => replaceOrThrow(text, "quadBroadcast(quad_0, 1u)", "quadBroadcast(quad_0, 2u)"))).not.toEqual(
      [],
    );
  });
});

describe("a tile", () => {
  const LANES = 4,
    sizes = [1, 2, 3, 5, 8, 17, 64, 200];
  const all = sizes.flatMap((m) => sizes.flatMap((n) => [1, 10, 100].flatMap((k) => [true, false].map((quads) => ({ m, n, k, quads })))));

  it("has at most 32 numbers a lane, and lanes that fill whole rows of lanes", () => {
    for (const { m, n, k, quads } of all) {
      const { rows, cols, across } = tileFor(m, n, k, quads);
      expect(rows * cols).toBeLessThanOrEqual(32);
      expect(LANES % across).toBe(0);
    }
  });

  it("wastes no lane's numbers on what fits a smaller one: one number has one lane with one number", () => {
    expect(tileFor(1, 1, 10, false)).toMatchObject({ rows: 1, cols: 1 });
    // Eight numbers side by side: two blocks of four, or one of eight; in any case one row.
    expect(tileFor(1, 8, 10, false)).toMatchObject({ rows: 1, across: 4 });
    expect(tileFor(8, 1, 10, false)).toMatchObject({ cols: 1, across: 1 });
  });

  it("reads less a term than single numbers would, where the product is large", () => {
    for (const quads of [true, false]) {
      const { rows, cols } = tileFor(64, 64, 64, quads);
      // A tile reads rows + cols numbers for rows·cols multiplications; single numbers read 2 for 1.
      expect((rows + cols) / (rows * cols)).toBeLessThan(1);
    }
  });
});
