// The mask is drawn on both sides from counters: its share, its independence, and what it depends on.

import { describe, expect, test } from "vitest";
import { dropoutThreshold, keyOf, philox4x32, STREAM } from "../../src/random.ts";
import { dropoutMask, dropoutScale } from "../../src/reference/dropout.ts";

const N = 20_000;
const meanOf = (mask: Uint8Array): number => mask.reduce((sum, bit) => sum + bit, 0) / mask.length;

describe.each([0.1, 0.5, 0.9])("rate %f", (rate) => {
  test("keeps its share of the numbers, within five standard deviations", () => {
    const kept = meanOf(dropoutMask(N, rate, 7, 3, 1));
    expect(Math.abs(kept - (1 - rate))).toBeLessThan(5 * Math.sqrt((rate * (1 - rate)) / N));
  });

  test("keeps the expectation", () => {
    expect((1 - rate) * dropoutScale(rate)).toBeCloseTo(1, 14);
  });
});

test("each element is the word of its counter against the threshold", () => {
  const mask = dropoutMask(11, 0.4, 2 ** 40 + 9, 5, 2);
  mask.forEach((bit, i) => {
    const word = philox4x32([i >>> 2, 5, 2, STREAM.dropout], keyOf(2 ** 40 + 9))[i & 3];
    expect(bit).toBe(Number(word >= Math.round(0.4 * 2 ** 32)));
  });
});

test.each([
  ["seed", [8, 3, 1]],
  ["step", [7, 4, 1]],
  ["layer", [7, 3, 2]],
] as const)("another %s, another mask", (_, [s, t, l]) => {
  const mask = dropoutMask(N, 0.5, 7, 3, 1);
  const other = dropoutMask(N, 0.5, s, t, l);
  const equal = mask.reduce((sum, bit, i) => sum + Number(bit === other[i]), 0) / N;
  expect(Math.abs(equal - 0.5)).toBeLessThan(0.02);
  expect(dropoutMask(N, 0.5, 7, 3, 1)).toEqual(mask);
});

test.each([2 ** 32 - 1, 2 ** 32, 2 ** 32 + 5, 2 ** 53 - 1])("step %d: both halves of its number enter the counter", (step) => {
  const low = Number(BigInt(step) & 0xffffffffn),
    high = Number(BigInt(step) >> 32n);
  const mask = dropoutMask(11, 0.4, 7, step, 2);
  mask.forEach((bit, i) => {
    const word = philox4x32([i >>> 2, low, 2, STREAM.dropout + 256 * high], keyOf(7))[i & 3];
    expect(bit).toBe(Number(word >= Math.round(0.4 * 2 ** 32)));
  });
  if (high > 0) expect(dropoutMask(N, 0.5, 7, step, 1)).not.toEqual(dropoutMask(N, 0.5, 7, low, 1));
});

test("a longer tensor begins with the mask of the shorter one", () => {
  expect(dropoutMask(100, 0.5, 1, 1, 1).slice(0, 37)).toEqual(dropoutMask(37, 0.5, 1, 1, 1));
});

test("the threshold stays a 32-bit word", () => {
  expect(dropoutThreshold(0)).toBe(0);
  expect(dropoutThreshold(0.5)).toBe(2 ** 31);
  expect(dropoutThreshold(1 - 2 ** -53)).toBe(2 ** 32 - 1);
});
