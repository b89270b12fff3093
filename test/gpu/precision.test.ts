// Precision "f16" on a device: every tensor within its bound, losses close to those of f32, numbers beyond the range of f16.
// Where the device is without "shader-f16" these tests are skipped and say so; that compile() then refuses is tested anywhere.

import { beforeEach, describe, expect, it, type TestContext } from "vitest";
import type { StepScalars } from "../../src/graph/types.ts";
import { dense, dropout, InputError, sequential, UnsupportedError, type CompileOptions } from "../../src/index.ts";
import type { ActivationName } from "../../src/model/activations.ts";
import { adam, ratesAt, sgd, type Optimizer } from "../../src/model/optimizers.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { verifyTrace, VerifyReport } from "../../src/train/float64/verify.ts";
import { sample } from "../reference/samples.ts";
import { compiledModel, noise } from "../support/models.ts";
import { ownDevice } from "./counted-device.ts";
import { sabotage, useGpu } from "./support.ts";
import { bitsOf, Training } from "./training.ts";
import { FORMULAS } from "../support/formulas.ts";

const gpu = useGpu();
const hasHalf = (): boolean => gpu.device.features.has("shader-f16");
const needsHalf = ({ skip }: TestContext): void => skip(!hasHalf(), "this device is without shader-f16");

interface Case {
  readonly widths: readonly number[];
  readonly activation: ActivationName;
  readonly optimizer: Optimizer;
  readonly rate?: number;
}

/** Odd widths, so that rows begin in the middle of a word; products alone and in row programs; z that is kept for its slope. */
const CASES: Record<string, Case> = {
  "3-5-3-2, tanh": { widths: [3, 5, 3, 2], activation: "tanh", optimizer: sgd(0.1) },
  "17-65-33-4, gelu, dropout, clipped": {
    widths: [17, 65, 33, 4],
    activation: "gelu",
    optimizer: sgd({ globalClipNorm: 0.1 }),
    rate: 0.3,
  },
  "130-129-131-10, relu": { widths: [130, 129, 131, 10], activation: "relu", optimizer: adam() },
};

function declare({ widths, activation, optimizer, rate }: Case) {
  const layers = widths.slice(1).flatMap((units, i) => {
    const last = i === widths.length - 2;
    const layer = dense({ units, activation: last ? "softmax" : activation, inputShape: i === 0 ? [widths[0]] : undefined });
    return last || rate === undefined ? [layer] : [layer, dropout({ rate })];
  });
  const { graph, values } = sample({ layers, loss: "sparseCategoricalCrossentropy", optimizer, metrics: ["accuracy"], rows: 7 });
  const steps = [7, 7, 3].map((rows, step): StepScalars => ({ rows, offset: step === 2 ? 2 : 0, step, ...ratesAt(optimizer, step) }));
  return { graph, values, steps, plan: (fuse: boolean) => new Plan(graph, { formulas: FORMULAS, batch: 7, fuse, precision: "f16" }) };
}

describe.each(Object.entries(CASES))("%s", (_, given) => {
  beforeEach(needsHalf);
  const { values, steps, plan } = declare(given);

  it.each([true, false])("every tensor is within its bound, fused: %s", async (fuse) => {
    const run = await Training.open(gpu, plan(fuse), values);
    for (const [i, scalars] of steps.entries()) {
      const before = await run.before(),
        trace = await run.trace(scalars);
      const report = new VerifyReport(1, verifyTrace(run.plan, trace, before, scalars, i));
      expect(report.firstFailure, String(report)).toBeNull();
      expect(trace.some((launch) => [...launch.keys()].some((name) => run.plan.places.get(name)?.type === "f16"))).toBe(true);
    }
    run.dispose();
  });

  it.each([true, false])("NaN in memory before each step leaks nowhere, fused: %s", async (fuse) => {
    const run = await Training.open(gpu, plan(fuse), values);
    await run.run(steps);
    const clean = bitsOf(await run.state());
    await run.reset();
    await run.run(steps, true);
    expect(bitsOf(await run.state())).toEqual(clean);
    run.dispose();
  });

  it("control: what is stored a thousandth off is caught", async () => {
    const wrong = sabotage(plan(true), 0, "return f16(select(value,", "return f16(1.002 * select(value,");
    const run = await Training.open(gpu, wrong, values);
    const before = await run.before();
    const report = verifyTrace(run.plan, await run.trace(steps[0]), before, steps[0], 0);
    expect(report.find(({ ok }) => !ok)?.name).toBe(given.activation === "gelu" ? "z1" : "a1");
    run.dispose();
  });
});

