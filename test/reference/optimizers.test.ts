// Each optimizer against two updates written out number by number from its published formula (Keras 3).

import { describe, expect, test } from "vitest";
import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamW,
  lion,
  optimizerStates,
  ratesAt,
  rmsprop,
  sgd,
  type Optimizer,
} from "../../src/model/optimizers.ts";
import { applyUpdate } from "../../src/reference/optimizers.ts";

const W = 0.5;
const GRADIENTS = [0.2, -0.6, 0.1];

/** w after each update of one weight. */
function trace(optimizer: Optimizer): number[] {
  let arrays: Float64Array[] = [W, ...optimizerStates(optimizer).map(({ initial }) => initial)].map((value) => Float64Array.of(value));
  return GRADIENTS.map((g, step) => {
    arrays = applyUpdate(optimizer, arrays[0], Float64Array.of(g), arrays.slice(1), ratesAt(optimizer, step));
    return arrays[0][0];
  });
}

/** Adam as Kingma and Ba write it, ε moved to where Keras has it. */
function adamByHand(decay: number): number[] {
  let m = 0,
    v = 0,
    w = W;
  return GRADIENTS.map((g, i) => {
    w = w - w * decay * 0.01;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const rate = (0.01 * Math.sqrt(1 - 0.999 ** (i + 1))) / (1 - 0.9 ** (i + 1));
    return (w -= (rate * m) / (Math.sqrt(v) + 1e-7));
  });
}

function rmspropByHand(centered: boolean, momentum: number): number[] {
  let v = 0,
    mean = 0,
    moved = 0,
    w = W;
  return GRADIENTS.map((g) => {
    v = 0.9 * v + 0.1 * g * g;
    mean = 0.9 * mean + 0.1 * g;
    moved = momentum * moved + (0.01 * g) / Math.sqrt((centered ? v - mean * mean : v) + 1e-7);
    return (w -= moved);
  });
}

/** Zeiler 2012, algorithm 1, with the learning rate of Keras. */
function adadeltaByHand(): number[] {
  let squares = 0,
    changes = 0,
    w = W;
  return GRADIENTS.map((g) => {
    squares = 0.9 * squares + 0.1 * g ** 2;
    const change = (-Math.sqrt(changes + 1e-6) / Math.sqrt(squares + 1e-6)) * g;
    changes = 0.9 * changes + 0.1 * change ** 2;
    return (w += 0.5 * change);
  });
}

/** Kingma and Ba 2015, algorithm 2, with the ε of Keras. */
function adamaxByHand(): number[] {
  let m = 0,
    u = 0,
    w = W;
  return GRADIENTS.map((g, i) => {
    m = 0.8 * m + 0.2 * g;
    u = Math.max(0.7 * u, Math.abs(g));
    return (w -= ((0.01 / (1 - 0.8 ** (i + 1))) * m) / (u + 1e-7));
  });
}

describe.each([
  ["adadelta", adadelta({ learningRate: 0.5, rho: 0.9, epsilon: 1e-6 }), adadeltaByHand()],
  ["adamax", adamax({ learningRate: 0.01, beta1: 0.8, beta2: 0.7 }), adamaxByHand()],
  // m: 0, then 0.1·0.2 = 0.02, then 0.9·0.02 − 0.06 = −0.042; the signs are of 0.1, 0.01 − 0.3 and −0.021 + 0.05.
  ["lion", lion({ learningRate: 0.01, beta1: 0.5, beta2: 0.9 }), [0.49, 0.5, 0.49]],
  ["sgd", sgd(0.1), [0.48, 0.54, 0.53]],
  // v: −0.02, then 0.9·−0.02 + 0.06 = 0.042, then 0.9·0.042 − 0.01 = 0.0278
  ["momentum", sgd({ learningRate: 0.1, momentum: 0.9 }), [0.48, 0.522, 0.5498]],
  // w += 0.9·v − 0.1·g with the v above
  [
    "nesterov",
    sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
    [0.5 - 0.018 - 0.02, 0.462 + 0.0378 + 0.06, 0.5598 + 0.02502 - 0.01],
  ],
  ["adam", adam(0.01), adamByHand(0)],
  ["adamW", adamW({ learningRate: 0.01, weightDecay: 0.3 }), adamByHand(0.3)],
  ["rmsprop", rmsprop(0.01), rmspropByHand(false, 0)],
  ["rmsprop with momentum", rmsprop({ learningRate: 0.01, momentum: 0.8 }), rmspropByHand(false, 0.8)],
  ["rmsprop centered", rmsprop({ learningRate: 0.01, centered: true }), rmspropByHand(true, 0)],
  ["rmsprop centered with momentum", rmsprop({ learningRate: 0.01, centered: true, momentum: 0.8 }), rmspropByHand(true, 0.8)],
  [
    "adagrad",
    adagrad(0.01),
    [0.04, 0.4, 0.41].map((_, i, squares) =>
      GRADIENTS.slice(0, i + 1).reduce((w, g, k) => w - (0.01 * g) / Math.sqrt(0.1 + squares[k] + 1e-7), W),
    ),
  ],
] as const)("%s", (_, optimizer, expected) => {
  test("three updates agree with the formula worked out by hand", () => {
    trace(optimizer).forEach((w, i) => expect(w).toBeCloseTo(expected[i], 14));
  });

  test("what came in is left as it was", () => {
    const states = optimizerStates(optimizer).map(() => Float64Array.of(0.25));
    const w = Float64Array.of(W);
    applyUpdate(optimizer, w, Float64Array.of(0.2), states, ratesAt(optimizer, 0));
    expect([w, ...states].map(([value]) => value)).toEqual([W, ...states.map(() => 0.25)]);
  });

  test("a gradient of NaN spoils the weight rather than being skipped", () => {
    const states = optimizerStates(optimizer).map(() => Float64Array.of(0.25));
    expect(applyUpdate(optimizer, Float64Array.of(W), Float64Array.of(NaN), states, ratesAt(optimizer, 0))[0][0]).toBeNaN();
  });
});

// v and mean² both 0.01, v the smaller by rounding: without the cut, √ of a negative number where ε is 0.
test("a variance that rounding made negative counts as 0", () => {
  const optimizer = rmsprop({ learningRate: 0.1, rho: 0.5, centered: true, epsilon: 1e-4 });
  const [w] = applyUpdate(
    optimizer,
    Float64Array.of(W),
    Float64Array.of(0.1),
    [Float64Array.of(0.0099), Float64Array.of(0.1)],
    ratesAt(optimizer, 0),
  );
  expect(w[0]).toBeCloseTo(W - (0.1 * 0.1) / 0.01, 14);
});

// Control: the variants differ from each other, so that one cannot pass for another.
test("no two variants give the same trace", () => {
  const traces = [
    sgd(0.1),
    sgd({ learningRate: 0.1, momentum: 0.9 }),
    sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
    adam(0.1),
    adamW({ learningRate: 0.1 }),
    rmsprop(0.1),
    rmsprop({ learningRate: 0.1, centered: true }),
    adagrad(0.1),
    adadelta(0.1),
    adamax(0.1),
    lion(0.1),
  ].map(trace);
  expect(new Set(traces.map((values) => values[2].toFixed(12))).size).toBe(traces.length);
});
