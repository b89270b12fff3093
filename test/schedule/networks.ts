// Plans to be tried in the tests of this room: deep and shallow, wide and narrow, with everything that adds launches.

import { buildGraph, type FeatureFormat } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/types.ts";
import type { ActivationName } from "../../src/model/activations.ts";
import { dense, dropout, type Layer } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { adam, rmsprop, sgd } from "../../src/model/optimizers.ts";
import { l1l2, l2, type Regularizer } from "../../src/model/regularizers.ts";
import { Plan, type PlanOptions } from "../../src/schedule/plan.ts";
import { FORMULAS } from "../support/formulas.ts";

export interface NetworkOptions {
  /** From the input to the output. */
  readonly widths: readonly number[];
  readonly activation?: ActivationName;
  readonly last?: ActivationName;
  readonly loss?: unknown;
  readonly optimizer?: unknown;
  readonly metrics?: readonly string[];
  readonly regularizer?: Regularizer;
  readonly dropoutRate?: number;
  readonly purpose?: Graph["purpose"];
  readonly features?: FeatureFormat;
}

export function graphOf(options: NetworkOptions): Graph {
  const {
    widths,
    activation = "relu",
    last = "linear",
    loss = "meanSquaredError",
    optimizer = "sgd",
    metrics,
    regularizer,
    dropoutRate,
    purpose = "train",
    features,
  } = options;
  const layers = widths.slice(1).flatMap((units, i): Layer[] => {
    const isLast = i === widths.length - 2;
    const layer = dense({
      units,
      activation: isLast ? last : activation,
      inputShape: i === 0 ? [widths[0]] : undefined,
      kernelRegularizer: regularizer,
      biasRegularizer: regularizer,
    });
    return isLast || dropoutRate === undefined ? [layer] : [layer, dropout({ rate: dropoutRate })];
  });
  const network = resolveNetwork(layers, 1);
  return buildGraph(network, resolveRecipe(network, { optimizer, loss, metrics }), purpose, features);
}

export const digits = { last: "softmax", loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] } as const;
const same = (layers: number, width: number): number[] => Array.from({ length: layers + 1 }, () => width);

/** The network on which the project promises to save 40 % of the intermediates. */
export const PROMISED: NetworkOptions = {
  ...digits,
  widths: [784, 256, 256, 256, 256, 10],
  features: { type: "uint8", scale: 1 / 255 },
};

export const NETWORKS: Readonly<Record<string, NetworkOptions>> = {
  "one number in, one out": { widths: [1, 1] },
  "logistic regression": { widths: [20, 1], last: "sigmoid", loss: "binaryCrossentropy", metrics: ["accuracy"] },
  "digits, one hidden layer": { ...digits, widths: [784, 128, 10], optimizer: "adam" },
  "digits, four hidden layers": PROMISED,
  "fan-in 1, clipped together": { widths: [1, 7, 1, 5, 3], activation: "tanh", optimizer: sgd({ globalClipNorm: 1 }) },
  "gelu, which keeps z, with dropout": {
    ...digits,
    widths: [64, 65, 63, 10],
    activation: "gelu",
    dropoutRate: 0.2,
    optimizer: "adamW",
  },
  "softmax under squares": { widths: [9, 8, 7], last: "softmax", metrics: ["accuracy", "mse", "mae"] },
  "huber, clipped one by one": { widths: [9, 8, 7], loss: "huber", optimizer: sgd({ clipNorm: 1, momentum: 0.9 }) },
  "every state of rmsprop, clipped values, both penalties": {
    widths: [9, 8, 7],
    optimizer: rmsprop({ centered: true, momentum: 0.9, clipValue: 0.1 }),
    regularizer: l1l2({ l1: 0.1, l2: 0.1 }),
  },
  "twelve layers, penalties, clipped together": {
    ...digits,
    widths: [...same(12, 31), 10],
    optimizer: adam({ globalClipNorm: 1 }),
    regularizer: l2(1e-3),
  },
  "twelve layers, everything": {
    widths: same(12, 17),
    activation: "swish",
    dropoutRate: 0.1,
    metrics: ["accuracy", "mse", "mae"],
    optimizer: rmsprop({ centered: true, momentum: 0.9, globalClipNorm: 1 }),
    regularizer: l1l2({ l1: 0.1, l2: 0.1 }),
  },
  "forty thin layers": { widths: same(40, 2), activation: "sigmoid" },
  "ever narrower": { widths: [512, 256, 128, 64, 32, 16, 8, 4, 2, 1], activation: "elu" },
  "ever wider": { widths: [1, 2, 4, 8, 16, 32, 64, 128, 256], activation: "softplus" },
  evaluating: { ...PROMISED, purpose: "evaluate", regularizer: l2(1e-3) },
  predicting: { ...PROMISED, purpose: "predict" },
};

export type PlanCase = readonly [name: string, plan: Plan];

/** Every network as a fused and an unfused plan. */
export const planCases = (batches: readonly number[], more: Partial<PlanOptions> = {}): PlanCase[] =>
  Object.entries(NETWORKS).flatMap(([name, options]) =>
    batches.flatMap((batch) =>
      [true, false].map((fuse): PlanCase => [
        `${name}: batch ${batch}, ${fuse ? "fused" : "unfused"}`,
        new Plan(graphOf(options), { formulas: FORMULAS, batch, fuse, ...more }),
      ]),
    ),
  );
