// Whole training steps on the GPU, fused and unfused: every tensor that is in memory against the float64 reference, the
// two kinds of plan against each other after several steps, and memory that is shared or full of NaN.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StepScalars } from "../../src/graph/types.ts";
import type { ActivationName } from "../../src/model/activations.ts";
import { dense, dropout, type Layer } from "../../src/model/layers.ts";
import { huber, type Loss } from "../../src/model/losses.ts";
import { adagrad, adam, adamW, ratesAt, rmsprop, sgd, type Optimizer } from "../../src/model/optimizers.ts";
import { l1l2, l2 } from "../../src/model/regularizers.ts";
import { compareTensor } from "../../src/reference/bounds.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { verifyTrace, VerifyReport } from "../../src/train/float64/verify.ts";
import { sample } from "../reference/samples.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { sabotage, useGpu } from "./support.ts";
import { bitsOf, boundedTraining, Training } from "./training.ts";
import { FORMULAS } from "../support/formulas.ts";

const gpu = useGpu();
/** How plans are made for a software adapter without subgroups: another cut of every product. */
const SOFTWARE = { kind: "software", quads: false, workgroupBytes: 16384 } as const;

interface Case {
  readonly widths: readonly number[];
  readonly batch: number;
  /** Rows of the last mini-batch. */
  readonly last: number;
  readonly activation?: ActivationName;
  readonly output?: ActivationName;
  readonly loss?: Loss["name"] | Loss;
  readonly optimizer?: Optimizer;
  readonly metrics?: readonly string[];
  readonly regularizer?: ReturnType<typeof l2>;
  readonly dropoutRate?: number;
}

const sparse = { output: "softmax", loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] } as const;
/** Widths around the tiles (1, 16, 64 and their neighbours), one to five layers, each option at least once. */
const CASES: Record<string, Case> = {
  "1-1": { widths: [1, 1], batch: 1, last: 1 },
  "64-1, logistic regression": {
    widths: [64, 1],
    batch: 32,
    last: 1,
    output: "sigmoid",
    loss: "binaryCrossentropy",
    metrics: ["accuracy", "mse", "mae"],
    optimizer: sgd({ momentum: 0.9, nesterov: true, learningRate: 0.1 }),
  },
  "3-16-3, tanh, dropout": { widths: [3, 16, 3], batch: 7, last: 3, activation: "tanh", dropoutRate: 0.3, ...sparse, optimizer: adam() },
  "1-17-1, gelu": {
    widths: [1, 17, 1],
    batch: 33,
    last: 32,
    activation: "gelu",
    loss: huber({ delta: 0.5 }),
    optimizer: sgd({ globalClipNorm: 0.1, learningRate: 0.1 }),
  },
  "17-64-65-16, swish": {
    widths: [17, 64, 65, 16],
    batch: 33,
    last: 7,
    activation: "swish",
    output: "softmax",
    loss: "categoricalCrossentropy",
    metrics: ["accuracy"],
    optimizer: rmsprop({ momentum: 0.5 }),
    regularizer: l2(1e-3),
  },
  "65-1-130-3, elu": {
    widths: [65, 1, 130, 3],
    batch: 32,
    last: 17,
    activation: "elu",
    output: "tanh",
    loss: "halfSquaredError",
    optimizer: adagrad({ clipNorm: 0.5 }),
    regularizer: l1l2({ l1: 1e-3, l2: 1e-2 }),
  },
  "130-65-17-16-10, relu": {
    widths: [130, 65, 17, 16, 10],
    batch: 32,
    last: 16,
    activation: "relu",
    ...sparse,
    optimizer: adamW({ clipValue: 0.01 }),
  },
  "16-3-16-17-64-1, sigmoid": {
    widths: [16, 3, 16, 17, 64, 1],
    batch: 7,
    last: 6,
    activation: "sigmoid",
    output: "softplus",
    loss: "meanSquaredError",
    metrics: ["mae"],
    optimizer: adam({ globalClipNorm: 0.3 }),
    regularizer: l2(1e-2),
  },
  "300-170-3, wide and clipped together": {
    widths: [300, 170, 3],
    batch: 16,
    last: 5,
    activation: "tanh",
    ...sparse,
    optimizer: adam({ globalClipNorm: 0.01 }),
    regularizer: l2(1e-3),
  },
  "70-130-4, wide and clipped apart": {
    widths: [70, 130, 4],
    batch: 16,
    last: 16,
    activation: "tanh",
    ...sparse,
    optimizer: sgd({ clipNorm: 0.01, learningRate: 0.1 }),
  },
  "3-3-3, softmax under squares": {
    widths: [3, 3, 3],
    batch: 33,
    last: 1,
    activation: "leakyRelu",
    output: "softmax",
    loss: "meanSquaredError",
    optimizer: rmsprop({ centered: true }),
  },
};

