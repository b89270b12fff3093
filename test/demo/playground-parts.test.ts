// What the playground computes on the page itself: its points, its features, and where the answer is ½.

import { describe, expect, it } from "vitest";
import { contour } from "../../demo/rooms/playground/contour.ts";
import { FIELDS, PROBLEMS } from "../../demo/rooms/playground/config.ts";
import { featureRows, gridPoints } from "../../demo/rooms/playground/features.ts";
import { long, short } from "../../demo/lib/format.ts";
import { drawPoints, splitPoints } from "../../demo/rooms/playground/points.ts";

const ones = (classes: Uint8Array): number => classes.reduce((sum, label) => sum + label, 0);

describe.each(PROBLEMS.filter((problem) => problem !== "own"))("%s", (problem) => {
  it.each([0, 0.05, 0.5])("draws points of both classes within the plane at noise %d, the same from the same seed", (noise) => {
    const points = drawPoints(problem, noise, 1);
    expect(ones(points.classes)).toBe(points.classes.length / 2);
    expect(points.xy.every((value) => Math.abs(value) <= 1)).toBe(true);
    expect(drawPoints(problem, noise, 1)).toEqual(points);
    if (noise > 0) expect(drawPoints(problem, noise, 2)).not.toEqual(points);
  });
});

it.each([0.1, 0.5, 0.9])("splits %d of each class off, and loses no point", (share) => {
  const points = drawPoints("xor", 0.05, 1),
    { train, test } = splitPoints(points, share, 1);
  expect([train.classes.length, ones(train.classes)]).toEqual([400 * share, 200 * share]);
  const all = (xy: Float32Array) => [...xy.keys()].filter((i) => i % 2 === 0).map((i) => `${xy[i]} ${xy[i + 1]}`);
  expect([...all(train.xy), ...all(test.xy)].sort()).toEqual(all(points.xy).sort());
});

it("keeps a point of each class on both sides of the smallest split", () => {
  const few = { xy: Float32Array.from({ length: 8 }, (_, i) => i / 10), classes: Uint8Array.of(0, 0, 1, 1) };
  const { train, test } = splitPoints(few, 0.9, 5);
  for (const { classes } of [train, test]) expect([...classes].sort()).toEqual([0, 1]);
});

it("gives features by their names, and a grid with the top row first", () => {
  expect([...featureRows(["x", "xx", "xy", "siny"], [0.5, -0.5])]).toEqual([0.5, 0.25, -0.25, -1]);
  expect([...gridPoints(2)]).toEqual([-0.5, 0.5, 0.5, 0.5, -0.5, -0.5, 0.5, -0.5]);
});

it("finds the line where a plane of answers passes a level", () => {
  const side = 8,
    grid = gridPoints(side),
    level = 0.3;
  const lines = contour(
    Float64Array.from({ length: side * side }, (_, i) => grid[2 * i] + 2 * grid[2 * i + 1]),
    side,
    level,
  );
  expect(lines.length).toBeGreaterThan(4 * 4);
  for (let i = 0; i < lines.length; i += 2) expect(lines[i] + 2 * lines[i + 1]).toBeCloseTo(level, 6);
  expect(contour(new Float32Array(side * side), side, level)).toEqual([]);
});

it("writes numbers as books do", () => {
  expect([0, -0.25, 1234.5678, -1.39e-5, 2e10, NaN].map((value) => short(value))).toEqual([
    "0",
    "−0.25",
    "1235",
    "−1.39·10⁻⁵",
    "2.00·10¹⁰",
    "NaN",
  ]);
  expect(long(-0.123456789)).toBe("−0.123456789");
});

it("takes no link without features, or with one twice", () => {
  expect(FIELDS.features.read("y,x")).toEqual(["x", "y"]);
  for (const text of ["", "x,x", "z", "x,"]) expect(FIELDS.features.read(text)).toBeUndefined();
});
