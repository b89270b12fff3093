// The public gradientCheck(): central differences against backpropagation, in float64, from a model as a user has it. That
// every combination of layers, activations and losses passes is the business of test/reference/gradient-check.test.ts.

import { describe, expect, it } from "vitest";
import {
  activation,
  dense,
  dropout,
  gradientCheck,
  huber,
  InputError,
  l1l2,
  l2,
  sequential,
  type CompileOptions,
  type Layer,
} from "../../src/index.ts";
import { BACKENDS, compiledModel, noise, sameWeights } from "../support/models.ts";

const X = noise(5 * 4, 101);
const LABELS = [0, 2, 1, 1, 0];
const first = (units: number, name: "tanh" | "gelu" | "sigmoid" | "softplus", more: object = {}) =>
  dense({ units, activation: name, inputShape: [4], ...more });

const MODELS: [string, Layer[], Pick<CompileOptions, "loss" | "metrics">, ArrayLike<number>][] = [
  [
    "a classifier with L2",
    [first(6, "tanh", { kernelRegularizer: l2(0.01) }), dense({ units: 3, activation: "softmax" })],
    { loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] },
    LABELS,
  ],
  [
    "a deep regression",
    [first(5, "gelu"), dense({ units: 4, activation: "swish" }), dense({ units: 4, activation: "elu" }), dense({ units: 2 })],
    { loss: huber({ delta: 0.5 }) },
    noise(10, 102),
  ],
  [
    "Nielsen's quadratic cost",
    [first(6, "sigmoid"), dense({ units: 2, activation: "sigmoid" })],
    { loss: "halfSquaredError" },
    noise(10, 103),
  ],
  [
    "dropout, no biases, both penalties",
    [
      first(9, "softplus", { useBias: false, kernelRegularizer: l1l2({ l1: 0.01, l2: 0.02 }) }),
      dropout({ rate: 0.4 }),
      dense({ units: 2, useBias: false }),
      activation("tanh"),
    ],
    { loss: "meanSquaredError" },
    noise(10, 104),
  ],
  [
    "two classes in one unit",
    [first(4, "tanh"), dense({ units: 1, activation: "sigmoid" })],
    { loss: "binaryCrossentropy" },
    [0, 1, 1, 0, 1],
  ],
];

describe.each(BACKENDS)("on %s", (backend) => {
  it.each(MODELS)("%s: every gradient within 10⁻⁷, the model left as it was", async (_, layers, recipe, y) => {
    const model = await compiledModel({ layers, seed: 6 }, { optimizer: "adam", ...recipe, backend });
    const before = await model.getWeights();
    const report = await gradientCheck(model, X, Float32Array.from(y));
    expect(report.ok, String(report)).toBe(true);
    expect(report.maxRelativeError).toBeLessThan(1e-7);
    expect(report.tensors).toBe(before.length);
    expect(report.weights).toBe(before.reduce((sum, { data }) => sum + data.length, 0));
    expect(sameWeights(await model.getWeights(), before)).toBe(true);
  });

  it("holds for trained weights too", async () => {
    const model = await compiledModel({ layers: MODELS[0][1], seed: 6 }, { optimizer: "adam", ...MODELS[0][2], backend });
    await model.fit(X, LABELS, { epochs: 20 });
    expect((await gradientCheck(model, X, LABELS)).maxRelativeError).toBeLessThan(1e-7);
  });
});

it("reads as a sentence: verdict, how much was checked, the worst weight with both numbers", async () => {
  const model = await compiledModel({ layers: MODELS[2][1], seed: 6 }, { optimizer: "sgd", ...MODELS[2][2], backend: "cpu" });
  const report = await gradientCheck(model, X, noise(10, 103));
  expect(String(report)).toMatch(
    /^gradient check passed: 44 weights in 4 tensors, largest relative error \d\.\d\de-\d+ \(limit 1e-7\) at [wb][12]\[\d+\]: analytic -?[\d.e-]+, numeric -?[\d.e-]+$/,
  );
  const { analytic, numeric } = report.worst;
  expect(Math.abs(analytic - numeric)).toBeLessThan(1e-6);
});

// Control: the check can fail. At a kink there is no derivative: the difference is ½, backpropagation's relu′(0) is 0.
it("fails at the kink of a relu, and says so", async () => {
  const model = await compiledModel(
    { layers: [dense({ units: 1, activation: "relu", inputShape: [1], kernelInitializer: "zeros" })] },
    { optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" },
  );
  const report = await gradientCheck(model, [1], [1]);
  expect(report.ok).toBe(false);
  expect(report.maxRelativeError).toBeGreaterThan(0.1);
  expect(String(report)).toMatch(/^gradient check FAILED: 2 weights in 2 tensors, .* at w1\[0\]: analytic -?0, numeric -/);
});

it("needs a compiled model and good data", async () => {
  await expect(gradientCheck(sequential({ layers: MODELS[0][1] }), X, LABELS)).rejects.toThrow(InputError);
  const model = await compiledModel({ layers: MODELS[0][1] }, { optimizer: "sgd", ...MODELS[0][2], backend: "cpu" });
  await expect(gradientCheck(model, X, [0, 1, 2, 3, 4])).rejects.toThrow(/^gradientCheck\(\): labels .* y\[3\] is 3/);
});
