// Kernels that work on one number at a time, alone on the engine: σ and σ′ of every activation, ⊙, scaling, clipping, the
// gradient of a penalty. They are the same texts that fused kernels take into their epilogues.

import { describe, expect, it } from "vitest";
import { derivativeSource, ELEMENTWISE_ACTIVATIONS, type ElementwiseActivation } from "../../../src/model/activations.ts";
import { activate } from "../../../src/reference/activations.ts";
import { itGpu } from "../../support/models.ts";
import { expectCaught, expectStep, normals, planOf, runStep, useGpu, type StepCase } from "../support.ts";

const gpu = useGpu();

/** Where functions have kinks, change branches, underflow or saturate; subnormal numbers, which a GPU may take for 0. */
const SPECIAL = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2 ** -149,
  -(2 ** -149),
  1e-40,
  -1e-40,
  2 ** -126,
  -(2 ** -126),
  1e-30,
  -1e-30,
  1e-20,
  1e-8,
  -1e-8,
  1e-4,
  -1e-4,
  2 ** -24,
  -(2 ** -24),
  0.6931471805599453,
  16.6,
  -16.6,
  17.4,
  -17.4,
  87.3,
  -87.3,
  88.8,
  -88.8,
  100,
  -100,
];
/** Every twentieth from −100 to 100, and finer around 0 where the curves bend. */
const GRID = [...Array.from({ length: 4001 }, (_, i) => (i - 2000) / 20), ...Array.from({ length: 2001 }, (_, i) => (i - 1000) / 250)];
const Z = Float32Array.from([...SPECIAL, ...GRID]);

type UnaryOp = "activation" | "activationDerivative";

const unary = (type: UnaryOp, activation: ElementwiseActivation, x: Float32Array): StepCase => ({
  op: { type, activation, inputs: ["x"], outputs: ["out"] },
  shapes: { x: [x.length, 1], out: [x.length, 1] },
  values: { x },
});

/** What σ′ is taken of: z itself, or a = σ(z) as it would be stored. */
const sources = (activation: ElementwiseActivation): Float32Array =>
  derivativeSource(activation) === "z" ? Z : Z.map((z) => activate(activation, z));

/** One constant of each formula, to be wrong by a few 10⁻⁵ or by a sign. */
const WRONG: Record<ElementwiseActivation, { value: readonly [string, string]; slope: readonly [string, string] }> = {
  linear: { value: ["return z;", "return z * 1.00001;"], slope: ["return 1.0;", "return 1.00001;"] },
  sigmoid: { value: ["/ (1.0 + e)", "/ (1.00001 + e)"], slope: ["(1.0 - v)", "(1.00001 - v)"] },
  tanh: { value: ["(1.0f + y", "(1.00001f + y"], slope: ["(1.0 - v)", "(1.00001 - v)"] },
  relu: { value: ["max(z, 0.0)", "max(z, 0.00001)"], slope: ["v > 0.0", "v >= 0.0"] },
  leakyRelu: { value: ["0.20000", "0.20001"], slope: ["v > 0.0", "v >= 0.0"] },
  elu: { value: ["2.0 * n", "2.00003 * n"], slope: ["v + 1.0", "v + 1.00001"] },
  softplus: { value: ["(2.0f +", "(2.00002f +"], slope: ["2.0 * n", "2.00003 * n"] },
  gelu: { value: ["0.7444160", "0.7444260"], slope: ["0.398942", "0.398947"] },
  geluTanh: { value: ["0.071354", "0.071364"], slope: ["0.21406", "0.21409"] },
  swish: { value: ["return z * s", "return 1.00001 * z * s"], slope: ["(1.0 + v * c)", "(1.00001 + v * c)"] },
};

describe.each(ELEMENTWISE_ACTIVATIONS)("%s", (activation) => {
  const value = unary("activation", activation, Z);
  const slope = unary("activationDerivative", activation, sources(activation));

  it("σ(z) for z from −100 to 100", async () => {
    await expectStep(gpu, value);
  });

  it(`σ′ from ${derivativeSource(activation)}`, async () => {
    await expectStep(gpu, slope);
  });

  itGpu("control: one constant slightly off is caught, in σ and in σ′", async () => {
    await expectCaught(gpu, { ...value, wrong: WRONG[activation].value });
    await expectCaught(gpu, { ...slope, wrong: WRONG[activation].slope });
  });
});

