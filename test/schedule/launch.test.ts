// The small arithmetic of a launch: rows and means of a tensor as WGSL says them, grids within a device's limits, and the size of a step's
// numbers.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { STEP_STRUCT } from "../../shaders/kernel.wgsl.ts";
import type { Tensor } from "../../src/graph/types.ts";
import { flatGrid, MAX_WORKGROUPS, meanOver, rowsExpression, STEP_BYTES } from "../../src/schedule/launch.ts";
import { valueOf } from "../support/wgsl-in-js.ts";

const tensor = (rows: Tensor["rows"], timesteps?: number): Tensor => ({ name: "t", role: "intermediate", rows, cols: 3, timesteps });
/** A mini-batch of 6 examples. */
const step = { rows: 6n, inverse_rows: 1 / 6 };

describe("the rows of a tensor", () => {
  it.each([
    ["a weight's are fixed", tensor(128), 128n],
    ["one an example", tensor("batch"), 6n],
    ["one time step", tensor("batch", 1), 6n],
    ["T an example where it is a sequence", tensor("batch", 20), 120n],
  ])("%s", (_, of, rows) => {
    expect(valueOf([], rowsExpression(of), { step })()).toBe(rows);
  });

  it("follow the mini-batch, which may be smaller than the plan's: control", () => {
    expect(valueOf([], rowsExpression(tensor("batch", 20)), { step: { rows: 1n } })()).toBe(20n);
  });
});

describe("the mean over the rows of a mini-batch", () => {
  it.each([1, 2, 20, 7])("of %i time steps divides by all of them", (T) => {
    const mean = valueOf([], meanOver(tensor("batch", T)), { step })() as number;
    // 1/T is a float32 in the text.
    expect(Math.abs(mean * 6 * T - 1)).toBeLessThanOrEqual(2 ** -24);
    expect(Math.abs(mean * 6 * (T + 1) - 1), "control: one time step more").toBeGreaterThan(0.01);
  });

  it("is one factor wherever it is put", () => {
    expect(valueOf(["x"], `x / ${meanOver(tensor("batch", 2))}`, { step })(1)).toBe(12);
  });
});

describe("a grid", () => {
  /** What is wrong with a grid for so many workgroups. */
  const faults = ([x, y]: readonly [number, number], workgroups: number, most: number): string[] => [
    ...(Number.isInteger(x) && Number.isInteger(y) && x >= 1 && y >= 1 ? [] : ["not whole"]),
    ...(x <= most ? [] : ["too wide"]),
    ...(x * y >= workgroups ? [] : ["too few"]),
    ...(x * (y - 1) < workgroups ? [] : ["an empty row"]),
  ];

  it("has a workgroup for all, no row too many, and no more in x than a dimension holds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 33 }), fc.integer({ min: 1, max: 2 ** 17 }), (workgroups, most) => {
        expect(faults(flatGrid(workgroups, most), workgroups, most)).toEqual([]);
      }),
      { seed: 1 },
    );
  });

  it.each([
    [1, [1, 1]],
    [MAX_WORKGROUPS, [65535, 1]],
    [MAX_WORKGROUPS + 1, [65535, 2]],
    [2 * MAX_WORKGROUPS, [65535, 2]],
    [2 * MAX_WORKGROUPS + 1, [65535, 3]],
  ])("of %i workgroups is %j", (workgroups, grid) => {
    expect(flatGrid(workgroups, MAX_WORKGROUPS)).toEqual(grid);
  });

  it("control: wrong ones are found", () => {
    expect(faults([65536, 1], 65536, MAX_WORKGROUPS)).toEqual(["too wide"]);
    expect(faults([65535, 1], 65536, MAX_WORKGROUPS)).toEqual(["too few"]);
    expect(faults([65535, 3], 65536, MAX_WORKGROUPS)).toEqual(["an empty row"]);
  });
});

it("the numbers of a step take as many bytes as their struct, all of whose members are four", () => {
  const members = [...STEP_STRUCT.matchAll(/^\s+(\w+): (\w+),/gm)].map(([, , type]) => type);
  expect(members.length).toBeGreaterThan(4);
  expect(members.every((type) => type === "u32" || type === "f32")).toBe(true);
  expect(STEP_BYTES).toBe(4 * members.length);
});
