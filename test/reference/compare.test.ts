// What compares tensors decides every other verdict: it must see each wrong number, and never take NaN for a right one.

import { expect, test } from "vitest";
import { compareTensor, given } from "../../src/reference/bounds.ts";

const expected = { values: Float64Array.of(1, -2, 3), bounds: Float64Array.of(0.1, 0.1, 0.1) };

test("numbers within their bounds pass, and the worst of them is named", () => {
  const comparison = compareTensor("a1", [1.05, -2, 2.91], expected);
  expect(comparison).toMatchObject({ name: "a1", worstIndex: 2, gpu: 2.91, reference: 3, bound: 0.1, ok: true });
  expect(comparison.ratio).toBeCloseTo(0.9, 5);
});

test("control: one number out of bounds fails", () => {
  expect(compareTensor("a1", [1, -2.11, 3], expected)).toMatchObject({ worstIndex: 1, ok: false });
});

// error > bound is false for NaN: the naive comparison would let it pass.
test.each([NaN, Infinity, -Infinity])("%f from the GPU never passes, whatever the bound", (wrong) => {
  for (const bound of [0.1, Infinity, NaN]) {
    const wide = { values: expected.values, bounds: expected.bounds.map(() => bound) };
    expect(compareTensor("a1", [1, wrong, 3], wide)).toMatchObject({ ok: false, ratio: Infinity });
  }
});

test.each([NaN, Infinity])("%f in the reference never passes, not even beside itself", (wrong) => {
  const broken = { values: Float64Array.of(1, wrong, 3), bounds: Float64Array.of(1, 1, 1) };
  expect(compareTensor("a1", [1, wrong, 3], broken).ok).toBe(false);
});

// A bound that allows everything checks nothing.
test.each([NaN, Infinity])("a bound of %f never passes", (bound) => {
  expect(compareTensor("a1", [1], { values: Float64Array.of(1), bounds: Float64Array.of(bound) }).ok).toBe(false);
});

test("a bound of zero asks for the very number", () => {
  const label = { values: Float64Array.of(7), bounds: Float64Array.of(0) };
  expect(compareTensor("y", [7], label)).toMatchObject({ ok: true, ratio: 0 });
  expect(compareTensor("y", [8], label).ok).toBe(false);
});

test("tensors of different length are a mistake, not a mismatch", () => {
  expect(() => compareTensor("a1", [1, 2], expected)).toThrow("a1 has 2 numbers but its reference has 3");
});

test("what is given is known to float32", () => {
  const { bounds } = given([0.5, 0.1]);
  expect(bounds[0]).toBe(0);
  expect(bounds[1]).toBe(Math.abs(0.1 - Math.fround(0.1)));
});
