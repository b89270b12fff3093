// LSTM and GRU: every tensor that is in memory, at every time step, against the float64 reference, in fused plans, step by step, and cut as
// for a software adapter.

import { describe, expect, it } from "vitest";

import { gru, lstm } from "../../src/model/gated.ts";
import { dense, type Layer } from "../../src/model/layers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import type { GRUOptions, LSTMOptions } from "../../src/model/recurrent-types.ts";
import { adam, rmsprop, sgd, type Optimizer } from "../../src/model/optimizers.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { verifyTrace, VerifyReport } from "../../src/train/float64/verify.ts";
import { sample } from "../reference/samples.ts";
import { sabotage, useGpu } from "./support.ts";
import { bitsOf, Training } from "./training.ts";
import { FORMULAS } from "../support/formulas.ts";

const gpu = useGpu();
const SOFTWARE = { kind: "software", quads: false, workgroupBytes: 16384 } as const;

interface Case {
  readonly layers: readonly Layer[];
  readonly loss?: Parameters<typeof sample>[0]["loss"];
  readonly optimizer?: Optimizer;
  readonly metrics?: readonly string[];
  readonly rows?: number;
  readonly masked?: boolean;
  readonly carried?: boolean;
}

type Make = (options: LSTMOptions & GRUOptions) => Layer;
const CELLS: Record<"lstm" | "gru", Make> = { lstm: (options) => lstm(options), gru: (options) => gru(options) };

const casesOf = (layer: Make): Record<string, Case> => ({
  "T = 1, one unit": { layers: [layer({ units: 1, inputShape: [1, 1], returnSequences: true })], rows: 1 },
  "T = 7, many to many": {
    layers: [layer({ units: 9, inputShape: [7, 4], returnSequences: true }), dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
    optimizer: adam(),
  },
  "whole numbers in": {
    layers: [
      layer({ units: 17, inputShape: [6], inputVocabulary: 11, returnSequences: true }),
      dense({ units: 11, activation: "softmax" }),
    ],
    loss: "sparseCategoricalCrossentropy",
    optimizer: adam({ globalClipNorm: 0.5 }),
    rows: 13,
  },
  "layers of all activations, mixed": {
    layers: [
      dense({ units: 6, activation: "tanh", inputShape: [7, 3] }),
      layer({ units: 8, activation: "relu", recurrentActivation: "tanh", returnSequences: true, kernelRegularizer: l2(1e-3) }),
      simpleRNN({ units: 5, returnSequences: true }),
      layer({ units: 4, activation: "linear", recurrentActivation: "relu", useBias: false, returnSequences: true }),
      layer({ units: 3, recurrentActivation: "hardSigmoid", returnSequences: true }),
      layer({ units: 3, recurrentActivation: "hardSigmoidKeras2" }),
      dense({ units: 1 }),
    ],
    optimizer: rmsprop(),
    metrics: ["mae"],
  },
  "padded, many to many": {
    layers: [layer({ units: 6, inputShape: [7, 3], returnSequences: true }), dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
    masked: true,
    rows: 9,
  },
  "padded, many to one": {
    layers: [layer({ units: 6, inputShape: [7, 3], returnSequences: true }), layer({ units: 4 }), dense({ units: 2 })],
    masked: true,
    rows: 9,
    optimizer: adam(),
  },
  "stateful, going on": {
    layers: [
      layer({ units: 6, inputShape: [4, 3], stateful: true, returnSequences: true }),
      layer({ units: 5, stateful: true }),
      dense({ units: 2 }),
    ],
    carried: true,
    rows: 6,
  },
  "stateful and padded": {
    layers: [layer({ units: 7, inputShape: [5, 3], stateful: true }), dense({ units: 2 })],
    carried: true,
    masked: true,
    rows: 6,
  },
  "130 units": { layers: [layer({ units: 130, inputShape: [5, 3], returnSequences: true }), dense({ units: 3 })], rows: 9 },
});

function declare({ layers, loss = "meanSquaredError", optimizer = sgd(0.1), metrics, rows = 5, masked, carried }: Case) {
  return { ...sample({ layers, loss, optimizer, metrics, rows, masked, carried }), batch: rows };
}

const plansOf = ({ graph, batch }: ReturnType<typeof declare>) => ({
  fused: new Plan(graph, { formulas: FORMULAS, batch, sequences: SEQUENCES }),
  "fused in software": new Plan(graph, { formulas: FORMULAS, batch, sequences: SEQUENCES, adapter: SOFTWARE }),
  unfused: new Plan(graph, { formulas: FORMULAS, batch, sequences: SEQUENCES, fuse: false }),
});

describe.each(["lstm", "gru"] as const)("%s", (cell) => {
  const cases = casesOf(CELLS[cell]);
  describe.each(Object.entries(cases))("%s", (_, given) => {
    const declared = declare(given),
      { values, scalars } = declared,
      plans = plansOf(declared);

    it.each(["fused", "fused in software", "unfused"] as const)("every tensor of the %s plan is within its bound", async (kind) => {
      const run = await Training.open(gpu, plans[kind], values);
      for (const step of [scalars, { ...scalars, step: 1, rows: Math.max(1, scalars.rows - 2) }].slice(0, given.carried ? 1 : 2)) {
        const before = await run.before();
        const report = new VerifyReport(1, verifyTrace(run.plan, await run.trace(step), before, step, step.step));
        expect(report.firstFailure, String(report)).toBeNull();
        expect(report.tensors).toBeGreaterThan(5);
      }
      run.dispose();
    });

    it("takes at most four launches, and leaves the same bits again", async () => {
      expect(plans.fused.launchesPerStep).toBeLessThanOrEqual(4);
      const [a, b] = await Promise.all([0, 1].map(() => Training.open(gpu, plans.fused, values)));
      expect(bitsOf(new Map([["results", await a.run([scalars, scalars], true)]]))).toEqual(
        bitsOf(new Map([["results", await b.run([scalars, scalars])]])),
      );
      expect(bitsOf(await a.state())).toEqual(bitsOf(await b.state()));
      a.dispose();
      b.dispose();
    });
  });

  describe("control: what is off is caught and named", () => {
    const declared = declare(cases["T = 7, many to many"]),
      { values, scalars } = declared,
      plan = plansOf(declared).fused;
    it.each([
      ["a gate at the last step only", "h1", /(fn \w+_finish\(product[^{]*\{)/, "$1 if (t == 6u) { return; }"],
      ["δ(t+1) left out", "delta1", "t == 6u)", "t <= 6u)"],
      ["what comes straight from t + 1 left out", "delta1", "if (t < 6u) { straight", "if (t < 5u) { straight"],
    ] as const)("%s", async (_, name, from, to) => {
      const launch = plan.launches.findIndex(({ touches }) =>
        touches.some(({ tensor, access }) => tensor === name && access === "read_write"),
      );
      const wrong = sabotage(plan, launch, from, to);
      const run = await Training.open(gpu, wrong, values);
      const report = new VerifyReport(1, verifyTrace(wrong, await run.trace(scalars), values, scalars, 0));
      run.dispose();
      expect(report.firstFailure?.name).toBe(name);
    });
  });
});
