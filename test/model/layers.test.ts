// What a layer, a regularizer and a loss refuse, one by one: the message names the place, the rule, what came.

import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { activation, dense, dropout } from "../../src/model/layers.ts";
import { checkLossFits, huber, sparseCategoricalCrossentropy, toLoss, longName, meanSquaredError } from "../../src/model/losses.ts";
import { checkMetric } from "../../src/model/metrics.ts";
import { checkRegularizer, l1, l1l2, l2 } from "../../src/model/regularizers.ts";

test("a dense layer has Keras' defaults and is frozen", () => {
  const layer = dense({ units: 3 });
  expect(layer).toMatchObject({ activation: "linear", useBias: true, inputShape: null, kernelRegularizer: null, name: null });
  expect(layer.kernelInitializer.name).toBe("glorotUniform");
  expect(layer.biasInitializer.name).toBe("zeros");
  expect(Object.isFrozen(layer)).toBe(true);
});

test.each<[string, () => unknown, RegExp]>([
  ["zero units", () => dense({ units: 0 }), /^dense\(\): units must be a whole number ≥ 1; got 0/],
  ["half a unit", () => dense({ units: 1.5 }), /got 1\.5/],
  ["no units", () => dense({} as never), /units must be a whole number ≥ 1; got undefined/],
  ["units of NaN", () => dense({ units: NaN }), /units must be a whole number/],
  ["an unknown option", () => dense({ units: 2, activatoin: "relu" } as never), /unknown option activatoin\. Known: units, activation/],
  [
    "an unknown activation",
    () => dense({ units: 2, activation: "mish" as never }),
    /units: 2 }\): activation must be one of linear, .*softmax; got "mish"/,
  ],
  [
    "a batch dimension",
    () => dense({ units: 2, inputShape: [32, 10, 784] }),
    /inputShape must be \[features\], or \[steps, features\] for a sequence, the batch left out; got \[32,10,784\]/,
  ],
  ["no features", () => dense({ units: 2, inputShape: [0] }), /inputShape\[0\] must be a whole number ≥ 1; got 0/],
  ["a name with a slash", () => dense({ units: 2, name: "a/b" }), /name must start with a letter .*; got "a\/b"/],
  ["dropout of everything", () => dropout({ rate: 1 }), /^dropout\(\): rate must be in \[0, 1\); got 1/],
  ["dropout of NaN", () => dropout({ rate: NaN }), /rate must be in/],
  ["an unknown dropout option", () => dropout({ rate: 0.1, seed: 1 } as never), /unknown option seed\. Known: rate, inputShape/],
  ["an unknown activation layer", () => activation("sigmod" as never), /^activation\(\): activation must be one of/],
  ["a negative penalty", () => l2(-1), /^l2\(\): l2 must be a finite number ≥ 0; got -1\. Use 0 for no penalty/],
  ["a penalty of NaN", () => l1({ l1: NaN }), /^l1\(\): l1 must be/],
  [
    "an unknown regularizer",
    () => checkRegularizer("dense()", "l3"),
    /^dense\(\): a regularizer is l1\(…\), l2\(…\) or l1l2\(…\); got "l3"/,
  ],
  ["a Huber delta of 0", () => huber({ delta: 0 }), /^huber\(\): delta must be a finite number > 0; got 0/],
  ["an unknown loss", () => toLoss("rmse"), /^compile\(\): loss must be one of meanSquaredError, .*; got "rmse"/],
  ["an unknown metric", () => checkMetric("f1", meanSquaredError()), /^compile\(\): a metric is one of accuracy, .*; got "f1"/],
  [
    "classes of rows of targets",
    () => checkMetric("sparseTopKCategoricalAccuracy", meanSquaredError()),
    /compares class indices, but meanS.* takes rows of targets\. Use/,
  ],
  [
    "squares of class indices",
    () => checkMetric("meanSquaredError", sparseCategoricalCrossentropy()),
    /compares rows of targets, but sparse.* takes class indices\. Use/,
  ],
  [
    "a cross-entropy after relu",
    () => checkLossFits(toLoss("binaryCrossentropy"), "relu", 1),
    /needs a last layer with activation "sigmoid"; got "relu"\. Declare/,
  ],
  [
    "a cross-entropy after nothing",
    () => checkLossFits(toLoss("categoricalCrossentropy"), "linear", 3),
    /"softmax"; got "linear"\. Declare it, or pass .*fromLogits: true/,
  ],
  [
    "logits after softmax",
    () => checkLossFits(sparseCategoricalCrossentropy({ fromLogits: true }), "softmax", 3),
    /with fromLogits needs .*"linear"; got "softmax"/,
  ],
  [
    "smoothed class indices",
    () => toLoss({ name: "sparseCategoricalCrossentropy", labelSmoothing: 0.1 }),
    /labelSmoothing is of .* only\. Leave it out/,
  ],
  ["smoothed squares", () => toLoss({ name: "meanSquaredError", labelSmoothing: 0.1 }), /^meanSquaredError\(\): labelSmoothing is of/],
  ["all smoothed away", () => toLoss({ name: "binaryCrossentropy", labelSmoothing: 1 }), /labelSmoothing must be .*got 1/],
  [
    "one class",
    () => checkLossFits(toLoss("categoricalCrossentropy"), "softmax", 1),
    /needs at least 2 classes; got 1 unit\. Use binaryCrossentropy/,
  ],
])("refuses %s", (_, make, message) => {
  expect(make).toThrow(InputError);
  expect(make).toThrow(message);
});

describe("regularizers", () => {
  test("names and numbers stand for Keras' penalties", () => {
    expect(checkRegularizer("here", "l1")).toEqual({ l1: 0.01, l2: 0 });
    expect(checkRegularizer("here", "l1l2")).toEqual({ l1: 0.01, l2: 0.01 });
    expect(l2(0.3)).toEqual({ l1: 0, l2: 0.3 });
    expect(l1l2()).toEqual({ l1: 0, l2: 0 });
  });

  test("a penalty of 0 is none, so that it costs no step", () => {
    expect(checkRegularizer("here", l2(0))).toBeNull();
    expect(checkRegularizer("here", undefined)).toBeNull();
  });
});

test("short names of metrics", () => {
  expect(["acc", "mse", "mae"].map((name) => longName(name))).toEqual(["accuracy", "meanSquaredError", "meanAbsoluteError"]);
});
