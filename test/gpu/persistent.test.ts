// Persistent plans: all steps of a submit in one dispatch, weights and intermediates in workgroup memory or buffers. What they leave
// (weights, optimizer states, loss, metrics) against the float64 reference at every step, and against the plan of many
// launches; and fit() really dispatches once for many steps.

import { describe, expect, it, vi } from "vitest";
import type { StepScalars } from "../../src/graph/types.ts";
import { dense, dropout, type Layer } from "../../src/model/layers.ts";
import { huber } from "../../src/model/losses.ts";
import { adagrad, adam, adamW, ratesAt, rmsprop, sgd, type Optimizer } from "../../src/model/optimizers.ts";
import { l1l2, l2, type Regularizer } from "../../src/model/regularizers.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { writePersistent } from "../../src/schedule/persistent.ts";
import { tileFor } from "../../src/schedule/persistent-product.ts";
import { DEFAULT_ADAPTER, type Adapter } from "../../src/schedule/tiles.ts";
import { verifyTrace, VerifyReport } from "../../src/train/float64/verify.ts";
import { sequential } from "../../src/index.ts";
import { sample } from "../reference/samples.ts";
import { needsPersistent, sabotage, useGpu } from "./support.ts";
import { bitsOf, Training } from "./training.ts";
import { FORMULAS } from "../support/formulas.ts";

const gpu = useGpu();
/** What every WebGPU device has. */
const MEMORY = 16384;

interface Case {
  readonly layers: readonly Layer[];
  readonly loss: Parameters<typeof sample>[0]["loss"];
  readonly optimizer: Optimizer;
  readonly metrics?: readonly string[];
  readonly batch: number;
  readonly last: number;
}

const hidden = (
  units: number,
  inputs: number,
  activation: "tanh" | "gelu" | "sigmoid" | "relu",
  kernelRegularizer: Regularizer | null = null,
) => dense({ units, inputShape: [inputs], activation, kernelRegularizer });

/** Every part of a program at least once: gather, products, row sums, elementwise, row by row, few and many in a sum. */
const CASES: Record<string, Case> = {
  "2-8-1, XOR's network": {
    layers: [hidden(8, 2, "tanh"), dense({ units: 1, activation: "sigmoid" })],
    batch: 4,
    last: 3,
    loss: "binaryCrossentropy",
    optimizer: sgd(0.5),
    metrics: ["accuracy"],
  },
  "1-1, one weight": {
    layers: [dense({ units: 1, inputShape: [1], useBias: false })],
    batch: 1,
    last: 1,
    loss: "meanSquaredError",
    optimizer: sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
  },
  "4-8-3, softmax, dropout, L2": {
    layers: [
      hidden(8, 4, "gelu", l2(1e-2)),
      dropout({ rate: 0.3 }),
      dense({ units: 3, activation: "softmax", kernelRegularizer: l1l2({ l1: 1e-3, l2: 1e-3 }) }),
    ],
    batch: 16,
    last: 7,
    loss: "sparseCategoricalCrossentropy",
    optimizer: adam({ globalClipNorm: 0.5 }),
    metrics: ["accuracy"],
  },
  "3-16-16-2, each clipped": {
    layers: [hidden(16, 3, "sigmoid"), hidden(16, 16, "relu"), dense({ units: 2 })],
    batch: 33,
    last: 1,
    loss: huber({ delta: 0.5 }),
    optimizer: rmsprop({ clipNorm: 0.1, centered: true, momentum: 0.5 }),
  },
  "2-40-40-1, many in a sum": {
    layers: [hidden(40, 2, "tanh", l2(1e-3)), hidden(40, 40, "tanh", l2(1e-3)), dense({ units: 1 })],
    batch: 13,
    last: 5,
    loss: "halfSquaredError",
    optimizer: adamW({ clipValue: 0.01 }),
    metrics: ["mae"],
  },
  "2-6-1, 150 rows": {
    layers: [hidden(6, 2, "tanh"), dense({ units: 1 })],
    batch: 150,
    last: 149,
    loss: "meanSquaredError",
    optimizer: adagrad(),
    metrics: ["mse"],
  },
  "7-10-3, 7 rows: no tile is whole": {
    layers: [hidden(10, 7, "tanh"), dense({ units: 3, activation: "softmax" })],
    batch: 7,
    last: 1,
    loss: "categoricalCrossentropy",
    optimizer: sgd(0.1),
  },
  "5-17-10-3, several tiles of each product, the last one cut": {
    layers: [hidden(17, 5, "relu"), hidden(10, 17, "tanh"), dense({ units: 3 })],
    batch: 37,
    last: 9,
    loss: "meanSquaredError",
    optimizer: adam(1e-2),
  },
};