function declare(given: Case) {
  const {
    widths,
    batch,
    last,
    activation = "linear",
    output = "linear",
    loss = "meanSquaredError",
    optimizer = sgd(0.1),
    metrics,
    regularizer = null,
    dropoutRate,
  } = given;
  const layers = widths.slice(1).flatMap((units, i): Layer[] => {
    const isLast = i === widths.length - 2;
    const layer = dense({
      units,
      activation: isLast ? output : activation,
      inputShape: i === 0 ? [widths[0]] : undefined,
      kernelRegularizer: regularizer,
      biasRegularizer: regularizer,
      useBias: i !== 1,
    });
    return isLast || dropoutRate === undefined ? [layer] : [layer, dropout({ rate: dropoutRate })];
  });
  const { graph, values } = sample({ layers, loss, optimizer, metrics, rows: batch });
  const steps = [batch, batch, last].map((rows, step): StepScalars => ({ rows, offset: step, step, ...ratesAt(optimizer, step) }));
  return { graph, values, steps, batch };
}

describe.each(Object.entries(CASES))("%s", (_, given) => {
  const { graph, values, steps, batch } = declare(given);
  const plans = {
    fused: new Plan(graph, { formulas: FORMULAS, batch }),
    "fused in software": new Plan(graph, { formulas: FORMULAS, batch, adapter: SOFTWARE }),
    unfused: new Plan(graph, { formulas: FORMULAS, batch, fuse: false }),
    "fused, no memory shared": new Plan(graph, { formulas: FORMULAS, batch, reuse: false }),
    "unfused, no memory shared": new Plan(graph, { formulas: FORMULAS, batch, fuse: false, reuse: false }),
  };
  const ready = new Map<keyof typeof plans, Training>();
  const training = async (kind: keyof typeof plans): Promise<Training> => {
    const open = ready.get(kind);
    if (!open) throw new Error(`${kind} is not ready`);
    await open.reset();
    return open;
  };

  beforeAll(async () => {
    await Promise.all(
      (Object.keys(plans) as (keyof typeof plans)[]).map(async (kind) => ready.set(kind, await Training.open(gpu, plans[kind], values))),
    );
  });
  afterAll(() => {
    for (const open of ready.values()) open.dispose();
  });

  it.each(["fused", "fused in software", "unfused"] as const)(
    "every tensor of the %s plan is within its bound, at every step",
    async (kind) => {
      const run = await training(kind);
      for (const [i, scalars] of steps.entries()) {
        const before = await run.before();
        const report = new VerifyReport(1, verifyTrace(run.plan, await run.trace(scalars), before, scalars, i));
        expect(report.firstFailure, String(report)).toBeNull();
        expect(report.tensors).toBeGreaterThan(kind === "unfused" ? graph.ops.length - 1 : 3);
      }
    },
  );

  it.each([
    ["fused", "fused, no memory shared"],
    ["unfused", "unfused, no memory shared"],
  ] as const)("%s: sharing memory changes no bit of results, weights and states", async (shared, apart) => {
    const [a, b] = [await training(shared), await training(apart)];
    const [ofA, ofB] = [new Map([["results", await a.run(steps)]]), new Map([["results", await b.run(steps)]])];
    expect(bitsOf(ofA)).toEqual(bitsOf(ofB));
    expect(bitsOf(await a.state())).toEqual(bitsOf(await b.state()));
  });

  it.each(["fused", "fused in software", "unfused"] as const)("%s: NaN in memory before each step leaks nowhere", async (kind) => {
    const run = await training(kind);
    const clean = { results: await run.run(steps), ...Object.fromEntries(await run.state()) };
    await run.reset();
    const poisoned = { results: await run.run(steps, true), ...Object.fromEntries(await run.state()) };
    expect(bitsOf(new Map(Object.entries(poisoned)))).toEqual(bitsOf(new Map(Object.entries(clean))));
    expect(Object.values(poisoned).every((floats) => floats.every(Number.isFinite))).toBe(true);
  });
});