it("NaN is stored as NaN, not clamped", async (context) => {
  needsHalf(context);
  const { values, steps, plan } = declare(CASES["3-5-3-2, tanh"]);
  const w1 = Float32Array.from(values.get("w1") ?? []);
  w1[0] = NaN;
  const run = await Training.open(gpu, plan(true), new Map([...values, ["w1", w1]]));
  const a1 = (await run.trace(steps[0])).find((launch) => launch.has("a1"))?.get("a1") ?? [];
  expect([...a1.slice(0, 5)].map(Number.isNaN)).toEqual([true, false, false, false, false]);
  run.dispose();
});

describe("compiled", () => {
  beforeEach(needsHalf);
  const ROWS = 512,
    WIDTH = 64;
  const X = noise(ROWS * WIDTH, 7),
    Y = Uint32Array.from({ length: ROWS }, (_, row) => (X[row * WIDTH] > 0 ? 1 : 0) + (X[row * WIDTH + 1] > 0 ? 2 : 0));
  const LAYERS = [dense({ units: 64, activation: "relu", inputShape: [WIDTH] }), dense({ units: 4, activation: "softmax" })];
  const RECIPE: CompileOptions = { optimizer: adam(0.01), loss: "sparseCategoricalCrossentropy", backend: "webgpu" };

  it("losses stay within 1 % of those of f32 over 160 steps, and answers are close", async () => {
    const train = async (precision: "f32" | "f16") => {
      const model = await compiledModel({ layers: LAYERS, seed: 3 }, { ...RECIPE, precision });
      const { history } = await model.fit(X, Y, { epochs: 10, batchSize: 32 });
      expect((await model.verify(X, Y, { steps: 2 })).ok).toBe(true);
      return { losses: history.loss, text: model.plan.toString(), answers: await model.predict(X) };
    };
    const full = await train("f32"),
      half = await train("f16");
    half.losses.forEach((loss, i) => expect(Math.abs(loss / full.losses[i] - 1)).toBeLessThan(0.01));
    expect(half.losses).not.toEqual(full.losses);
    expect(half.losses[9]).toBeLessThan(0.5 * half.losses[0]);
    expect(half.answers.every((answer, i) => Math.abs(answer - full.answers[i]) < 0.05)).toBe(true);
    expect([full.text, half.text].map((text) => text.includes("activations f16"))).toEqual([false, true]);
  });

  it("activations beyond 65504 are clamped to it", async () => {
    const model = await compiledModel(
      { layers: [dense({ units: 2, useBias: false, inputShape: [1] }), dense({ units: 1, useBias: false })] },
      { ...RECIPE, loss: "meanSquaredError", precision: "f16" },
    );
    const [first, second] = await model.getWeights();
    await model.setWeights([
      { ...first, data: [1, -1] },
      { ...second, data: [1, 0.5] },
    ]);
    expect([...(await model.predict([3, 1e6, -1e6]))]).toEqual([1.5, 32752, -32752]);
  });
});

describe("refused", () => {
  const declared = () => sequential({ layers: [dense({ units: 1, inputShape: [1] })] });
  const RECIPE: CompileOptions = { optimizer: "sgd", loss: "meanSquaredError", precision: "f16" };
  const failure = (options: CompileOptions) =>
    declared()
      .compile(options)
      .then(
        () => null,
        (error: unknown) => error as Error,
      );

  it("a device of the user's own without the feature, which lives on", async () => {
    const device = await ownDevice(),
      error = await failure({ ...RECIPE, device });
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error?.message).toMatch(/needs the WebGPU feature "shader-f16", which the device .* requiredFeatures: \["shader-f16"\]/);
    await compiledModel({ layers: [dense({ units: 1, inputShape: [1] })] }, { ...RECIPE, precision: "f32", device });
    device.destroy();
  });

  it('an adapter without it, also where backend is "auto"', async (context) => {
    context.skip(hasHalf(), "this device has shader-f16");
    for (const backend of ["webgpu", "auto"] as const) {
      const error = await failure({ ...RECIPE, backend });
      expect(error).toBeInstanceOf(UnsupportedError);
      expect(error?.message).toMatch(/"shader-f16", which .* does not offer\. Leave precision at "f32"\.$/);
    }
  });

  it("the CPU, and what is no precision", async () => {
    expect(await failure({ ...RECIPE, backend: "cpu" })).toBeInstanceOf(InputError);
    expect((await failure({ ...RECIPE, precision: "f64" as "f32" }))?.message).toMatch(/precision must be "f32" or "f16"; got "f64"/);
  });
});
