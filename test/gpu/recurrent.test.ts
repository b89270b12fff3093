// Recurrent layers on the GPU: every tensor that is in memory, at every time step, against the float64 reference, in fused
// plans (two launches), step by step, and cut as for a software adapter.

import { describe, expect, it } from "vitest";

import { dense, dropout, type Layer } from "../../src/model/layers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { sequential } from "../../src/index.ts";
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

const CASES: Record<string, Case> = {
  "T = 1, one unit": { layers: [simpleRNN({ units: 1, inputShape: [1, 1], returnSequences: true })], rows: 1 },
  "T = 2, many to one": { layers: [simpleRNN({ units: 5, inputShape: [2, 3] }), dense({ units: 2 })] },
  "T = 7, many to many": {
    layers: [simpleRNN({ units: 9, inputShape: [7, 4], returnSequences: true }), dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
    optimizer: adam(),
  },
  "whole numbers in": {
    layers: [
      simpleRNN({ units: 17, inputShape: [6], inputVocabulary: 11, returnSequences: true }),
      dense({ units: 11, activation: "softmax" }),
    ],
    loss: "sparseCategoricalCrossentropy",
    optimizer: adam({ globalClipNorm: 0.5 }),
    rows: 13,
  },
  "three layers, relu and sigmoid, dense before": {
    layers: [
      dense({ units: 6, activation: "tanh", inputShape: [7, 3] }),
      simpleRNN({ units: 8, activation: "relu", returnSequences: true, kernelRegularizer: l2(1e-3), recurrentRegularizer: l2(1e-3) }),
      simpleRNN({ units: 5, activation: "sigmoid", returnSequences: true, useBias: false }),
      simpleRNN({ units: 4 }),
      dense({ units: 1 }),
    ],
    optimizer: rmsprop(),
    metrics: ["mae"],
  },
  "dropout held over time": {
    layers: [simpleRNN({ units: 6, inputShape: [5, 4], dropout: 0.4, returnSequences: true }), dropout({ rate: 0.2 }), dense({ units: 2 })],
    optimizer: sgd({ learningRate: 0.1, clipNorm: 0.1 }),
  },
  "padded, many to many": {
    layers: [simpleRNN({ units: 6, inputShape: [7, 3], returnSequences: true }), dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
    masked: true,
    rows: 9,
  },
  "padded, many to one": {
    layers: [simpleRNN({ units: 6, inputShape: [7, 3], returnSequences: true }), simpleRNN({ units: 4 }), dense({ units: 2 })],
    masked: true,
    rows: 9,
    optimizer: adam(),
  },
  "stateful, going on": {
    layers: [
      simpleRNN({ units: 6, inputShape: [4, 3], stateful: true, returnSequences: true }),
      simpleRNN({ units: 5, stateful: true }),
      dense({ units: 2 }),
    ],
    carried: true,
    rows: 6,
  },
  "130 units": { layers: [simpleRNN({ units: 130, inputShape: [5, 3], returnSequences: true }), dense({ units: 3 })], rows: 9 },
};

function declare({ layers, loss = "meanSquaredError", optimizer = sgd(0.1), metrics, rows = 5, masked, carried }: Case) {
  return { ...sample({ layers, loss, optimizer, metrics, rows, masked, carried }), batch: rows };
}

const plansOf = ({ graph, batch }: ReturnType<typeof declare>) => ({
  fused: new Plan(graph, { formulas: FORMULAS, batch, sequences: SEQUENCES }),
  "fused in software": new Plan(graph, { formulas: FORMULAS, batch, sequences: SEQUENCES, adapter: SOFTWARE }),
  unfused: new Plan(graph, { formulas: FORMULAS, batch, sequences: SEQUENCES, fuse: false }),
});

describe.each(Object.entries(CASES))("%s", (_, given) => {
  const declared = declare(given),
    { values, scalars } = declared,
    plans = plansOf(declared);

  it.each(["fused", "fused in software", "unfused"] as const)("every tensor of the %s plan is within its bound", async (kind) => {
    const run = await Training.open(gpu, plans[kind], values);
    for (const step of [scalars, { ...scalars, step: 1, rows: Math.max(1, scalars.rows - 2) }].slice(0, given.carried ? 1 : 2)) {
      const before = await run.before();
      const report = new VerifyReport(1, verifyTrace(run.plan, await run.trace(step), before, step, step.step));
      expect(report.firstFailure, String(report)).toBeNull();
      expect(report.tensors).toBeGreaterThan(3);
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

it("a layer whose states are the answers predicts what the reference does", async () => {
  const x = Float32Array.from({ length: 9 * 7 * 3 }, (_, i) => Math.sin(i));
  const answers = await Promise.all(
    (["webgpu", "cpu"] as const).map(async (backend) => {
      const model = sequential({ seed: 1, layers: [simpleRNN({ units: 5, inputShape: [7, 3], returnSequences: true })] });
      await model.compile({ optimizer: "sgd", loss: "meanSquaredError", ...(backend === "webgpu" ? { device: gpu.device } : { backend }) });
      const predicted = await model.predict(x, { batchSize: 4 });
      model.dispose();
      return predicted;
    }),
  );
  expect(answers[0].length).toBe(9 * 7 * 5);
  answers[0].forEach((value, i) => expect(Math.abs(value - answers[1][i])).toBeLessThanOrEqual(1e-5));
});

describe("control: what is off is caught and named", () => {
  const declared = declare(CASES["T = 7, many to many"]),
    { values, scalars } = declared,
    plan = plansOf(declared).fused;
  it.each([
    ["h, at the last step only", "h1", /(var value = [^;]*product\);)/, "$1 if (t == 6u) { value *= 1.001; }"],
    ["δ(t+1) left out", "delta1", "t == 6u)", "t <= 6u)"],
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