const hasQuads = (await navigator.gpu.requestAdapter())?.features.has("subgroups") ?? false;
/** What decides how the work is cut. Hosts without subgroups never have the third. */
const ADAPTERS = {
  gpu: DEFAULT_ADAPTER,
  software: { ...DEFAULT_ADAPTER, kind: "software" },
  "software with quads": { ...DEFAULT_ADAPTER, kind: "software", quads: hasQuads },
} satisfies Record<string, Adapter>;
type AdapterName = keyof typeof ADAPTERS;

function declare({ layers, loss, optimizer, metrics, batch, last }: Case, adapter: Adapter) {
  const { graph, values } = sample({ layers, loss, optimizer, metrics, rows: batch });
  const steps = [batch, batch, last, batch].map((rows, step): StepScalars => ({ rows, offset: 0, step, ...ratesAt(optimizer, step) }));
  return { graph, values, steps, plan: new Plan(graph, { formulas: FORMULAS, batch, persistentBytes: MEMORY, writePersistent, adapter }) };
}

const WRITTEN_FOR = (Object.keys(ADAPTERS) as AdapterName[]).flatMap((adapter) =>
  Object.entries(CASES).map(([name, given]) => [name, adapter, given] as const),
);

describe.each(WRITTEN_FOR)("%s, as for %s", (_, adapter, given) => {
  const { graph, values, steps, plan } = declare(given, ADAPTERS[adapter]);

  it("is persistent, and says that it takes one launch", () => {
    expect(plan.persistent).not.toBeNull();
    expect(plan.launches).toHaveLength(1);
    expect(plan.launchesPerStep).toBe(0);
    expect(plan.toString()).toContain("one launch for all steps");
  });

  it("weights, states, loss and metrics are within their bounds at every step", async () => {
    const run = await Training.open(gpu, plan, values);
    for (const [i, scalars] of steps.entries()) {
      const before = await run.before();
      const report = new VerifyReport(1, verifyTrace(plan, await run.trace(scalars), before, scalars, i));
      expect(report.firstFailure, String(report)).toBeNull();
      expect(report.tensors).toBeGreaterThan(1);
    }
    run.dispose();
  });

  it("steps in one dispatch leave the bits of steps one by one, and do so again", async () => {
    const [once, again, single] = await Promise.all([0, 1, 2].map(() => Training.open(gpu, plan, values)));
    const results = await once.run(steps);
    expect(bitsOf(new Map([["results", await again.run(steps)]]))).toEqual(bitsOf(new Map([["results", results]])));
    const apart = [];
    for (const step of steps) apart.push(...(await single.run([step])));
    expect(apart).toEqual([...results]);
    const state = bitsOf(await once.state());
    expect(bitsOf(await again.state())).toEqual(state);
    expect(bitsOf(await single.state())).toEqual(state);
    for (const run of [once, again, single]) run.dispose();
  });

  it("NaN in the memory that it packs weights into leaks nowhere", async () => {
    const [clean, poisoned] = await Promise.all([0, 1].map(() => Training.open(gpu, plan, values)));
    expect([...(await poisoned.run(steps, true))]).toEqual([...(await clean.run(steps))]);
    expect(bitsOf(await poisoned.state())).toEqual(bitsOf(await clean.state()));
    clean.dispose();
    poisoned.dispose();
  });

  it("agrees with the plan of many launches", async () => {
    const [persistent, launched] = await Promise.all(
      [plan, new Plan(graph, { formulas: FORMULAS, batch: given.batch })].map((p) => Training.open(gpu, p, values)),
    );
    const [a, b] = [await persistent.run(steps.slice(0, 1)), await launched.run(steps.slice(0, 1))];
    // Before any rounding of weights can be amplified: the first step's loss, by sums in another order.
    a.forEach((value, i) => expect(Math.abs(value - b[i])).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(b[i]))));
    persistent.dispose();
    launched.dispose();
  });
});

describe.each(Object.entries(ADAPTERS))("control: a persistent kernel as for %s that is off is caught and named", (_, adapter) => {
  const { plan, values, steps } = declare(CASES["2-8-1, XOR's network"], adapter);
  it.each([
    ["σ of the hidden layer", "results", "let near = n / d", "let near = 1.001 * n / d"],
    ["the last term of a product", "results", "k < 8u", "k < 7u"],
    ["the update", "w2", "step.learning_rate * g", "step.learning_rate * 1.001 * g"],
  ])("%s", async (_, culprit, from, to) => {
    const wrong = sabotage(plan, 0, from, to);
    const run = await Training.open(gpu, wrong, values);
    const report = new VerifyReport(1, verifyTrace(wrong, await run.trace(steps[0]), values, steps[0], 0));
    run.dispose();
    expect(report.ok).toBe(false);
    expect(report.compared.filter(({ ok }) => !ok).map(({ name }) => name)).toContain(culprit);
  });
});

