// trainable: false: what layers, network and graph make of it. test/gpu/frozen-layers.test.ts trains such networks.

import { describe, expect, it } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import * as normalization from "../../src/graph/normalization.ts";
import * as recurrent from "../../src/graph/recurrent.ts";
import {
  batchNormalization,
  dense,
  dropout,
  InputError,
  l2,
  layerNormalization,
  sequential,
  simpleRNN,
  type Layer,
} from "../../src/index.ts";
import { initialStates } from "../../src/model/initial-states.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { toOptimizer } from "../../src/model/optimizers.ts";

const RECIPE = { optimizer: "adam", loss: "meanSquaredError" };
const graphOf = (layers: readonly Layer[]) => {
  const network = resolveNetwork(layers, 0);
  return buildGraph(network, resolveRecipe(network, RECIPE), "train", undefined, { ...recurrent, ...normalization });
};
const made = (layers: readonly Layer[]): string[] => graphOf(layers).ops.flatMap(({ outputs }) => outputs);
const updated = (layers: readonly Layer[]): string[] => graphOf(layers).ops.flatMap((op) => (op.type === "update" ? [op.inputs[0]] : []));

const FIRST = { units: 4, inputShape: [3], kernelRegularizer: l2(0.1) };

describe("layers", () => {
  it.each<[string, (options: object) => Layer]>([
    ["dense", (options) => dense({ units: 2, ...options })],
    ["simpleRNN", (options) => simpleRNN({ units: 2, ...options })],
    ["batchNormalization", batchNormalization],
    ["layerNormalization", layerNormalization],
  ])("%s takes it, and says nothing of it where it is trained", (_, make) => {
    expect(make({ trainable: false })).toMatchObject({ trainable: false });
    expect(make({ trainable: true })).toEqual(make({}));
    expect(make({})).not.toHaveProperty("trainable");
    expect(() => make({ trainable: 0 })).toThrow(InputError);
    expect(() => make({ trainable: 0 })).toThrow(/trainable must be true or false; got 0/);
  });
});

describe("the network", () => {
  it("has no penalties of weights that are not trained, and no states of the optimizer", () => {
    const network = resolveNetwork([dense({ ...FIRST, trainable: false }), dense({ units: 1, kernelRegularizer: l2(0.1) })], 0);
    expect(network.parameters.map(({ symbol, frozen = false, regularizer }) => [symbol, frozen, regularizer !== null])).toEqual([
      ["w1", true, false],
      ["b1", true, false],
      ["w2", false, true],
      ["b2", false, false],
    ]);
    expect([...initialStates(network, toOptimizer("adam")).keys()]).toEqual(["m_w2", "v_w2", "m_b2", "v_b2"]);
  });

  it("is refused by compile() where nothing is trained", () => {
    const network = resolveNetwork([dropout({ rate: 0.5, inputShape: [3] }), dense({ units: 4, trainable: false })], 0);
    expect(() => resolveRecipe(network, RECIPE)).toThrow(InputError);
    expect(() => resolveRecipe(network, RECIPE)).toThrow(/^compile\(\): every layer has trainable: false\. Leave it out of one/);
  });

  it("says so in its summary", () => {
    const layers = (trainable: boolean) => [dense({ ...FIRST, trainable }), dense({ units: 1 })];
    expect(sequential({ layers: layers(false) }).summary()).toMatch(/\n21 parameters, 16 not trained$/);
    expect(sequential({ layers: layers(true) }).summary()).toMatch(/\n21 parameters$/);
  });
});

describe("the graph", () => {
  const THREE = (frozen: readonly number[]) => [
    dense({ ...FIRST, trainable: !frozen.includes(1) }),
    ...[2, 3].map((i) => dense({ units: 5, activation: "tanh", trainable: !frozen.includes(i) })),
  ];

  it("updates what is trained, in the order from the last layer to the first", () => {
    expect(updated(THREE([]))).toEqual(["w3", "b3", "w2", "b2", "w1", "b1"]);
    expect(updated(THREE([1]))).toEqual(["w3", "b3", "w2", "b2"]);
    expect(updated(THREE([2]))).toEqual(["w3", "b3", "w1", "b1"]);
    expect(updated(THREE([3]))).toEqual(["w2", "b2", "w1", "b1"]);
    expect(updated(THREE([1, 3]))).toEqual(["w2", "b2"]);
  });

  it("goes back no farther than to the first layer that is trained", () => {
    const backTo = (frozen: readonly number[]) => made(THREE(frozen)).filter((name) => name.startsWith("delta"));
    expect(backTo([])).toEqual(["delta3", "delta2", "delta1"]);
    expect(backTo([1])).toEqual(["delta3", "delta2"]);
    expect(backTo([1, 2])).toEqual(["delta3"]);
    expect(backTo([2])).toEqual(["delta3", "delta2", "delta1"]);
  });

  it("computes no gradient of weights that are not trained, and no penalty of them", () => {
    expect(made(THREE([2])).filter((name) => /w2|b2|penalty/.test(name))).toEqual(["penalty_w1"]);
    expect(made(THREE([1])).filter((name) => /grad_w1|grad_b1|penalty/.test(name))).toEqual([]);
    // Control.
    expect(made(THREE([])).filter((name) => /^grad_w2|penalty_w1/.test(name))).toEqual(["penalty_w1", "grad_w2"]);
  });

  it("normalizes by moving statistics, which stay, in a batch normalization that is not trained", () => {
    const kinds = (trainable: boolean) =>
      graphOf([dense({ units: 3, inputShape: [2] }), batchNormalization({ trainable }), dense({ units: 1 })]).ops.flatMap((op) =>
        op.type === "normalize" ? [op.kind] : [],
      );
    expect(kinds(false)).toEqual(["normalize", "affine", "affine", "rescale"]);
    expect(kinds(true)).toContain("moving");
  });

  it("goes back through a recurrent layer that is not trained, in time too", () => {
    const layers = (trainable: boolean) => [
      simpleRNN({ units: 3, inputShape: [4, 2], returnSequences: true }),
      simpleRNN({ units: 3, trainable }),
      dense({ units: 1 }),
    ];
    expect(updated(layers(false))).toEqual(["w3", "b3", "w1", "u1", "b1"]);
    expect(new Set(updated(layers(true)))).toEqual(new Set(["w3", "b3", "w2", "u2", "b2", "w1", "u1", "b1"]));
  });
});
