// The distances that other tests trust: a comparison that NaN or a missing number passes would prove nothing.

import { expect, it } from "vitest";
import { sameBits, worstError } from "./compare.ts";

it("takes the largest distance", () => {
  expect(worstError([1, 2, 3], Float32Array.of(1, 2.5, 2.75))).toBe(0.5);
  expect(worstError([], [])).toBe(0);
});

it.each([
  ["NaN on the left", [1, NaN], [1, 2]],
  ["NaN on the right", [1, 2], [NaN, 2]],
  ["NaN on both sides", [NaN], [NaN]],
  ["infinity", [Infinity], [Infinity]],
  ["NaN before a larger distance", [NaN, 9], [1, 1]],
  ["a number too few", [1], [1, 2]],
  ["nothing", [], [1]],
  ["undefined", [undefined as never], [1]],
])("%s is infinitely far", (_, actual, expected) => {
  expect(worstError(actual, expected)).toBe(Infinity);
  // And no bound lets it pass.
  expect(worstError(actual, expected) <= Number.MAX_VALUE).toBe(false);
});

it("tells bits apart that compare as equal", () => {
  expect(sameBits(Float32Array.of(0, 1), Float32Array.of(0, 1))).toBe(true);
  expect(sameBits(Float32Array.of(0), Float32Array.of(-0))).toBe(false);
  expect(sameBits(Float32Array.of(1), Float32Array.of(1 + 2 ** -23))).toBe(false);
  expect(sameBits(Float32Array.of(1), Float32Array.of(1, 2))).toBe(false);
});
