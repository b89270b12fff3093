// LSTM and GRU on the WebAssembly engine: every tensor that is in memory against the float64 reference, fused and unfused; many steps in one call
// against the same steps one by one (threads: threads.test.ts). Widths around the vectors: blocks of gates begin anywhere.

import { describe, expect, it } from "vitest";
import { dense, dropout, type Layer } from "../../src/model/layers.ts";
import { gru, lstm } from "../../src/model/gated.ts";
import type { Loss } from "../../src/model/losses.ts";
import { adam, ratesAt, sgd, type Optimizer } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import type { GRUOptions, LSTMOptions } from "../../src/model/recurrent-types.ts";
import type { StepScalars } from "../../src/graph/types.ts";
import { verifyTrace, VerifyReport } from "../../src/train/float64/verify.ts";
import { sample } from "../reference/samples.ts";
import { WasmTraining } from "./support.ts";

interface Case {
  readonly layers: readonly Layer[];
  readonly batch: number;
  /** Rows of the last mini-batch. */
  readonly last: number;
  readonly loss?: Loss["name"];
  readonly optimizer?: Optimizer;
  readonly masked?: boolean;
  readonly carried?: boolean;
}

type Make = (options: LSTMOptions & GRUOptions) => Layer;
const CELLS: Record<"lstm" | "gru", Make> = { lstm: (options) => lstm(options), gru: (options) => gru(options) };

const casesOf = (layer: Make): Record<string, Case> => ({
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 19, 24, 33].map((units): [string, Case] => [
      `${units} units`,
      {
        layers: [layer({ units, inputShape: [4, 3], returnSequences: true }), dense({ units: 2 })],
        batch: 6,
        last: 5,
        optimizer: adam(),
      },
    ]),
  ),
  "one step": { layers: [layer({ units: 5, inputShape: [1, 2] }), dense({ units: 1 })], batch: 4, last: 1 },
  "two steps, no biases": { layers: [layer({ units: 6, inputShape: [2, 2], useBias: false }), dense({ units: 1 })], batch: 5, last: 3 },
  "whole numbers, padded": {
    layers: [layer({ units: 11, inputShape: [6], inputVocabulary: 7, returnSequences: true }), dense({ units: 7, activation: "softmax" })],
    batch: 9,
    last: 7,
    loss: "sparseCategoricalCrossentropy",
    masked: true,
    optimizer: adam({ globalClipNorm: 0.5 }),
  },
  "stacked, padded, one answer": {
    layers: [
      layer({ units: 6, inputShape: [7, 3], returnSequences: true, dropout: 0.3 }),
      dropout({ rate: 0.2 }),
      simpleRNN({ units: 5, returnSequences: true }),
      layer({ units: 3, activation: "relu", recurrentActivation: "tanh" }),
      dense({ units: 2 }),
    ],
    batch: 9,
    last: 4,
    masked: true,
  },
  "gates on straight lines": {
    layers: [
      layer({ units: 6, inputShape: [3, 2], recurrentActivation: "hardSigmoid", returnSequences: true }),
      layer({ units: 3, recurrentActivation: "hardSigmoidKeras2" }),
      dense({ units: 2 }),
    ],
    batch: 9,
    last: 4,
  },
  "stateful, padded": {
    layers: [
      layer({ units: 6, inputShape: [4, 3], stateful: true, returnSequences: true }),
      layer({ units: 9, stateful: true }),
      dense({ units: 2 }),
    ],
    batch: 6,
    last: 6,
    carried: true,
    masked: true,
  },
});

describe.each(["lstm", "gru"] as const)("%s", (cell) =>
  describe.each(Object.entries(casesOf(CELLS[cell])))(
    "%s",
    (_, { layers, batch, last, loss = "meanSquaredError", optimizer = sgd(0.1), masked, carried }) => {
      const { graph, values } = sample({ layers, loss, optimizer, rows: batch, masked, carried });
      const steps = [batch, batch, last].map((rows, step): StepScalars => ({
        rows,
        offset: step === 2 ? batch - last : 0,
        step,
        ...ratesAt(optimizer, step),
      }));
      const numbers = (of: WasmTraining) => [...of.state()].map(([name, floats]) => [name, [...floats]]);

      it.each([true, false])("every tensor is within its bound, fused: %s", async (fuse) => {
        const run = await WasmTraining.open(graph, batch, values, fuse);
        for (const [i, given] of steps.entries()) {
          const scalars = { ...given, fresh: i === 2 || !carried },
            before = run.before(),
            report = new VerifyReport(1, verifyTrace(run.plan, run.trace(scalars), before, scalars, i));
          expect(report.firstFailure, String(report)).toBeNull();
          expect(report.tensors).toBeGreaterThan(fuse ? 5 : graph.ops.length);
        }
      });

      it("steps in one call leave the bits of steps one by one, with NaN in memory before each", async () => {
        const together = await WasmTraining.open(graph, batch, values),
          apart = await WasmTraining.open(graph, batch, values);
        const results = together.run(steps);
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
  ),
);

it.each(["lstm", "gru"] as const)("control: %s that went on from other states is seen", async (cell) => {
  const { layers, batch } = casesOf(CELLS[cell])["stateful, padded"];
  const { graph, values, scalars } = sample({ layers, loss: "meanSquaredError", rows: batch, masked: true, carried: true });
  const run = await WasmTraining.open(graph, batch, values),
    before = run.before(),
    trace = run.trace(scalars);
  const failure = (fresh: boolean) => new VerifyReport(1, verifyTrace(run.plan, trace, before, { ...scalars, fresh }, 0)).firstFailure;
  expect(failure(false)).toBeNull();
  expect(failure(true)).not.toBeNull();
});
