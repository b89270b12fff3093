// Whole training steps on the WebAssembly engine: every tensor that is in memory against the float64 reference, fused and unfused,
// and many steps in one call against the same steps one by one.

import { describe, expect, it } from "vitest";
import { dense, dropout, activation, type Layer } from "../../src/model/layers.ts";
import type { ActivationName } from "../../src/model/activations.ts";
import { huber, type Loss } from "../../src/model/losses.ts";
import { batchNormalization, layerNormalization } from "../../src/model/normalization.ts";
import { adagrad, adam, adamW, ratesAt, rmsprop, sgd, type Optimizer } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l1l2, l2 } from "../../src/model/regularizers.ts";
import type { StepScalars } from "../../src/graph/types.ts";
import { verifyTrace, VerifyReport } from "../../src/train/float64/verify.ts";
import { sample } from "../reference/samples.ts";
import { WasmTraining } from "./support.ts";

interface Case {
  readonly layers: readonly Layer[];
  readonly batch: number;
  /** Rows of the last mini-batch. */
  readonly last: number;
  readonly loss?: Loss["name"] | Loss;
  readonly optimizer?: Optimizer;
  readonly metrics?: readonly string[];
  readonly masked?: boolean;
  readonly weighted?: boolean;
  readonly carried?: boolean;
}

interface Stack {
  readonly activation?: ActivationName;
  readonly output?: ActivationName;
  readonly regularizer?: ReturnType<typeof l2>;
  readonly dropoutRate?: number;
}

const stack = (
  widths: readonly number[],
  { activation: name = "linear", output = "linear", regularizer, dropoutRate }: Stack = {},
): Layer[] =>
  widths.slice(1).flatMap((units, i): Layer[] => {
    const isLast = i === widths.length - 2;
    const layer = dense({
      units,
      activation: isLast ? output : name,
      inputShape: i === 0 ? [widths[0]] : undefined,
      kernelRegularizer: regularizer ?? null,
      biasRegularizer: regularizer ?? null,
      useBias: i !== 1,
    });
    return isLast || dropoutRate === undefined ? [layer] : [layer, dropout({ rate: dropoutRate })];
  });

const sparse = { loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] } as const;
const rnn = (units: number, timesteps: number, width: number, options: Record<string, unknown> = {}) =>
  simpleRNN({ units, inputShape: [timesteps, width], ...options });