/**
 * The same networks with smooth curves and a linear update. Where a sign decides (relu, l1) or a small number divides
 * (adaptive optimizers, norms) rounding may be amplified without limit, and no bound over several steps is finite.
 * Some deep or wide networks are left out: each layer and step multiplies the bound by the size of its weights, until it
 * says nothing. Every tensor of theirs is compared above.
 */
const SMOOTH = Object.entries(CASES)
  .filter(([name]) => !/^65-1-|^130-|^300-|^70-/.test(name))
  .map(
    ([name, given]) =>
      [
        name,
        {
          ...given,
          optimizer: sgd({ learningRate: 0.05, momentum: 0.9 }),
          regularizer: given.regularizer && l2(1e-3),
          activation: given.activation === "sigmoid" ? "sigmoid" : given.activation && "tanh",
        } satisfies Case,
      ] as const,
  );

describe("fused against unfused: weights and states after three steps", () => {
  // Both start from the same numbers and lie within the bound of runGraphBounded() around the same exact result, carried
  // from step to step. So they are at most twice that apart; and the bound is a small part of what the weights moved.
  it.each(SMOOTH)("%s", async (_, given) => {
    const { graph, values, steps, batch } = declare(given);
    const wanted = boundedTraining(graph, values, steps);
    const [fused, unfused] = await Promise.all(
      [true, false].map(async (fuse) => {
        const run = await Training.open(gpu, new Plan(graph, { formulas: FORMULAS, batch, fuse }), values);
        await run.run(steps);
        const state = await run.state();
        run.dispose();
        return state;
      }),
    );
    for (const [name, bounded] of wanted) {
      const twice = bounded.bounds.map((bound) => 2 * bound);
      const apart = { values: Float64Array.from(unfused.get(name) ?? []), bounds: twice };
      for (const comparison of [
        compareTensor(name, fused.get(name) ?? [], bounded),
        compareTensor(name, unfused.get(name) ?? [], bounded),
        compareTensor(name, fused.get(name) ?? [], apart),
      ])
        expect(comparison).toMatchObject({ ok: true });
      const start = values.get(name) ?? [];
      const moved = bounded.values.reduce((most, value, i) => Math.max(most, Math.abs(value - start[i])), 0);
      expect(Math.max(...bounded.bounds)).toBeLessThan(0.2 * moved);
    }
  });
});

