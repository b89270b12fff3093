// The formulas that people are shown, and the roundings beside them: those that bounds.ts allows.

import { describe, expect, it } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import { equationsOf, formulaOf, roundingText, shapeText } from "../../src/graph/equations.ts";
import * as recurrent from "../../src/graph/recurrent.ts";
import { sizeOf, tensorOf, type Graph, type OpName, type Op } from "../../src/graph/types.ts";
import { gru, lstm } from "../../src/model/gated.ts";
import { dense, dropout } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { adam, sgd } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l1l2 } from "../../src/model/regularizers.ts";
import { evaluateBounded, given } from "../../src/reference/bounds.ts";
import { gamma } from "../../src/reference/rounding.ts";
import { graphOf } from "../schedule/networks.ts";

const xor = graphOf({ widths: [2, 3, 1], activation: "sigmoid", loss: "meanSquaredError", optimizer: "sgd" });
const both = graphOf({
  widths: [4, 3, 2],
  last: "softmax",
  loss: "sparseCategoricalCrossentropy",
  optimizer: adam({ globalClipNorm: 1 }),
  metrics: ["accuracy"],
  regularizer: l1l2({ l1: 0.5, l2: 0.25 }),
  dropoutRate: 0.5,
  features: { type: "uint8", scale: 0.5 },
});
const sequences = (() => {
  const network = resolveNetwork(
    [
      simpleRNN({ units: 3, inputShape: [5], inputVocabulary: 7, stateful: true, returnSequences: true }),
      dropout({ rate: 0.1 }),
      simpleRNN({ units: 2 }),
      dense({ units: 2, activation: "softmax" }),
    ],
    1,
  );
  const recipe = resolveRecipe(network, { optimizer: sgd({ clipValue: 1 }), loss: "sparseCategoricalCrossentropy" });
  return buildGraph(network, recipe, "train", { type: "uint32", scale: 1, masked: true }, recurrent);
})();

/** An LSTM, and two GRUs of which the second has no biases. */
const gated = (() => {
  const network = resolveNetwork(
    [
      lstm({ units: 3, inputShape: [5, 7], stateful: true, returnSequences: true }),
      gru({ units: 2, returnSequences: true, recurrentActivation: "linear", activation: "relu" }),
      gru({ units: 4, useBias: false }),
      dense({ units: 1 }),
    ],
    1,
  );
  const recipe = resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" });
  return buildGraph(network, recipe, "train", { type: "float32", scale: 1, masked: true }, recurrent);
})();

const lines = (graph: Graph): string[] => {
  const equations = equationsOf(graph);
  return graph.ops.map((op) => `${equations.get(op)}: ${formulaOf(op)}`);
};

describe("the equations of a graph", () => {
  it("are those of the textbook, in its order", () => {
    expect(lines(xor)).toEqual([
      "data: x = data_x[order[i]], float32",
      "data: y = data_y[order[i]], float32",
      "z: z1 = x·w1 + b1",
      "a: a1 = sigmoid(z1)",
      "z: z2 = a1·w2 + b2",
      "loss: loss_rows = meanSquaredError(z2, y)",
      "BP1: delta2 = ∇ₐC / B, C = meanSquaredError(z2, y)",
      "loss: results = means over the rows: loss_rows",
      "BP2: grad_a1 = delta2·w2ᵀ",
      "BP2: slope_z1 = sigmoid′(z) from a1",
      "BP2: delta1 = grad_a1 ⊙ slope_z1",
      "BP4: grad_w2 = a1ᵀ·delta2",
      "update: w2 ← sgd(w2, grad_w2)",
      "BP3: grad_b2 = Σ_rows delta2",
      "update: b2 ← sgd(b2, grad_b2)",
      "BP4: grad_w1 = xᵀ·delta1",
      "update: w1 ← sgd(w1, grad_w1)",
      "BP3: grad_b1 = Σ_rows delta1",
      "update: b1 ← sgd(b1, grad_b1)",
    ]);
  });

  it("have penalties where they are added, and masks on both ways", () => {
    const found = lines(both);
    for (const line of [
      "data: x = data_x[order[i]] · 0.5, uint8",
      "a: d1 = a1 ⊙ mask / 0.5, mask 0 with probability 0.5",
      "a: a2 = softmax(z2)",
      "loss: penalty_w1 = 0.5·Σ|w1| + 0.25·Σw1²",
      "BP1: delta2 = (a2 − y) / B, δᴸ of sparseCategoricalCrossentropy",
      "BP2: grad_a1 = grad_d1 ⊙ mask / 0.5, mask 0 with probability 0.5",
      "BP4: grad_w1 = data_grad_w1 + 0.5·sign(w1) + 0.5·w1",
      "BP3: grad_b2 = data_grad_b2 + 0.5·sign(b2) + 0.5·b2",
      "update: clip_factor = min(1, 1 / ‖grad_w2, grad_b2, grad_w1, grad_b1‖₂)",
      "update: clipped_w1 = grad_w1·clip_factor",
    ])
      expect(found).toContain(line);
  });

  it("go through time where there are sequences", () => {
    const found = lines(sequences);
    for (const line of [
      "z: z1 = row x[i] of u1 + b1",
      "a: h1 = tanh(z1(t) + h1(t−1)·w1), t ascending",
      "a: last2 = h2(T−1)",
      "BP2: grad_h2 = grad_last2 at t = T−1, else 0",
      "BP2: delta1 = (grad_h1(t) + delta1(t+1)·w1ᵀ) ⊙ tanh′(h1(t)), t descending",
      "BP4: previous_h1 = h1(t−1)",
      "BP4: grad_u1 = onehot(x)ᵀ·delta1",
      "update: clipped_u1 = clamp(grad_u1, ±1)",
      "a: train_h1 = h1(T−1), for the next mini-batch",
    ])
      expect(found).toContain(line);
  });

  it("have the gates of LSTM and GRU", () => {
    const found = lines(gated);
    for (const line of [
      "a: h1, gates1, c1 = o ⊙ tanh(c1), [i, f, g, o], f ⊙ c1(t−1) + i ⊙ g; " +
        "i, f, o = sigmoid(a), g = tanh(a), a = z1(t) + h1(t−1)·w1, t ascending",
      "a: h2, gates2 = z ⊙ h2(t−1) + (1 − z) ⊙ g, [z, r, g, q]; " +
        "z, r = linear(z2(t) + q), g = relu(z2(t) + r ⊙ q), q = h2(t−1)·w2 + rb2, t ascending",
      "BP2: delta2, direct_h2, recurrent_delta2 = [G ⊙ (h2(t−1) − g) ⊙ z′, e ⊙ q ⊙ r′, e], G ⊙ z, delta2 with e ⊙ r for e; " +
        "e = G ⊙ (1 − z) ⊙ g′, G = grad_h2(t) + recurrent_delta2(t+1)·w2ᵀ + direct_h2(t+1), z, r, g, q in gates2, t descending",
      "BP2: delta1, direct_c1 = [D ⊙ g ⊙ i′, D ⊙ c1(t−1) ⊙ f′, D ⊙ i ⊙ g′, G ⊙ tanh(c1) ⊙ o′], D ⊙ f; " +
        "D = G ⊙ o ⊙ tanh′(c1) + direct_c1(t+1), G = grad_h1(t) + delta1(t+1)·w1ᵀ, i, f, g, o in gates1, t descending",
    ])
      expect(found).toContain(line);
    expect(found.find((line) => line.startsWith("a: h3"))).toContain("q = h3(t−1)·w3, t");
  });

  it("hold all that they take: no formula leaves an operand out but lengths and carried states", () => {
    const ops = [...xor.ops, ...both.ops, ...sequences.ops, ...gated.ops],
      seen = new Set<OpName>(ops.map(({ type }) => type));
    expect(seen.size).toBeGreaterThan(20);
    for (const op of ops) {
      const formula = formulaOf(op);
      for (const name of op.inputs) {
        if (!/^lengths$|^(train|evaluate|predict)_[hc]/.test(name)) expect(formula).toContain(name);
      }
      expect(formula).not.toMatch(/undefined|NaN/);
    }
  });
});