/** Widths around the tiles (1, 4, 8, 16 and their neighbours), every layer, loss, optimizer and kind of clipping at least once. */
const CASES: Record<string, Case> = {
  "1-1": { layers: stack([1, 1]), batch: 1, last: 1 },
  "64-1, logistic regression": {
    layers: stack([64, 1], { output: "sigmoid" }),
    batch: 32,
    last: 1,
    loss: "binaryCrossentropy",
    metrics: ["accuracy", "mse", "mae"],
    optimizer: sgd({ momentum: 0.9, nesterov: true, learningRate: 0.1 }),
  },
  "3-16-3, tanh, dropout": {
    layers: stack([3, 16, 3], { activation: "tanh", output: "softmax", dropoutRate: 0.3 }),
    batch: 7,
    last: 3,
    ...sparse,
    optimizer: adam(),
  },
  "5-9-4, relu, dropout of odd widths": {
    layers: stack([5, 9, 13, 4], { activation: "relu", output: "softmax", dropoutRate: 0.5 }),
    batch: 9,
    last: 5,
    ...sparse,
    optimizer: adam({ globalClipNorm: 1 }),
  },
  "1-17-1, softplus": {
    layers: stack([1, 17, 1], { activation: "softplus" }),
    batch: 33,
    last: 32,
    loss: huber({ delta: 0.5 }),
    optimizer: sgd({ globalClipNorm: 0.1, learningRate: 0.1 }),
  },
  "3-9-3, weighted rows": {
    layers: stack([3, 9, 3], { activation: "tanh", output: "softmax", dropoutRate: 0.3 }),
    batch: 9,
    last: 5,
    ...sparse,
    optimizer: adam(),
    weighted: true,
  },
  "5-17, weighted rows of a linear layer": { layers: stack([5, 17]), batch: 7, last: 2, weighted: true, metrics: ["mse"] },
  "an answer a step, padded and weighted": {
    layers: [rnn(5, 4, 3, { returnSequences: true }), dense({ units: 3, activation: "softmax" })],
    batch: 6,
    last: 5,
    ...sparse,
    masked: true,
    weighted: true,
  },
  "17-64-65-16, swish": {
    layers: stack([17, 64, 65, 16], { activation: "swish", output: "softmax", regularizer: l2(1e-3) }),
    batch: 33,
    last: 7,
    loss: "categoricalCrossentropy",
    metrics: ["accuracy"],
    optimizer: rmsprop({ momentum: 0.5 }),
  },
  "65-1-130-3, elu": {
    layers: stack([65, 1, 130, 3], { activation: "elu", output: "tanh", regularizer: l1l2({ l1: 1e-3, l2: 1e-2 }) }),
    batch: 32,
    last: 17,
    loss: "halfSquaredError",
    optimizer: adagrad({ clipNorm: 0.5 }),
  },
  "130-65-17-16-10, relu": {
    layers: stack([130, 65, 17, 16, 10], { activation: "relu", output: "softmax" }),
    batch: 32,
    last: 16,
    ...sparse,
    optimizer: adamW({ clipValue: 0.01 }),
  },
  "16-3-16-17-64-1, sigmoid": {
    layers: stack([16, 3, 16, 17, 64, 1], { activation: "sigmoid", output: "softplus", regularizer: l2(1e-2) }),
    batch: 7,
    last: 6,
    metrics: ["mae"],
    optimizer: adam({ globalClipNorm: 0.3 }),
  },
  "3-3-3, softmax under squares": {
    layers: stack([3, 3, 3], { activation: "leakyRelu", output: "softmax" }),
    batch: 33,
    last: 1,
    loss: "meanSquaredError",
    optimizer: rmsprop({ centered: true }),
  },
  "recurrent, last step": { layers: [rnn(5, 3, 2), dense({ units: 2 })], batch: 5, last: 3, optimizer: adam() },
  "recurrent, one unit, one step": { layers: [rnn(1, 1, 1)], batch: 3, last: 1, optimizer: sgd(0.1) },
  "recurrent, every step, two layers": {
    layers: [
      rnn(9, 7, 3, { returnSequences: true }),
      dropout({ rate: 0.2 }),
      simpleRNN({ units: 17, activation: "relu" }),
      activation({ activation: "sigmoid" }),
      dense({ units: 3, activation: "softmax" }),
    ],
    batch: 6,
    last: 5,
    ...sparse,
    optimizer: rmsprop(),
  },
  "recurrent, padded": {
    layers: [rnn(6, 5, 3, { returnSequences: true }), dense({ units: 4, activation: "softmax" })],
    batch: 6,
    last: 5,
    ...sparse,
    optimizer: adam(),
    masked: true,
  },
  "recurrent, padded, last step": {
    layers: [rnn(6, 5, 3, { returnSequences: true }), simpleRNN({ units: 3 }), dense({ units: 1 })],
    batch: 6,
    last: 5,
    masked: true,
  },
  "recurrent, stateful": {
    layers: [rnn(8, 4, 3, { returnSequences: true, stateful: true }), dense({ units: 2 })],
    batch: 4,
    last: 4,
    optimizer: adam(),
    carried: true,
  },
  "recurrent, vocabulary of odd size": {
    layers: [simpleRNN({ units: 5, inputShape: [3], inputVocabulary: 7 }), dense({ units: 1 })],
    batch: 9,
    last: 2,
    optimizer: adam(),
  },
  "recurrent, vocabulary": {
    layers: [
      simpleRNN({ units: 12, inputShape: [6], inputVocabulary: 11, returnSequences: true, stateful: true }),
      dense({ units: 11, activation: "softmax" }),
    ],
    batch: 5,
    last: 5,
    ...sparse,
    optimizer: adam({ globalClipNorm: 1 }),
    carried: true,
  },
  "batch normalization, first": {
    layers: [batchNormalization({ inputShape: [9] }), dense({ units: 16, activation: "relu" }), dense({ units: 3, activation: "softmax" })],
    batch: 33,
    last: 7,
    ...sparse,
    optimizer: adam(),
  },
  "batch normalization, of one and of many columns": {
    layers: [
      dense({ units: 1, inputShape: [5] }),
      batchNormalization({ momentum: 0.5 }),
      dense({ units: 30 }),
      batchNormalization({ scale: false, betaRegularizer: l2(0.1) }),
      activation("relu"),
      dropout({ rate: 0.3 }),
      dense({ units: 2 }),
      batchNormalization({ center: false }),
    ],
    batch: 9,
    last: 2,
    optimizer: rmsprop(),
  },
  "batch normalization of more rows than are summed at once": {
    layers: [dense({ units: 3, inputShape: [2] }), batchNormalization(), dense({ units: 1 })],
    batch: 130,
    last: 65,
  },
  "batch normalization of sequences": {
    layers: [
      batchNormalization({ inputShape: [5, 3] }),
      rnn(6, 5, 3, { inputShape: undefined, returnSequences: true }),
      batchNormalization(),
      simpleRNN({ units: 3 }),
      batchNormalization(),
      dense({ units: 2 }),
    ],
    batch: 6,
    last: 5,
    optimizer: adam(),
  },
  "layer normalization": {
    layers: [
      layerNormalization({ inputShape: [9] }),
      dense({ units: 17 }),
      layerNormalization({ gammaRegularizer: l2(0.1) }),
      activation("gelu"),
      layerNormalization({ scale: false, center: false }),
      dense({ units: 3, activation: "softmax" }),
    ],
    batch: 9,
    last: 4,
    ...sparse,
    optimizer: adam(),
  },
};

