// What a page loads at once is enough for most networks, and a plan of any other network that was given no more names what it lacks, when it
// is made: no kernel is ever written with a formula left out. uncommon.test.ts is about the formulas themselves.

import { describe, expect, it } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/types.ts";
import { measuresOf } from "../../src/graph/measures.ts";
import { dense } from "../../src/model/layers.ts";
import { categoricalCrossentropy } from "../../src/model/losses.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { sgd } from "../../src/model/optimizers.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { blocksOf, COMMON_FORMULAS, type Formulas } from "../../src/schedule/formulas.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { FORMULAS } from "../support/formulas.ts";
import { graphOf, type NetworkOptions } from "./networks.ts";

const planOf = (options: NetworkOptions | Graph, formulas?: Formulas, batch = 4, fuse = true) =>
  new Plan("ops" in options ? options : graphOf(options), { batch, formulas, fuse });

/** A plain network with something else about it. */
const plain: NetworkOptions = { widths: [5, 4, 3] };

function withMetric(metric: string): Graph {
  const network = resolveNetwork([dense({ units: 6, inputShape: [5] })], 1);
  const recipe = resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError", metrics: [metric] });
  return buildGraph(network, recipe, "evaluate", undefined, undefined, measuresOf(network, recipe).columns);
}

describe("a network of what pages load at once", () => {
  it.each([
    ["linear, relu, squares, sgd", plain],
    [
      "sigmoid, binary cross-entropy, adam",
      { ...plain, activation: "sigmoid", last: "sigmoid", loss: "binaryCrossentropy", optimizer: "adam" },
    ],
    ["tanh, half squares, adamW", { ...plain, activation: "tanh", loss: "halfSquaredError", optimizer: "adamW" }],
    ["softmax and its cross-entropy", { ...plain, last: "softmax", loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] }],
    ["dropout, mean squared and absolute errors", { ...plain, dropoutRate: 0.5, metrics: ["mse", "mae"] }],
  ] as const)("%s: needs nothing else, and has the same kernels as with all", (_, options) => {
    expect(planOf(options).launches).toEqual(planOf(options, FORMULAS).launches);
    expect(planOf(options, undefined, 4, false).launches).toEqual(planOf(options, FORMULAS, 4, false).launches);
  });

  it("has these names, and no others", () => {
    const names = (table: object) => Object.keys(table).sort();
    expect(names(COMMON_FORMULAS)).toEqual(["derivatives", "losses", "updates", "values"]);
    expect(names(COMMON_FORMULAS.values)).toEqual(["linear", "relu", "sigmoid", "tanh"]);
    expect(names(COMMON_FORMULAS.derivatives)).toEqual(["linear", "relu", "sigmoid", "tanh"]);
    expect(names(COMMON_FORMULAS.losses)).toEqual(["binaryCrossentropy", "halfSquaredError", "meanSquaredError"]);
    expect(names(COMMON_FORMULAS.updates)).toEqual(["adam", "adamW", "sgd"]);
  });
});

const LACKING: readonly (readonly [name: string, missing: string, options: NetworkOptions | Graph])[] = [
  ...(["leakyRelu", "elu", "softplus", "gelu", "geluTanh", "swish"] as const).map(
    (activation) => [activation, activation, { ...plain, activation }] as const,
  ),
  ...(["huber", "meanAbsoluteError", "meanAbsolutePercentageError", "meanSquaredLogarithmicError", "logCosh"] as const).map(
    (loss) => [loss, loss, { ...plain, loss }] as const,
  ),
  ...(["hinge", "squaredHinge", "klDivergence", "poisson"] as const).map((loss) => [loss, loss, { ...plain, loss }] as const),
  ...(["rmsprop", "adagrad", "adadelta", "adamax", "lion"] as const).map(
    (optimizer) => [optimizer, optimizer, { ...plain, optimizer }] as const,
  ),
  ["a penalty", "penalty", { ...plain, regularizer: l2(0.1) }],
  ["clipped values", "clip", { ...plain, optimizer: sgd({ clipValue: 1 }) }],
  ["clipped norms", "norms", { ...plain, optimizer: sgd({ clipNorm: 1 }) }],
  ["smoothed labels", "smooth", { ...plain, last: "softmax", loss: categoricalCrossentropy({ labelSmoothing: 0.1 }) }],
  ["a rare metric", "cosineSimilarity", withMetric("cosineSimilarity")],
];

describe("a network with", () => {
  it.each(LACKING)("%s: without its formula %s no plan is made, and the error names it", (_, missing, options) => {
    expect(() => planOf(options)).toThrow(new Error(`the formula of ${missing} was not loaded`));
    expect(() => planOf(options, FORMULAS), "control: with all").not.toThrow();
  });

  it("clipped norms and no fusion: the norm has a kernel of its own, which lacks its formula too", () => {
    expect(() => planOf({ ...plain, optimizer: sgd({ clipNorm: 1 }) }, undefined, 4, false)).toThrow(/the formula of clip was not loaded/);
  });
});

describe("a sum", () => {
  const asked: number[] = [];
  const blocks = (levels: number) => {
    asked.push(levels);
    return () => `${levels} levels`;
  };

  // 32² = 1024 terms in a level, 32³ = 32,768 in two.
  it.each([
    [1, null],
    [4096, null],
    [4097, "2 levels"],
    [32768, "2 levels"],
    [32769, "3 levels"],
    [1_048_577, "4 levels"],
  ])("of %i terms is done in %s", (terms, text) => {
    const write = blocksOf({ ...COMMON_FORMULAS, blocks }, terms);
    expect(write?.([], "", "", 1, () => "") ?? null).toBe(text);
  });

  it("over more than 4096 rows needs what writes blocks", () => {
    expect(() => planOf(plain, undefined, 4096)).not.toThrow();
    expect(() => planOf(plain, undefined, 4097)).toThrow("the formula of blocks was not loaded");
    expect(() => planOf(plain, FORMULAS, 4097)).not.toThrow();
  });
});
