// Numbers that reach shaders: finite in float64 is not enough, they must keep their rule in float32 too.

import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { sequential } from "../../src/index.ts";
import { checkFloat32 } from "../../src/model/checks.ts";
import { randomNormal, randomUniform } from "../../src/model/initializers.ts";
import { dense, dropout } from "../../src/model/layers.ts";
import { huber } from "../../src/model/losses.ts";
import { adagrad, adam, adamW, rmsprop, sgd } from "../../src/model/optimizers.ts";
import { l1, l1l2, l2 } from "../../src/model/regularizers.ts";
import { cosineDecay, exponentialDecay, piecewiseConstantDecay, warmup } from "../../src/model/changing-rates.ts";
import { constant } from "../../src/model/schedules.ts";

const LARGEST = 2 ** 128 - 2 ** 104,
  LEAST = 2 ** -126,
  BELOW_ONE = 1 - 2 ** -24;

test.each([
  ["any", LARGEST],
  ["any", -LARGEST],
  ["any", 0],
  ["> 0", LEAST],
  ["≠ 0", -LEAST],
  ["≥ 0", 0],
  ["≥ 0", 1e-50],
  ["[0, 1)", BELOW_ONE],
] as const)("%s holds for %d", (rule, value) => {
  expect(checkFloat32("here()", "n", value, rule)).toBe(value);
});

test.each([
  ["any", 2 ** 128, /^here\(\): n must be a finite number; got .*, which is Infinity in float32\.$/],
  ["> 0", 1e-50, /> 0; got 1e-50, which is 0 in float32/],
  ["> 0", LEAST / 2, /which is 0 in float32/],
  ["≠ 0", -1e-60, /which is 0 in float32/],
  ["[0, 1)", 1 - 2 ** -26, /in \[0, 1\); got .*, which is 1 in float32/],
  ["any", NaN, /got NaN\.$/],
  ["any", "1", /got "1"\.$/],
  ["≥ 0", -1, /got -1\.$/],
] as const)("%s refuses %s", (rule, value, message) => {
  expect(() => checkFloat32("here()", "n", value, rule)).toThrow(InputError);
  expect(() => checkFloat32("here()", "n", value, rule)).toThrow(message);
});

describe("everything that takes numbers refuses those that float32 cannot hold:", () => {
  test.each<[string, () => unknown]>([
    ["l1", () => l1(1e39)],
    ["l2", () => l2(1e39)],
    ["l2, twice which is the gradient", () => l2(2e38)],
    ["l1l2", () => l1l2({ l1: 1e39 })],
    ["a learning rate", () => sgd(1e39)],
    ["momentum", () => sgd({ momentum: 1 - 1e-9 })],
    ["beta2", () => adam({ beta2: 1 - 1e-9 })],
    ["rho", () => rmsprop({ rho: 1 - 1e-9 })],
    ["epsilon", () => adam({ epsilon: 1e39 })],
    ["weight decay", () => adamW({ weightDecay: 1e39 })],
    ["an accumulator", () => adagrad({ initialAccumulatorValue: 1e39 })],
    ["clipNorm", () => sgd({ clipNorm: 1e39 })],
    ["clipNorm that is 0", () => sgd({ clipNorm: 1e-50 })],
    ["globalClipNorm that is 0", () => sgd({ globalClipNorm: 1e-50 })],
    ["clipValue that is 0", () => sgd({ clipValue: 1e-50 })],
    ["delta", () => huber({ delta: 1e39 })],
    ["delta that is 0", () => huber({ delta: 1e-50 })],
    ["a dropout rate that is 1", () => dropout({ rate: 1 - 1e-9 })],
    ["constant()", () => constant(1e39)],
    ["cosineDecay()", () => cosineDecay({ initialLearningRate: 1e39, decaySteps: 1 })],
    ["exponentialDecay()", () => exponentialDecay({ initialLearningRate: 1, decaySteps: 1, decayRate: 1e39 })],
    ["piecewiseConstantDecay()", () => piecewiseConstantDecay({ boundaries: [1], values: [1, 1e39] })],
    ["warmup()", () => warmup({ steps: 1, from: 1e39, then: 1 })],
    ["a mean", () => randomNormal({ mean: 1e39 })],
    ["a deviation whose numbers it cannot hold", () => randomNormal({ stddev: 1e38 })],
    ["a range", () => randomUniform({ maxval: 1e39 })],
  ])("%s", (_, make) => {
    expect(make).toThrow(InputError);
    expect(make).toThrow(/which is (Infinity|0|1) in float32/);
  });

  test.each<[string, ArrayLike<number>, number]>([
    ["a scale of floats", [1], 1e39],
    ["a scale that is 0", [1], 1e-60],
    ["a scale of bytes", Uint8Array.of(1), 2e36],
    ["a scale that makes numbers too large", [1, -1e30], 1e10],
  ])("%s", async (_, x, scale) => {
    const model = sequential({ layers: [dense({ units: 1, inputShape: [1] })] });
    await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" });
    await expect(model.predict(x as Float32Array, { scale })).rejects.toThrow(InputError);
    await expect(model.predict(x as Float32Array, { scale })).rejects.toThrow(/scale must be .*, which is (-?Infinity|0) in float32/);
    expect(await model.predict(x as Float32Array, { scale: 0.5 })).toHaveLength(x.length);
  });
});