describe("control: what is off is caught and named", () => {
  const { graph, values, steps, batch } = declare(CASES["17-64-65-16, swish"]);
  const kinds = {
    fused: new Plan(graph, { formulas: FORMULAS, batch }),
    unfused: new Plan(graph, { formulas: FORMULAS, batch, fuse: false }),
  };
  async function firstFailure(plan: Plan, changed: ReadonlyMap<string, ArrayLike<number>> = new Map()) {
    const run = await Training.open(gpu, plan, values);
    const before = new Map([...values, ...changed]);
    const report = new VerifyReport(1, verifyTrace(plan, await run.trace(steps[0]), before, steps[0], 0));
    run.dispose();
    expect(report.ok).toBe(report.firstFailure === null);
    return report.firstFailure;
  }

  // In each, all that is computed before is right, so nothing else may be named.
  describe.each(["fused", "unfused"] as const)("%s", (kind) => {
    const plan = kinds[kind];
    it.each([
      ["one number of a product", "z1", /let out_value = ([^;]*);/, "let out_value = ($1) * 1.0001;"],
      ["σ of the first layer", "a1", "/ (1.0 + e)", "/ (1.0001 + e)"],
      ["the batch mean of δᴸ", "delta3", "(a - y) * step.inverse_rows", "(a - y) * step.inverse_rows * 1.0001"],
      ["the ⊙ of BP2", "delta2", "return p * q", "return p * q * 1.0001"],
      ["what v takes of g²", "w3", "0.1000", "0.1001"],
      ["a penalty", "penalty_w1", "0.001000", "0.001100"],
    ])("%s", async (_, name, from, to) => {
      const launch = plan.launches.findIndex(
        ({ touches, source }) =>
          source.replace(from, to) !== source && touches.some(({ tensor, access }) => tensor === name && access === "read_write"),
      );
      expect(launch).toBeGreaterThanOrEqual(0);
      const failure = await firstFailure(sabotage(plan, launch, from, to));
      expect(failure?.name).toBe(name);
    });

    it("one weight of the second layer, by a ten-thousandth", async () => {
      const w2 = Float32Array.from(values.get("w2") ?? []);
      w2[777] *= 1.0001;
      expect((await firstFailure(plan, new Map([["w2", w2]])))?.name).toBe("z2");
      expect(await firstFailure(plan)).toBeNull();
    });
  });

  it("a norm that half of the workgroups' sums are missing from", async () => {
    const pattern = /i < (\d+)u(; i \+= \d+u\) \{ sum \+= squares_of\(norms)/;
    const clipped = declare(CASES["300-170-3, wide and clipped together"]),
      plan = new Plan(clipped.graph, { formulas: FORMULAS, batch: 16 });
    const launch = plan.launches.findIndex(({ source }) => pattern.test(source));
    const sums = Number(pattern.exec(plan.launches[launch].source)?.[1]);
    const wrong = sabotage(plan, launch, pattern, `i < ${sums >> 1}u$2`);
    const run = await Training.open(gpu, wrong, clipped.values);
    const report = new VerifyReport(1, verifyTrace(wrong, await run.trace(clipped.steps[0]), clipped.values, clipped.steps[0], 0));
    run.dispose();
    expect(report.firstFailure?.name).toMatch(/^[wb]\d|^m_|^v_|^clipped/);
  });

  it("a place given to a tensor while another is needed in it", async () => {
    const plan = kinds.fused,
      [a2, delta2] = ["a2", "delta2"].map((name) => plan.places.get(name)?.offset ?? 0);
    expect(Math.min(a2, delta2)).toBeGreaterThan(1000);
    const place = new RegExp(`\\b${delta2}u \\+`, "g"),
      having = plan.launches.filter(({ source }) => source.search(place) >= 0);
    expect(having.length).toBeGreaterThan(0);
    const launches = plan.launches.map((launch) =>
      having.includes(launch) ? { ...launch, source: replaceOrThrow(launch.source, place, `${a2}u +`) } : launch,
    );
    expect(await firstFailure(Object.create(plan, { launches: { value: launches } }) as Plan)).not.toBeNull();
    expect(await firstFailure(Object.create(plan, { launches: { value: plan.launches } }) as Plan)).toBeNull();
  });

  it("a gradient that sums rows beyond the mini-batch: the NaN that lies there leaks into the weights", async () => {
    const launch = kinds.fused.launches.findIndex(({ label }) => label.includes("grad_w1"));
    const run = await Training.open(gpu, sabotage(kinds.fused, launch, "let k_end = step.rows", `let k_end = ${batch}u`), values);
    await run.run(steps, true);
    expect([...(await run.state()).values()].every((floats) => floats.every(Number.isFinite))).toBe(false);
    run.dispose();
  });

  it("NaN in one place", async () => {
    const b3 = Float32Array.from(values.get("b3") ?? []);
    b3[15] = NaN;
    const failure = await firstFailure(kinds.fused, new Map([["b3", b3]]));
    expect(failure).toMatchObject({ name: "z3", ratio: Infinity, ok: false });
  });
});
