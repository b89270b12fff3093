// The bound of f16 storage against f16 numbers made here by counting: k·2^e for k < 2048.

import { expect, it } from "vitest";
import { storedAsHalf } from "../../src/reference/half.ts";

/** The nearest f16 at most 65504 large, ties to even. */
function nearestHalf(value: number): number {
  const step = 2 ** Math.max(Math.floor(Math.log2(Math.abs(value))) - 10, -24),
    k = Math.abs(value) / step;
  const whole = Math.floor(k),
    rest = k - whole;
  const rounded = rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
  return Math.sign(value) * Math.min(65504, rounded * step);
}

const once = (value: number, bound = 0) => {
  const { values, bounds } = storedAsHalf({ values: Float64Array.of(value), bounds: Float64Array.of(bound) });
  return { value: values[0], bound: bounds[0] };
};

it("holds the nearest f16 of numbers of every size, and is not much wider than the worst of them", () => {
  for (let exponent = -30; exponent < 16; exponent++) {
    let worst = 0;
    for (let i = 0; i < 5000; i++) {
      const x = (i % 2 ? -1 : 1) * 2 ** exponent * (1 + i / 5000),
        { value, bound } = once(x);
      worst = Math.max(worst, Math.abs(nearestHalf(x) - value) / bound);
    }
    expect(worst, `2^${exponent}`).toBeLessThanOrEqual(1);
    // Below half of the smallest f16 all is 0, and the error the number itself.
    if (exponent >= -25) expect(worst, `2^${exponent}`).toBeGreaterThan(0.45);
  }
});

it("holds the f16 of whatever lies within the bound before", () => {
  for (const moved of [999.6, 1000, 1000.4]) {
    const { value, bound } = once(1000, 0.4);
    expect(Math.abs(nearestHalf(moved) - value)).toBeLessThanOrEqual(bound);
  }
});

it("a truncated number, one f16 off, is out of bounds", () => {
  const { value, bound } = once(1 + 0.9 * 2 ** -10);
  expect(Math.abs(1 - value)).toBeGreaterThan(bound);
});

it("what is too large is 65504, with the rounding of 65504; NaN stays NaN", () => {
  expect(once(1e6)).toEqual({ value: 65504, bound: 65504 * 2 ** -11 + 2 ** -25 });
  expect(once(-Infinity).value).toBe(-65504);
  expect(once(NaN).value).toBeNaN();
});