describe("Hadamard product", () => {
  const hadamard = (rows: number, cols: number): StepCase => ({
    op: { type: "hadamard", inputs: ["x", "y"], outputs: ["out"] },
    shapes: { x: ["batch", cols], y: ["batch", cols], out: ["batch", cols] },
    values: { x: normals(rows * cols, 1), y: normals(rows * cols, 2) },
    batch: rows,
  });

  // 64 numbers are one workgroup.
  it.each([
    [1, 1],
    [1, 63],
    [1, 64],
    [1, 65],
    [7, 13],
    [33, 4096],
  ])("%i × %i", async (rows, cols) => {
    await expectStep(gpu, hadamard(rows, cols));
  });

  it.each([
    [32, 1],
    [32, 31],
  ])("batch %i with %i rows", async (batch, rows) => {
    await expectStep(gpu, { ...hadamard(rows, 7), batch, rows });
  });

  // 65,535 workgroups fit one dimension of a grid. What is beyond is reached through the second one.
  itGpu("more numbers than one dimension of a grid reaches", async () => {
    const given = hadamard(1049, 4000),
      [{ grid }] = planOf(given).launches;
    await expectStep(gpu, given);
    expect(grid[0]).toBe(65535);
    expect(grid[1]).toBeGreaterThan(1);
  });

  itGpu("control: numbers left out, or a wrong operand, are caught", async () => {
    await expectCaught(gpu, { ...hadamard(5, 40), wrong: [/\* \d+u \+ lane/, "* 65u + lane"] });
    await expectCaught(gpu, { ...hadamard(5, 40), wrong: ["return p * q", "return p * p"] });
  });
});

describe("gradients before the update", () => {
  const [rows, cols] = [37, 5];
  const g = Float32Array.from([...SPECIAL, ...normals(rows * cols - SPECIAL.length, 3)]);
  const shapes = { g: [rows, cols], out: [rows, cols] } as const;
  const scale = (factor: number): StepCase => ({
    op: { type: "scale", inputs: ["g", "factor"], outputs: ["out"] },
    shapes: { ...shapes, factor: [1, 1] },
    values: { g, factor: [factor] },
  });
  const clipValue = (limit: number): StepCase => ({
    op: { type: "clipValue", limit, inputs: ["g"], outputs: ["out"] },
    shapes,
    values: { g },
  });
  /** Weights of both signs, and 0 and −0, where l1 has no slope. */
  const w = Float32Array.from([...normals(rows * cols - SPECIAL.length, 4), ...SPECIAL]).map((v, i) => (i % 11 === 0 ? 0 : v));
  const penalty = (l1: number, l2: number): StepCase => ({
    op: { type: "penaltyGradient", l1, l2, inputs: ["g", "w"], outputs: ["out"] },
    shapes: { ...shapes, w: [rows, cols] },
    values: { g, w },
  });

  /** In place, as over the chunks of a mini-batch; the plain shape of a test has the sum apart from what it becomes. */
  const accumulate = (fresh: boolean, sum: ArrayLike<number> = w): StepCase => ({
    op: { type: "accumulate", inputs: ["g", "sum"], outputs: ["out"] },
    shapes: { ...shapes, sum: [rows, cols] },
    values: { g, sum },
    scalars: { fresh, whole: { rows: 100, first: fresh ? 0 : 63 } },
  });

  it("adds to the sum over the chunks before, and begins anew whatever was there", async () => {
    await expectStep(gpu, accumulate(false));
    const {
      outputs: [out],
    } = await expectStep(gpu, accumulate(true));
    expect([...out]).toEqual([...g]);
    const {
      outputs: [over],
    } = await runStep(gpu, accumulate(true, new Float32Array(rows * cols).fill(NaN)));
    expect([...over]).toEqual([...g]);
  });

  itGpu("control: a sum that begins anew where it should not is caught", async () => {
    await expectCaught(gpu, { ...accumulate(false), wrong: ["== 1u", "== 0u"] });
  });

  it.each([0, 1, 0.37, 1e-6])("scale by %f", async (factor) => {
    await expectStep(gpu, scale(factor));
  });

  it.each([1, 0.5, 1e-3, 1000])("clip each number to ±%f", async (limit) => {
    const {
      outputs: [out],
    } = await expectStep(gpu, clipValue(limit));
    expect(Math.max(...out)).toBe(Math.fround(Math.min(limit, 100)));
    expect(Math.min(...out)).toBe(Math.fround(-Math.min(limit, 100)));
  });

  it.each([
    [0.01, 0],
    [0, 1e-4],
    [0.1, 0.3],
  ])("penalty gradient, l1 = %f, l2 = %f", async (l1, l2) => {
    await expectStep(gpu, penalty(l1, l2));
  });

  it("adds nothing where the weight is 0", async () => {
    const {
      outputs: [out],
    } = await runStep(gpu, penalty(0.1, 0.3));
    const zeros = [...w.keys()].filter((i) => w[i] === 0 && Math.abs(g[i]) >= 2 ** -126);
    expect(zeros.length).toBeGreaterThan(5);
    expect(zeros.map((i) => out[i])).toEqual(zeros.map((i) => g[i]));
  });

  itGpu("control: a wrong limit, factor or sign is caught", async () => {
    await expectCaught(gpu, { ...scale(0.37), wrong: [/(weights\[\d+u \+ 0u\])/, "$1 * 1.00001"] });
    await expectCaught(gpu, { ...clipValue(0.5), wrong: ["0.5f);", "0.50001f);"] });
    await expectCaught(gpu, { ...penalty(0.1, 0.3), wrong: ["sign(w)", "select(-1.0, 1.0, w > 0.0)"] });
    await expectCaught(gpu, { ...penalty(0, 0.3), wrong: ["0.6", "0.3"] });
  });
});
