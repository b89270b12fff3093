// Batch and layer normalization on the GPU: every tensor that is in memory against the float64 reference, in fused plans, step by step, and
// cut as for a software adapter; a full mini-batch and a smaller last one.

import { describe, expect, it } from "vitest";

import { activation, dense, dropout, type Layer } from "../../../src/model/layers.ts";
import { batchNormalization, layerNormalization } from "../../../src/model/normalization.ts";
import { adam, rmsprop, sgd, type Optimizer } from "../../../src/model/optimizers.ts";
import { simpleRNN } from "../../../src/model/recurrent.ts";
import { l2 } from "../../../src/model/regularizers.ts";
import { withNormalizations } from "../../../src/schedule/normalization.ts";
import { Plan } from "../../../src/schedule/plan.ts";
import { SEQUENCES } from "../../../src/schedule/sequences.ts";
import { verifyTrace, VerifyReport } from "../../../src/train/float64/verify.ts";
import { sample } from "../../reference/samples.ts";
import { FORMULAS } from "../../support/formulas.ts";
import { sabotage, useGpu } from "../support.ts";
import { bitsOf, Training } from "../training.ts";

const gpu = useGpu();
const SOFTWARE = { kind: "software", quads: false, workgroupBytes: 16384 } as const;

interface Case {
  readonly layers: readonly Layer[];
  readonly loss?: Parameters<typeof sample>[0]["loss"];
  readonly optimizer?: Optimizer;
  readonly metrics?: readonly string[];
  readonly rows?: number;
  readonly masked?: boolean;
}

const sparse = { loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] } as const;
const CASES: Record<string, Case> = {
  "one unit, two rows": { layers: [dense({ units: 1, inputShape: [1] }), batchNormalization(), dense({ units: 1 })], rows: 2 },
  "first, before a softmax layer": {
    layers: [batchNormalization({ inputShape: [9] }), dense({ units: 16, activation: "relu" }), dense({ units: 3, activation: "softmax" })],
    ...sparse,
    optimizer: adam(),
    rows: 33,
  },
  "between dense and relu, twice": {
    layers: [
      dense({ units: 17, inputShape: [5], useBias: false }),
      batchNormalization({ momentum: 0.5 }),
      activation("relu"),
      dropout({ rate: 0.3 }),
      dense({ units: 65, useBias: false }),
      batchNormalization({ scale: false, betaRegularizer: l2(0.1) }),
      activation("tanh"),
      dense({ units: 4, activation: "softmax" }),
    ],
    ...sparse,
    optimizer: rmsprop(),
    rows: 65,
  },
  last: {
    layers: [dense({ units: 130, inputShape: [3] }), batchNormalization({ center: false })],
    rows: 7,
    optimizer: sgd({ globalClipNorm: 0.1, learningRate: 0.1 }),
  },
  "over 128 × 128 weights": { layers: [dense({ units: 150, inputShape: [140] }), batchNormalization(), dense({ units: 2 })], rows: 9 },
  "steps of sequences": {
    layers: [
      batchNormalization({ inputShape: [7, 3] }),
      simpleRNN({ units: 6, returnSequences: true }),
      batchNormalization(),
      dense({ units: 2 }),
    ],
    rows: 5,
    optimizer: adam(),
  },
  "layer normalization": {
    layers: [
      layerNormalization({ inputShape: [9] }),
      dense({ units: 17 }),
      layerNormalization({ gammaRegularizer: l2(0.1) }),
      activation("gelu"),
      dense({ units: 3, activation: "softmax" }),
    ],
    ...sparse,
    optimizer: adam({ clipNorm: 0.1 }),
    rows: 33,
  },
  "layer normalization of padded sequences": {
    layers: [
      simpleRNN({ units: 6, inputShape: [7, 3], returnSequences: true }),
      layerNormalization(),
      dense({ units: 3, activation: "softmax" }),
    ],
    ...sparse,
    masked: true,
    rows: 9,
  },
};

function declare({ layers, loss = "meanSquaredError", optimizer = sgd(0.1), metrics, rows = 5, masked }: Case) {
  return { ...sample({ layers, loss, optimizer, metrics, rows, masked }), batch: rows };
}

const plansOf = ({ graph, batch }: ReturnType<typeof declare>) => {
  const options = { formulas: FORMULAS, batch, sequences: withNormalizations(SEQUENCES) };
  return {
    fused: new Plan(graph, options),
    "fused in software": new Plan(graph, { ...options, adapter: SOFTWARE }),
    unfused: new Plan(graph, { ...options, fuse: false }),
  };
};

describe.each(Object.entries(CASES))("%s", (_, given) => {
  const declared = declare(given),
    { values, scalars } = declared,
    plans = plansOf(declared);

  it.each(["fused", "fused in software", "unfused"] as const)("every tensor of the %s plan is within its bound", async (kind) => {
    const run = await Training.open(gpu, plans[kind], values);
    for (const step of [scalars, { ...scalars, step: 1, rows: Math.max(2, scalars.rows - 2) }]) {
      const before = await run.before();
      const report = new VerifyReport(1, verifyTrace(run.plan, await run.trace(step), before, step, step.step));
      expect(report.firstFailure, String(report)).toBeNull();
      expect(report.tensors).toBeGreaterThan(3);
    }
    run.dispose();
  });

  it("leaves the same bits again", async () => {
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
  it.each([
    ["the mean of another number of rows", "between dense and relu, twice", "mean_n2", "step.inverse_rows", "(step.inverse_rows * 1.001)"],
    ["the moving mean", "between dense and relu, twice", "moving_mean2", "0.5f *", "0.51f *"],
    ["n", "first, before a softmax layer", "n1", " - scratch", " + scratch"],
    ["a row's variance", "layer normalization", "n1", "variance /= ", "variance *= 1.001 / "],
  ] as const)("%s", async (_, name, tensor, from, to) => {
    const declared = declare(CASES[name]),
      { values, scalars } = declared,
      plan = plansOf(declared).unfused;
    const launch = plan.launches.findIndex(({ touches }) =>
      touches.some((touch) => touch.tensor === tensor && touch.access === "read_write"),
    );
    const wrong = sabotage(plan, launch, from, to),
      run = await Training.open(gpu, wrong, values);
    const report = new VerifyReport(1, verifyTrace(wrong, await run.trace(scalars), values, scalars, 0));
    run.dispose();
    expect(report.firstFailure?.name).toBe(tensor);
  });
});