describe("the choice", () => {
  const of = (layers: readonly Layer[], batch: number, persistentBytes: number) => {
    const { graph } = sample({ layers, loss: "meanSquaredError", optimizer: sgd(), rows: batch });
    return new Plan(graph, { formulas: FORMULAS, batch, persistentBytes, writePersistent }).persistent !== null;
  };
  const small = [hidden(8, 2, "tanh"), dense({ units: 1 })];

  it.each([
    ["a tiny network", small, 4, MEMORY, true],
    ["the same on a device without the memory", small, 4, 256, false],
    ["the same where nobody asked for it", small, 4, 0, false],
    ["the same with a batch that does not fit", small, 4000, MEMORY, false],
    ["more than 3,000 weights", [hidden(60, 49, "tanh"), dense({ units: 1 })], 4, 32768, false],
  ] as const)("%s", (_, layers, batch, bytes, expected) => {
    expect(of(layers, batch, bytes)).toBe(expected);
  });

  it.each([
    ["gpu", 32],
    ["software", 4],
  ] as const)("as many lanes as a %s wants: %i", (kind, lanes) => {
    const { source } = declare(CASES["2-8-1, XOR's network"], ADAPTERS[kind]).plan.launches[0];
    expect(source).toContain(`@workgroup_size(${lanes})`);
  });

  it("in software all numbers lie in buffers of known length, on a GPU in workgroup memory", () => {
    const [gpu, software] = [ADAPTERS.gpu, ADAPTERS.software].map((adapter) => declare(CASES["2-8-1, XOR's network"], adapter).plan);
    expect(gpu.scratch.size).toBe(0);
    expect(gpu.launches[0].source).toMatch(/var<workgroup> memory: array<f32, \d+>/);
    expect(gpu.toString()).toContain("in workgroup memory");
    expect([...software.scratch.keys()]).toEqual(["scratch"]);
    expect(software.launches[0].source).not.toContain("var<workgroup> memory");
    expect(software.launches[0].source).toMatch(/scratch: array<f32, \d+>;[^]*weights: array<f32, \d+>;/);
    expect(software.toString()).not.toContain("in workgroup memory");
  });

  it("tiles read far less than a number at a time would; quads less than that; a single number takes no tile", () => {
    const reads = (m: number, n: number, k: number, quads: boolean) => {
      const { rows, cols, across } = tileFor(m, n, k, quads),
        shared = quads && across === 4 && rows % 4 === 0;
      return Math.ceil(m / (rows * (4 / across))) * Math.ceil(n / (cols * across)) * k * ((shared ? rows / 4 : rows) + cols);
    };
    const byNumber = (64 * 16 * 16 * 2) / 4;
    expect(reads(64, 16, 16, false)).toBeLessThan(byNumber / 2);
    expect(reads(64, 16, 16, true)).toBeLessThan(byNumber / 4);
    expect(tileFor(1, 1, 1, true)).toEqual({ rows: 1, cols: 1, across: 1 });
  });
});

describe("fit()", () => {
  it("trains a tiny network with few dispatches for hundreds of steps", async (context) => {
    await needsPersistent(context);
    const model = sequential({ seed: 1, layers: small() });
    await model.compile({ optimizer: sgd(0.1), loss: "meanSquaredError", device: gpu.device });
    const rows = 4096;
    const x = Float32Array.from({ length: 2 * rows }, (_, i) => Math.sin(i));
    const y = Float32Array.from({ length: rows }, (_, i) => x[2 * i] * x[2 * i + 1]);
    const dispatch = vi.spyOn(GPUComputePassEncoder.prototype, "dispatchWorkgroups");
    try {
      const { steps, history } = await model.fit(x, y, { batchSize: 4, epochs: 2 });
      expect(steps).toBe(2048);
      expect(history.loss[1]).toBeLessThan(history.loss[0]);
      // The first submits are short, to learn how long a step takes.
      expect(dispatch.mock.calls.length).toBeLessThan(steps / 20);
    } finally {
      dispatch.mockRestore();
      model.dispose();
    }
  });

  const small = () => [hidden(8, 2, "tanh"), dense({ units: 1 })];
});
