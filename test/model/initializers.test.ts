// Initializers: range, mean and variance of each as its source promises, and what is refused.

import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import {
  checkInitializer,
  constantInitializer,
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  identity,
  initialize,
  lecunNormal,
  lecunUniform,
  ones,
  randomNormal,
  randomUniform,
  truncatedNormal,
  varianceScaling,
  zeros,
  type Initializer,
} from "../../src/model/initializers.ts";
import { RandomSequence, STREAM } from "../../src/random.ts";
import { ALL_DRAWS } from "../../src/model/uncommon-initializers.ts";

const FAN_IN = 120,
  FAN_OUT = 80,
  N = FAN_IN * FAN_OUT;
const fill = (spec: Initializer, seed = 4): Float32Array =>
  initialize(spec, N, FAN_IN, FAN_OUT, new RandomSequence(seed, STREAM.initialization), ALL_DRAWS);
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
  ["lecunUniform", lecunUniform(), 0, 1 / FAN_IN, Math.sqrt(3 / FAN_IN)],
  ["varianceScaling", varianceScaling(), 0, 1 / FAN_IN, CUT * Math.sqrt(1 / FAN_IN)],
  ["varianceScaling of the fan-out", varianceScaling({ scale: 3, mode: "fanOut" }), 0, 3 / FAN_OUT, CUT * Math.sqrt(3 / FAN_OUT)],
  ["varianceScaling, uniform", varianceScaling({ mode: "fanAvg", distribution: "uniform" }), 0, 2 / 200, Math.sqrt(6 / 200)],
  ["varianceScaling, normal", varianceScaling({ distribution: "untruncatedNormal" }), 0, 1 / FAN_IN, Infinity],
  // What lies beyond two standard deviations takes this share of the variance with it.
  ["truncatedNormal", truncatedNormal({ mean: 1, stddev: 0.2 }), 1, 0.04 * 0.87962566103423978 ** 2, 0.4],
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

test("a constant", () => {
  expect(new Set(fill(constantInitializer({ value: -0.25 })))).toEqual(new Set([-0.25]));
  expect(constantInitializer()).toEqual(constantInitializer({ value: 0 }));
});

test.each([
  [3, 3],
  [2, 4],
  [4, 2],
])("identity of %d × %d: gain where row and column are one, 0 elsewhere", (fanIn, fanOut) => {
  const numbers = initialize(identity({ gain: 2 }), fanIn * fanOut, fanIn, fanOut, new RandomSequence(1, STREAM.initialization), ALL_DRAWS);
  for (let row = 0; row < fanIn; row++) {
    for (let col = 0; col < fanOut; col++) expect(numbers[row * fanOut + col]).toBe(row === col ? 2 : 0);
  }
});

test("names that varianceScaling() has other names for draw the same", () => {
  expect(fill(varianceScaling({ scale: 2 }))).toEqual(fill(heNormal()));
  expect(fill(varianceScaling({ mode: "fanAvg" }))).toEqual(fill(glorotNormal()));
  expect(fill(varianceScaling({ distribution: "uniform" }))).toEqual(fill(lecunUniform()));
  expect(fill(varianceScaling({ scale: 2 }))).not.toEqual(fill(lecunNormal()));
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
    // Copied and changed.
    ["a negative deviation", { ...randomNormal(), stddev: -1 }, /^here: stddev must be a finite number ≥ 0; got -1/],
    ["ends the wrong way round", { ...randomUniform(), minval: 1, maxval: 0 }, /^here: randomUniform needs minval ≤ maxval; got 1 and 0/],
    ["an unknown mode", { ...varianceScaling(), mode: "fan_in" }, /^here: mode must be one of fanIn, fanOut, fanAvg; got "fan_in"/],
    ["an unknown distribution", { name: "varianceScaling", distribution: "normal" }, /distribution must be one of truncatedNormal, /],
    ["no variance", { name: "varianceScaling", scale: 0 }, /^here: scale must be a finite number > 0; got 0/],
    ["an infinite constant", { name: "constant", value: Infinity }, /^here: value must be a finite number; got Infinity/],
    ["NaN", { name: "randomNormal", mean: NaN }, /^here: mean must be a finite number; got NaN/],
  ])("refuses %s", (_, value, message) => {
    expect(() => checkInitializer("here", value, "zeros")).toThrow(InputError);
    expect(() => checkInitializer("here", value, "zeros")).toThrow(message);
  });

  test.each(["orthogonal", "identity"])("%s is for kernels alone", (name) => {
    expect(checkInitializer("here", name, "zeros").name).toBe(name);
    expect(() => checkInitializer("here", name, "zeros", "biasInitializer")).toThrow(
      new RegExp(`^here: ${name} is for kernels, .* Choose another biasInitializer`),
    );
  });

  test("makes copies again, frozen and with their defaults", () => {
    expect(checkInitializer("here", JSON.parse(JSON.stringify(randomNormal({ mean: 2 }))), "zeros")).toEqual(randomNormal({ mean: 2 }));
    for (const own of [
      constantInitializer({ value: 3 }),
      varianceScaling({ mode: "fanOut", distribution: "uniform" }),
      identity({ gain: 2 }),
    ]) {
      expect(checkInitializer("here", JSON.parse(JSON.stringify(own)), "zeros")).toEqual(own);
    }
    const made = checkInitializer("here", { name: "randomNormal" }, "zeros");
    expect(made).toEqual(randomNormal());
    expect(Object.isFrozen(made)).toBe(true);
  });
});

describe("options", () => {
  const ALL = {
    glorotNormal,
    glorotUniform,
    heNormal,
    heUniform,
    lecunNormal,
    lecunUniform,
    randomNormal,
    truncatedNormal,
    randomUniform,
    zeros,
    ones,
  };

  test.each(Object.entries(ALL))("%s() takes an empty object and refuses a seed, a stranger and what is no object", (name, make) => {
    expect(make({})).toEqual(make());
    const refused: [unknown, RegExp][] = [
      [{ seed: 1 }, new RegExp(`^${name}\\(\\): ${name} takes no seed of its own\\..*sequential\\(\\{ seed \\}\\)`)],
      [{ gain: 2 }, new RegExp(`^${name}\\(\\): unknown option gain`)],
      [[], /options must be an object/],
      [3, /options must be an object/],
    ];
    for (const [options, message] of refused) {
      expect(() => make(options as never)).toThrow(InputError);
      expect(() => make(options as never)).toThrow(message);
    }
  });

  test("numbers out of range are refused where they are given", () => {
    expect(() => randomNormal({ stddev: -1 })).toThrow(/^randomNormal\(\): stddev must be a finite number ≥ 0; got -1/);
    expect(() => randomUniform({ minval: 1, maxval: 0 })).toThrow(/^randomUniform\(\): .*minval ≤ maxval/);
  });
});