it.each([2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1])(
  "step %d draws the mask of its whole number; control: not that of its low half",
  async (step) => {
    const { layers, batch, optimizer = sgd(0.1), ...rest } = CASES["5-9-4, relu, dropout of odd widths"];
    const { graph, values } = sample({ layers, loss: "meanSquaredError", ...rest, optimizer, rows: batch });
    const run = await WasmTraining.open(graph, batch, values),
      scalars: StepScalars = { rows: batch, offset: 0, step, ...ratesAt(optimizer, step) };
    const before = run.before(),
      trace = run.trace(scalars),
      report = (at: number) => new VerifyReport(1, verifyTrace(run.plan, trace, before, { ...scalars, step: at }, 0)).firstFailure;
    expect(report(step)).toBeNull();
    expect(report(step >= 2 ** 32 ? step % 2 ** 32 : step - 1)).not.toBeNull();
  },
);

describe.each(Object.entries(CASES))(
  "%s",
  (_, { layers, batch, last, loss = "meanSquaredError", optimizer = sgd(0.1), metrics, masked, weighted, carried }) => {
    const { graph, values } = sample({ layers, loss, optimizer, metrics, rows: batch, masked, weighted, carried });
    const steps = [batch, batch, last].map((rows, step): StepScalars => ({
      rows,
      offset: step === 2 ? batch - last : 0,
      step,
      ...ratesAt(optimizer, step),
    }));

    it.each([true, false])("every tensor is within its bound, fused: %s", async (fuse) => {
      const run = await WasmTraining.open(graph, batch, values, fuse);
      for (const [i, scalars] of steps.entries()) {
        const before = run.before(),
          report = new VerifyReport(1, verifyTrace(run.plan, run.trace(scalars), before, scalars, i));
        expect(report.firstFailure, String(report)).toBeNull();
        expect(report.tensors).toBeGreaterThan(fuse ? 3 : graph.ops.length - 1);
      }
    });

    it("steps in one call leave the bits of steps one by one, with NaN in memory before each", async () => {
      const together = await WasmTraining.open(graph, batch, values),
        apart = await WasmTraining.open(graph, batch, values);
      const results = together.run(steps),
        numbers = (of: WasmTraining) => [...of.state()].map(([name, floats]) => [name, [...floats]]);
      const one = steps.flatMap((scalars) => [
        ...apart
          .trace(scalars)
          .findLast((written) => written.has("results"))!
          .get("results")!,
      ]);
      expect(numbers(together)).toEqual(numbers(apart));
      expect([...results]).toEqual(one);
      expect(one.every(Number.isFinite)).toBe(true);
    });
  },
);
