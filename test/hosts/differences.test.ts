// How far weights lie apart, counted by hand.

import { expect, it } from "vitest";
import { differenceOf, differencesText } from "./differences.ts";

const next = (value: number, by = 1): number =>
  new Float32Array(new Int32Array([new Int32Array(Float32Array.of(value).buffer)[0] + by]).buffer)[0];

it("counts float32 numbers between two weights, through 0 as well", () => {
  expect(differenceOf([1, -2], [1, -2])).toEqual({ absolute: 0, scale: 2, ulps: 0, share: 0 });
  expect(differenceOf([1, 0.5], [next(1, 3), 0.5])).toEqual({ absolute: 3 * 2 ** -23, scale: 1, ulps: 3, share: 0.5 });
  expect(differenceOf([-1], [next(-1, 2)])).toMatchObject({ ulps: 2 });
  expect(differenceOf([2 ** -149], [-(2 ** -149)])).toMatchObject({ ulps: 2 });
  expect(differenceOf([1], [next(2, -1)]).ulps).toBe(2 ** 23 - 1);
});

it.each([
  [[1], [1, 2]],
  [[], []],
  [[NaN], [1]],
  [[1], [Infinity]],
])("%j and %j cannot be compared", (a, b) => {
  expect(() => differenceOf(a, b)).toThrow(/weight/);
});

it("says each pair once for each network", () => {
  const text = differencesText([
    ["chrome", { MLP: [1, 0.25] }],
    ["node", { MLP: [1, 0.25] }],
    ["deno", { MLP: [next(1), 0.25] }],
  ]);
  expect(text.split("\n")).toEqual([
    "MLP",
    "  chrome – node:        all 2 weights have the same bits",
    "  chrome – deno:        at most 1.2e-7 (largest weight 1.00), 1 ULP; 50 % of 2 weights differ",
    "  node – deno:          at most 1.2e-7 (largest weight 1.00), 1 ULP; 50 % of 2 weights differ",
  ]);
});