describe("the rounding", () => {
  const summing = (graph: Graph): Op[] => graph.ops.filter(({ type }) => type === "product" || type === "rowSum");
  const roundings = (graph: Graph, op: Op, batch: number): number => Number(/(\d+)·2⁻²⁴/.exec(roundingText(graph, op, batch) ?? "")?.[1]);

  /** What bounds.ts allows of a sum of ones, divided by the sum: γ(n) of its n roundings. */
  function allowed(graph: Graph, op: Op, batch: number): number {
    const ones = op.inputs.map((name) => given(new Float64Array(sizeOf(tensorOf(graph, name), batch)).fill(1)));
    const [{ values, bounds }] = evaluateBounded(op, ones, graph, { rows: batch, offset: 0, step: 0, learningRate: 1, correctedRate: 1 });
    return bounds[0] / values[0];
  }

  it.each([1, 33, 5000])("of products and sums over %i rows is that of bounds.ts", (batch) => {
    for (const graph of [xor, both]) {
      for (const op of summing(graph)) {
        const n = roundings(graph, op, batch),
          bound = allowed(graph, op, batch);
        // The reference's own 2⁻⁵¹ a term comes on top.
        expect(bound).toBeGreaterThanOrEqual(gamma(n) * (1 - 1e-6));
        expect(bound).toBeLessThanOrEqual(gamma(n) * (1 + 1e-4) + 1e-12);
        expect(bound, "control: one rounding more").toBeLessThan(gamma(n + 1));
      }
    }
  });

  it("of recurrent layers is that of one time step: all terms of its product, and what is added to it", () => {
    const found = gated.ops.flatMap((op) =>
      op.type === "recurrentForward" || op.type === "recurrentBackward" ? [[op.outputs[0], roundings(gated, op, 8)]] : [],
    );
    // H + z forward, 4·H + ∂C/∂h back; a GRU has a bias forward, and 3·H + ∂C/∂h + direct_h back.
    expect(Object.fromEntries(found)).toEqual({ h1: 4, delta1: 13, h2: 4, delta2: 8, h3: 5, delta3: 14 });
    const simple = sequences.ops.flatMap((op) => (op.type === "recurrentBackward" ? [roundings(sequences, op, 8)] : []));
    expect(simple).toEqual([3, 4]);
  });

  it("is said of sums alone", () => {
    expect(roundingText(xor, xor.ops[3], 8)).toBeNull();
    const names = sequences.ops.filter((op) => roundingText(sequences, op, 8) !== null).map(({ type }) => type);
    expect(new Set(names)).toEqual(new Set<OpName>(["product", "rowSum", "recurrentForward", "recurrentBackward", "embeddingGradient"]));
  });
});

it("shapes are those of a mini-batch, of sequences with their time steps, and of a data set with its own rows", () => {
  expect(["x", "w1", "b1", "data_x", "order"].map((name) => shapeText(xor, name, 8))).toEqual([
    "(8, 2)",
    "(2, 3)",
    "(1, 3)",
    "(rows, 2)",
    "(rows)",
  ]);
  expect(shapeText(sequences, "h1", 8)).toBe("(8·5, 3)");
});
