// Initializers: range, mean and variance of each as its source promises, and what is refused.

import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import {
  checkInitializer, glorotNormal, glorotUniform, heNormal, heUniform, initialize, lecunNormal, ones, randomNormal,
  randomUniform, zeros, type Initializer,
} from "../../src/model/initializers.ts";
import { RandomSequence, STREAM } from "../../src/random.ts";

const FAN_IN = 120, FAN_OUT = 80, N = FAN_IN * FAN_OUT;
const fill = (spec: Initializer, seed = 4): Float32Array =>
  initialize(spec, N, FAN_IN, FAN_OUT, new RandomSequence(seed, STREAM.initialization));
const moments = (values: Float32Array) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
};
/** A normal cut at ±2σ is wider than what it is cut from by this, so that its variance is the promised one. */
const CUT = 2 / 0.87962566103423978;

describe.each([
  ["glorotUniform", glorotUniform(), 0, 2 / (FAN_IN + FAN_OUT), Math.sqrt(6 / (FAN_IN + FAN_OUT))],
  ["glorotNormal", glorotNormal(), 0, 2 / (FAN_IN + FAN_OUT), CUT * Math.sqrt(2 / (FAN_IN + FAN_OUT))],
  ["heUniform", heUniform(), 0, 2 / FAN_IN, Math.sqrt(6 / FAN_IN)],
  ["heNormal", heNormal(), 0, 2 / FAN_IN, CUT * Math.sqrt(2 / FAN_IN)],
  ["lecunNormal", lecunNormal(), 0, 1 / FAN_IN, CUT * Math.sqrt(1 / FAN_IN)],
  ["randomNormal", randomNormal({ mean: 1, stddev: 0.2 }), 1, 0.04, Infinity],
  ["randomUniform", randomUniform({ minval: -1, maxval: 3 }), 1, 16 / 12, 2],
] as const)("%s", (_, spec, mean, variance, range) => {
  const values = fill(spec);

  test("has the promised mean and variance, within five standard errors", () => {
    const measured = moments(values);
    expect(Math.abs(measured.mean - mean)).toBeLessThan(5 * Math.sqrt(variance / N));
    expect(Math.abs(measured.variance / variance - 1)).toBeLessThan(5 * Math.sqrt(2 / N));
  });

  test("stays in its range and nearly fills it", () => {
    const farthest = Math.max(...values.map((value) => Math.abs(value - mean)));
    expect(farthest).toBeLessThanOrEqual(range * (1 + 2 ** -23));
    if (Number.isFinite(range)) expect(farthest).toBeGreaterThan(0.98 * range);
  });

  test("repeats for a seed and differs for another", () => {
    expect(fill(spec)).toEqual(values);
    expect(fill(spec, 5)).not.toEqual(values);
  });
});

test("zeros and ones", () => {
  expect(new Set(fill(zeros()))).toEqual(new Set([0]));
  expect(new Set(fill(ones()))).toEqual(new Set([1]));
});

describe("checkInitializer", () => {
  test("reads names, values and nothing", () => {
    expect(checkInitializer("here", "heNormal", "zeros").name).toBe("heNormal");
    expect(checkInitializer("here", randomNormal({ stddev: 2 }), "zeros").stddev).toBe(2);
    expect(checkInitializer("here", undefined, "zeros").name).toBe("zeros");
  });

  test.each([
    ["an unknown name", "kaiming", /^here: an initializer is one of glorotUniform, .*; got "kaiming"/],
    ["a name of Object's", "toString", /got "toString"/],
    ["a negative deviation", randomNormal({ stddev: -1 }), /^here: randomNormal needs .* stddev ≥ 0 .* got .*-1/],
    ["ends the wrong way round", randomUniform({ minval: 1, maxval: 0 }), /minval ≤ maxval/],
    ["NaN", randomNormal({ mean: NaN }), /needs finite numbers/],
  ])("refuses %s", (_, value, message) => {
    expect(() => checkInitializer("here", value, "zeros")).toThrow(InputError);
    expect(() => checkInitializer("here", value, "zeros")).toThrow(message);
  });
});
