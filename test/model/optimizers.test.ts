// Optimizer options: defaults as in Keras 3, what is refused and with which words, states, and Adam's rates.

import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamW,
  lion,
  optimizerStates,
  OPTIMIZERS,
  ratesAt,
  rmsprop,
  sgd,
  toOptimizer,
} from "../../src/model/optimizers.ts";
import * as train from "../../src/model/namespaces/train.ts";
import { exponentialDecay } from "../../src/model/changing-rates.ts";
import { constant } from "../../src/model/schedules.ts";

test.each([
  [sgd(), { learningRate: constant(0.01), momentum: 0, nesterov: false }],
  [adam(), { learningRate: constant(0.001), beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 }],
  [adamW(), { learningRate: constant(0.001), weightDecay: 0.004 }],
  [rmsprop(), { learningRate: constant(0.001), rho: 0.9, momentum: 0, epsilon: 1e-7, centered: false }],
  [adagrad(), { learningRate: constant(0.001), initialAccumulatorValue: 0.1, epsilon: 1e-7 }],
  [adadelta(), { learningRate: constant(0.001), rho: 0.95, epsilon: 1e-7 }],
  [adamax(), { learningRate: constant(0.001), beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }],
  [lion(), { learningRate: constant(0.001), beta1: 0.9, beta2: 0.99 }],
])("$name has Keras' defaults", (optimizer, defaults) => {
  expect(optimizer).toMatchObject(defaults);
  expect(Object.isFrozen(optimizer)).toBe(true);
});

test("a number is short for the learning rate, and a schedule is one too", () => {
  expect(sgd(0.5).learningRate).toEqual(constant(0.5));
  const schedule = exponentialDecay({ initialLearningRate: 1, decaySteps: 1, decayRate: 0.5 });
  expect(ratesAt(sgd({ learningRate: schedule }), 2).learningRate).toBe(0.25);
});

test("an option set to undefined is the default", () => {
  expect(sgd({ momentum: undefined, clipNorm: undefined })).toEqual(sgd());
});

test.each<[string, () => unknown, RegExp]>([
  ["momentum 1", () => sgd({ momentum: 1 }), /^sgd\(\): momentum must be in \[0, 1\); got 1\.$/],
  ["beta1 −0.1", () => adam({ beta1: -0.1 }), /^adam\(\): beta1 must be in/],
  ["beta2 NaN", () => adam({ beta2: NaN }), /^adam\(\): beta2 must be in \[0, 1\); got NaN/],
  ["rho as a word", () => rmsprop({ rho: "0.9" as never }), /rho must be in/],
  ["epsilon −1", () => rmsprop({ epsilon: -1 }), /^rmsprop\(\): epsilon must be a finite number ≥ 0; got -1/],
  ["weightDecay ∞", () => adamW({ weightDecay: Infinity }), /^adamW\(\): weightDecay/],
  ["nesterov without momentum", () => sgd({ nesterov: true }), /nesterov needs momentum > 0; got momentum 0\. Set momentum/],
  ["an unknown option", () => sgd({ lr: 0.1 } as never), /unknown option lr\. Known: learningRate, momentum/],
  ["two ways to clip", () => adam({ clipNorm: 1, clipValue: 1 }), /set at most one of .*; got clipNorm and clipValue/],
  ["clipNorm 0", () => adam({ clipNorm: 0 }), /clipNorm must be a finite number > 0; got 0/],
  ["a negative rate", () => adagrad(-1), /^adagrad\(\): learningRate must be a finite number ≥ 0; got -1/],
  ["an unknown name", () => toOptimizer("rprop"), /^compile\(\): optimizer must be one of sgd, adam, .*; got "rprop"/],
  ["a name of Object's", () => toOptimizer("constructor"), /got "constructor"/],
  ["nothing", () => toOptimizer(null), /got null/],
])("refuses %s", (_, make, message) => {
  expect(make).toThrow(InputError);
  expect(make).toThrow(message);
});

test.each(OPTIMIZERS)("the name %s stands for its defaults", (name) => {
  expect(toOptimizer(name).name).toBe(name);
});

test.each([
  [sgd(), []],
  [sgd({ momentum: 0.9 }), ["momentum"]],
  [adam(), ["m", "v"]],
  [adamW(), ["m", "v"]],
  [rmsprop(), ["v"]],
  [rmsprop({ momentum: 0.9, centered: true }), ["v", "momentum", "mean"]],
  [rmsprop({ centered: true }), ["v", "mean"]],
  [adagrad(), ["sum"]],
  [adadelta(), ["v", "changes"]],
  [adamax(), ["m", "max"]],
  [lion(), ["m"]],
])("states of $name: %o", (optimizer, names) => {
  expect(optimizerStates(optimizer).map(({ name }) => name)).toEqual(names);
});

test("adagrad's sum starts where it is told", () => {
  expect(optimizerStates(adagrad({ initialAccumulatorValue: 0.5 }))).toEqual([{ name: "sum", initial: 0.5 }]);
});

describe("Adam's corrected rate", () => {
  test("is η·√(1−β₂ᵗ)/(1−β₁ᵗ), with t from 1", () => {
    expect(ratesAt(adam(0.1), 0).correctedRate).toBeCloseTo((0.1 * Math.sqrt(0.001)) / 0.1, 14);
    expect(ratesAt(adam(0.1), 1).correctedRate).toBeCloseTo((0.1 * Math.sqrt(1 - 0.999 ** 2)) / (1 - 0.81), 14);
    expect(ratesAt(adam(0.1), 1e6).correctedRate).toBeCloseTo(0.1, 14);
  });

  test("is η/(1−β₁ᵗ) for Adamax", () => {
    expect(ratesAt(adamax(0.1), 1).correctedRate).toBeCloseTo(0.1 / (1 - 0.81), 14);
  });

  test("is the plain rate for the others", () => {
    for (const optimizer of [rmsprop(0.1), adagrad(0.1), adadelta(0.1), lion(0.1)])
      expect(ratesAt(optimizer, 0)).toEqual({ learningRate: 0.1, correctedRate: 0.1 });
  });
});

test.each([
  ["sgd", sgd],
  ["adam", adam],
  ["adamW", adamW],
  ["rmsprop", rmsprop],
  ["adagrad", adagrad],
  ["lion", lion],
  ["train.sgd", train.sgd],
  ["train.adam", train.adam],
] as const)("%s() takes a schedule as it takes a number: alone, for η", (_, optimizer) => {
  const schedule = exponentialDecay({ initialLearningRate: 0.5, decaySteps: 1, decayRate: 0.5 }),
    made = optimizer(schedule);
  expect(made.learningRate).toBe(schedule);
  expect(made).toEqual({ ...optimizer(0.5), learningRate: schedule });
  // Control: what is neither is refused, and a copy, which has lost its formula, says what is right.
  expect(() => optimizer({ ...schedule })).toThrow(/learningRate must be a number or the value of a schedule function, not a copy of it/);
});
