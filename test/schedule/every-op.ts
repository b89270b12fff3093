// A few small networks whose training steps have every op that there is, with numbers for all tensors: three examples a mini-batch.

import { buildGraph, type FeatureFormat } from "../../src/graph/build.ts";
import { cutGraph } from "../../src/graph/chunks.ts";
import * as normalization from "../../src/graph/normalization.ts";
import * as recurrent from "../../src/graph/recurrent.ts";
import { rowsOf, type Graph, type OpName, type Op, type StepScalars } from "../../src/graph/types.ts";
import { dense, dropout, type Layer } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { batchNormalization, layerNormalization } from "../../src/model/normalization.ts";
import { adam, sgd } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l1l2 } from "../../src/model/regularizers.ts";
import { evaluateStep } from "../../src/reference/evaluate.ts";

/** Every operation; a new one is an error of tsc here. */
const NAMES: Readonly<Record<OpName, true>> = {
  gather: true,
  product: true,
  rowSum: true,
  activation: true,
  activationDerivative: true,
  hadamard: true,
  softmax: true,
  softmaxPullback: true,
  dropout: true,
  lossRows: true,
  lossGradient: true,
  metricRows: true,
  penalty: true,
  penaltyGradient: true,
  clipValue: true,
  clipFactor: true,
  scale: true,
  update: true,
  accumulate: true,
  summarize: true,
  embeddingLookup: true,
  embeddingGradient: true,
  recurrentForward: true,
  recurrentBackward: true,
  previousStep: true,
  lastStep: true,
  lastStepGradient: true,
  carry: true,
  countSteps: true,
  maskRows: true,
  weightRows: true,
  moment: true,
  normalize: true,
  normalizeRows: true,
};
export const OP_NAMES = Object.keys(NAMES) as OpName[];

interface Declared {
  readonly layers: readonly Layer[];
  readonly loss?: unknown;
  readonly optimizer?: unknown;
  readonly metrics?: readonly string[];
  readonly features?: FeatureFormat;
}

function trainGraph({ layers, loss = "meanSquaredError", optimizer = "sgd", metrics, features }: Declared): Graph {
  const network = resolveNetwork(layers, 1);
  return buildGraph(network, resolveRecipe(network, { optimizer, loss, metrics }), "train", features, { ...recurrent, ...normalization });
}

const penalty = l1l2({ l1: 0.1, l2: 0.2 });

const MLP = trainGraph({
  layers: [
    dense({ units: 4, activation: "tanh", inputShape: [3], kernelRegularizer: penalty, biasRegularizer: penalty }),
    dropout({ rate: 0.5 }),
    dense({ units: 3, activation: "softmax" }),
  ],
  loss: "sparseCategoricalCrossentropy",
  metrics: ["accuracy"],
  optimizer: adam({ clipNorm: 0.1 }),
});

export const EVERY_OP: Readonly<Record<string, Graph>> = {
  "dropout, penalties, clipped by norms": MLP,
  "softmax under squares, clipped values": trainGraph({
    layers: [dense({ units: 4, activation: "sigmoid", inputShape: [3] }), dense({ units: 3, activation: "softmax" })],
    optimizer: sgd({ momentum: 0.9, clipValue: 0.01 }),
    features: { type: "uint8", scale: 0.5 },
  }),
  "sequences of words, padded, stateful": trainGraph({
    layers: [
      simpleRNN({ units: 4, inputShape: [2], inputVocabulary: 5, returnSequences: true, stateful: true }),
      dropout({ rate: 0.5 }),
      dense({ units: 3, activation: "softmax" }),
    ],
    loss: "sparseCategoricalCrossentropy",
    features: { type: "uint32", scale: 1, masked: true, weighted: "always" },
  }),
  "the last step of a sequence": trainGraph({ layers: [simpleRNN({ units: 4, inputShape: [2, 3], dropout: 0.5 }), dense({ units: 3 })] }),
  normalizations: trainGraph({
    layers: [
      dense({ units: 4, inputShape: [3] }),
      batchNormalization(),
      dense({ units: 5 }),
      layerNormalization(),
      dense({ units: 3, activation: "softplus" }),
    ],
  }),
  "a chunk of a mini-batch": cutGraph(MLP).accumulate,
};

export const EXAMPLES = 3;
export const STEP: StepScalars = { rows: EXAMPLES, offset: 1, step: 4, learningRate: 0.1, correctedRate: 0.2, fresh: false };

const LARGEST_PICK = 3;

/** An op with the numbers that it is given. */
export interface OpCase {
  readonly graph: Graph;
  readonly op: Op;
  readonly inputs: readonly Float64Array[];
  /** Those inputs that are whole numbers below 3: class indices, words, lengths. */
  readonly whole: readonly boolean[];
}

/** Each op of a graph with its operands as the step before it left them. Weights and data are made up, always the same ones. */
export function opCases(graph: Graph): OpCase[] {
  const picks = new Set(
    graph.ops.filter((op) => op.type === "gather" && op.source === "uint32").flatMap(({ inputs, outputs }) => [inputs[0], ...outputs]),
  );
  const bytes = new Set(graph.ops.filter((op) => op.type === "gather" && op.source === "uint8").map(({ inputs }) => inputs[0]));
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const values = new Map<string, Float64Array>();
  for (const { name, role, cols, rows } of graph.tensors.values()) {
    if (role === "intermediate" || role === "result") continue;
    // The rows of a data set: five examples, of several time steps each.
    const numbers = Float64Array.from(
      { length: role === "data" ? 64 * cols : rowsOf({ name, role, cols, rows }, EXAMPLES) * cols },
      (_, i) =>
        name === "order"
          ? i % 5
          : picks.has(name)
            ? name.includes("lengths")
              ? 1 + (i % 2)
              : i % LARGEST_PICK
            : bytes.has(name)
              ? i % 4
              : 0.1 + 0.8 * random(),
    );
    values.set(name, numbers);
  }
  return graph.ops.map((op) => {
    const inputs = op.inputs.map((name) => Float64Array.from(values.get(name)!));
    evaluateStep(op, inputs, graph, STEP).forEach((output, i) => values.set(op.outputs[i], output));
    return { graph, op, inputs, whole: op.inputs.map((name) => picks.has(name) || name === "order") };
  });
}
