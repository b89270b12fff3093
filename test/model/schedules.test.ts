// Learning-rate schedules: the corners of each, worked out from Keras' formulas, and what is refused.

import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { cosineDecay, exponentialDecay, piecewiseConstantDecay, warmup } from "../../src/model/changing-rates.ts";
import { constant, rateAt, toSchedule, type Schedule } from "../../src/model/schedules.ts";

const stairs = piecewiseConstantDecay({ boundaries: [10, 20], values: [1, 0.5, 0.1] });
const decay = { initialLearningRate: 0.8, decaySteps: 10, decayRate: 0.5 };

describe.each<[string, Schedule, [number, number][]]>([
  [
    "constant",
    constant(0.3),
    [
      [0, 0.3],
      [1e6, 0.3],
    ],
  ],
  // Keras: a boundary itself still has the value before it.
  [
    "piecewise",
    stairs,
    [
      [0, 1],
      [10, 1],
      [11, 0.5],
      [20, 0.5],
      [21, 0.1],
      [1e6, 0.1],
    ],
  ],
  [
    "exponential",
    exponentialDecay(decay),
    [
      [0, 0.8],
      [5, 0.8 * Math.SQRT1_2],
      [10, 0.4],
      [20, 0.2],
    ],
  ],
  [
    "exponential in stairs",
    exponentialDecay({ ...decay, staircase: true }),
    [
      [0, 0.8],
      [9, 0.8],
      [10, 0.4],
      [19, 0.4],
    ],
  ],
  [
    "cosine",
    cosineDecay({ initialLearningRate: 2, decaySteps: 8 }),
    [
      [0, 2],
      [4, 1],
      [8, 0],
      [100, 0],
    ],
  ],
  [
    "cosine to alpha",
    cosineDecay({ initialLearningRate: 2, decaySteps: 8, alpha: 0.1 }),
    [
      [0, 2],
      [4, 1.1],
      [8, 0.2],
      [9, 0.2],
    ],
  ],
  [
    "warmup",
    warmup({ steps: 4, then: 0.8 }),
    [
      [0, 0],
      [1, 0.2],
      [3, 0.6],
      [4, 0.8],
      [9, 0.8],
    ],
  ],
  // After the rise, the schedule that follows counts from its own start.
  [
    "warmup, then stairs",
    warmup({ steps: 4, from: 0.2, then: stairs }),
    [
      [0, 0.2],
      [2, 0.6],
      [4, 1],
      [14, 1],
      [15, 0.5],
    ],
  ],
])("%s", (_, schedule, points) => {
  test.each(points)("step %i has rate %f", (step, rate) => {
    expect(rateAt(schedule, step)).toBeCloseTo(rate, 14);
  });

  test("is a frozen plain value", () => {
    expect(Object.isFrozen(schedule)).toBe(true);
    expect(JSON.parse(JSON.stringify(schedule))).toEqual(schedule);
    expect(toSchedule("sgd()", schedule)).toBe(schedule);
    for (const part of Object.values(schedule).filter((value: unknown) => typeof value === "object"))
      expect(Object.isFrozen(part)).toBe(true);
  });
});

test("a copy of a constant one is as good", () => {
  expect(rateAt(toSchedule("sgd()", { kind: "constant", rate: 0.3 }), 7)).toBe(0.3);
});

test.each<[string, () => unknown, RegExp]>([
  ["a negative rate", () => constant(-1), /^constant\(\): rate must be a finite number ≥ 0; got -1/],
  ["a rate of NaN", () => toSchedule("sgd()", NaN), /^sgd\(\): learningRate must be a finite number ≥ 0; got NaN/],
  [
    "a rate that is a word",
    () => toSchedule("sgd()", "fast" as never),
    /must be a number or the value of a schedule function.*; got "fast"/,
  ],
  ["no steps", () => cosineDecay({ initialLearningRate: 1, decaySteps: 0 }), /decaySteps must be a number of steps > 0; got 0/],
  [
    "boundaries that do not ascend",
    () => piecewiseConstantDecay({ boundaries: [5, 5], values: [1, 2, 3] }),
    /boundaries must ascend .* got 2 boundaries \[5, 5\]/,
  ],
  [
    "too few values",
    () => piecewiseConstantDecay({ boundaries: [5], values: [1] }),
    /values must be one longer; got 1 boundaries \[5\] and 1 values/,
  ],
  ["NaN as a boundary", () => piecewiseConstantDecay({ boundaries: [NaN], values: [1, 2] }), /must ascend/],
  [
    "a copy, which has no formula",
    () => toSchedule("sgd()", { ...stairs }),
    /^sgd\(\): learningRate must be a number or the value of a schedule function, not a copy of it; got \{"kind":"piecewise"/,
  ],
  ["a copy within", () => warmup({ steps: 1, then: { ...stairs } }), /^warmup\(\): learningRate .* not a copy of it/],
  ["a copy of a constant one, spoilt", () => toSchedule("sgd()", { kind: "constant", rate: -1 }), /^constant\(\): rate .*got -1/],
  ["an endless warmup", () => warmup({ steps: Infinity, then: 1 }), /warmup\(\): steps must be a number of steps > 0/],
])("refuses %s", (_, make, message) => {
  expect(make).toThrow(InputError);
  expect(make).toThrow(message);
});
