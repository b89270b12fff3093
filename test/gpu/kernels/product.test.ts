// The three matrix products and the row sum alone on the engine: the whole of the forward pass, BP2, BP4 and BP3.
// Sizes go around those of tiles (schedule/tiles.ts), because a wrong edge shows there and nowhere else. How a product is cut
// for other adapters: product-variants.test.ts.

import { describe, expect, it } from "vitest";
import type { ProductForm, Rows } from "../../../src/graph/types.ts";
import { chooseVariant, DEFAULT_ADAPTER } from "../../../src/schedule/tiles.ts";
import { itGpu } from "../../support/models.ts";
import { expectCaught, expectStep, normals, runStep, useGpu, type StepCase } from "../support.ts";

const gpu = useGpu();

/** [M, K, N] */
type Size = readonly [number, number, number];

const SIZES: readonly Size[] = [
  [1, 1, 1],
  // One column, one row, one term: each loop alone is empty or runs once.
  [7, 5, 1],
  [1, 5, 7],
  [5, 1, 7],
  // Rows: below, at and one past a tile, and past the second one.
  [15, 9, 8],
  [16, 9, 8],
  [17, 9, 8],
  [33, 3, 5],
  [63, 4, 3],
  [64, 4, 3],
  [65, 4, 3],
  // Columns: where four columns an invocation begin, and below, at and one past a workgroup.
  [4, 6, 15],
  [4, 6, 16],
  [4, 6, 17],
  [4, 6, 63],
  [4, 6, 64],
  [4, 6, 65],
  [3, 5, 130],
  // Both at once, all numbers odd; a long sum; the layer of the digits.
  [65, 33, 67],
  [3, 1001, 5],
  [32, 784, 128],
  // Wide.
  [2, 3, 4096],
  [3, 2, 4097],
  // So many blocks that they are staged in workgroup memory.
  [500, 33, 259],
];

function productCase(form: ProductForm, [m, k, n]: Size, bias = false): StepCase {
  const B = "batch";
  const shapes: Record<string, readonly [Rows, number]> = {
    normal: { left: [B, k], right: [k, n], out: [B, n] } as const,
    rightTransposed: { left: [B, k], right: [n, k], out: [B, n] } as const,
    leftTransposed: { left: [B, m], right: [B, n], out: [m, n] } as const,
  }[form];
  return {
    op: { type: "product", form, inputs: bias ? ["left", "right", "bias"] : ["left", "right"], outputs: ["out"] },
    shapes: { ...shapes, ...(bias ? { bias: [1, n] as const } : {}) },
    values: { left: normals(m * k, 1), right: normals(k * n, 2), bias: normals(n, 3) },
    batch: form === "leftTransposed" ? k : m,
  };
}

describe.each([
  ["normal", false],
  ["normal", true],
  ["rightTransposed", false],
  ["leftTransposed", false],
] as const)("product, %s, bias %s", (form, bias) => {
  it.each(SIZES)("M=%i K=%i N=%i", async (...size) => {
    await expectStep(gpu, productCase(form, size, bias));
  });

  // The last mini-batch of an epoch: the plan stays, the rows are fewer. What lies beyond is NaN, and must stay so.
  it.each([
    [33, 1],
    [33, 16],
    [33, 17],
    [64, 63],
    [7, 6],
  ])("batch %i with %i rows", async (batch, rows) => {
    const given = productCase(form, form === "leftTransposed" ? [9, rows, 21] : [rows, 9, 21], bias);
    await expectStep(gpu, { ...given, batch, rows });
  });

  itGpu("control: a term too few, or one number off by 10⁻⁵, is caught", async () => {
    const given = productCase(form, [17, 40, 65], bias);
    await expectCaught(gpu, { ...given, wrong: ["let k_begin = 0u", "let k_begin = 1u"] });
    await expectCaught(gpu, { ...given, wrong: [/let out_value = ([^;]*);/, "let out_value = ($1) * 1.00001;"] });
  });
});

describe("product", () => {
  it("meets tiles of every kind in these sizes", () => {
    const shapes = SIZES.map(([m, k, n]) => chooseVariant(m, n, k, { ...DEFAULT_ADAPTER, lanes: 64 }));
    expect(new Set(shapes.map(({ kind }) => kind))).toEqual(new Set(["direct", "workgroup"]));
    expect(new Set(shapes.map(({ tileRows }) => tileRows)).size).toBeGreaterThan(2);
    expect(new Set(shapes.map(({ lanesK }) => lanesK))).toEqual(new Set([1, 16]));
  });

  itGpu("control: rows beyond the mini-batch are seen when they are written", async () => {
    const given = productCase("normal", [5, 3, 4]);
    const { spilled } = await runStep(gpu, { ...given, batch: 16, rows: 5, wrong: ["let m = step.rows;", "let m = 16u;"] });
    expect(spilled).toBe(11 * 4);
  });

  itGpu("control: rows beyond the mini-batch spoil the result when they are read", async () => {
    const given = productCase("leftTransposed", [5, 3, 4]);
    await expectCaught(gpu, { ...given, batch: 16, rows: 3, wrong: ["let k_end = step.rows", "let k_end = 16u"] });
  });
});

describe("row sum (BP3)", () => {
  const sum = (rows: number, cols: number): StepCase => ({
    op: { type: "rowSum", inputs: ["x"], outputs: ["out"] },
    shapes: { x: ["batch", cols], out: [1, cols] },
    values: { x: normals(rows * cols, 4) },
    batch: rows,
  });

  // 64 columns of fewer than 8 rows are one workgroup; of more rows several lanes take one column.
  it.each([
    [1, 1],
    [1, 64],
    [7, 1],
    [5, 63],
    [5, 64],
    [5, 65],
    [128, 10],
    [33, 4096],
    [1000, 3],
  ])("%i rows of %i", async (rows, cols) => {
    await expectStep(gpu, sum(rows, cols));
  });

  it.each([
    [32, 1],
    [32, 31],
  ])("batch %i with %i rows", async (batch, rows) => {
    await expectStep(gpu, { ...sum(rows, 65), batch, rows });
  });

  itGpu("control: a row left out, or one beyond the mini-batch taken along, is caught", async () => {
    await expectCaught(gpu, { ...sum(7, 5), wrong: ["var row = 0u", "var row = 1u"] });
    await expectCaught(gpu, { ...sum(6, 5), batch: 7, rows: 6, wrong: ["row < step.rows", "row < 7u"] });
  });

  itGpu("control: a lane's rows left out, or one row beyond the mini-batch, is caught where lanes share a column", async () => {
    await expectCaught(gpu, { ...sum(33, 5), wrong: ["share = 1u", "share = 2u"] });
    await expectCaught(gpu, { ...sum(33, 5), wrong: ["var row = first", "var row = first + 1u"] });
    await expectCaught(gpu, { ...sum(33, 5), batch: 64, rows: 33, wrong: ["row < min(first + share, step.rows)", "row < first + share"] });
  });
});
