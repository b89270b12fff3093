// Curves in bounded memory.

import { expect, it } from "vitest";
import { Series } from "../../demo/lib/series.ts";

it("keeps every number while there are few", () => {
  const series = new Series();
  [3, 1, 2].forEach((value) => series.add(value));
  expect(series.steps()).toEqual([1, 2, 3]);
  expect(series.values(0)).toEqual([3, 1, 2]);
});

it("keeps means of neighbours when there are many, each with its last step", () => {
  const series = new Series();
  for (let i = 1; i <= 10_001; i++) series.add(i);
  const steps = series.steps(),
    values = series.values(0);
  expect(series.length).toBe(10_001);
  expect(steps.length).toBeLessThanOrEqual(2_000);
  expect(steps.at(-1)).toBe(10_001);
  // The first ones are kept as they are: a logarithmic axis begins with them.
  expect(steps.slice(0, 256)).toEqual(values.slice(0, 256));
  expect(steps.slice(0, 256)).toEqual(Array.from({ length: 256 }, (_, i) => i + 1));
  // Of whole numbers in a row the mean is halfway between the first and the last.
  steps.forEach((step, i) => expect(values[i]).toBe(((steps[i - 1] ?? 0) + 1 + step) / 2));
});

it("smooths without a pull towards 0, by the step and not by the entry, and over numbers that are none", () => {
  const constant = new Series(),
    broken = new Series();
  for (let i = 0; i < 5_000; i++) constant.add(7);
  for (const value of constant.values(0.99)) expect(value).toBeCloseTo(7, 10);
  [1, NaN, 1].forEach((value) => broken.add(value));
  expect(broken.values(0.5)).toEqual([1, NaN, 1]);
  const step = new Series();
  [0, 1].forEach((value) => step.add(value));
  expect(step.values(0.5)[1]).toBeCloseTo(0.5 / 0.75, 12);
});
