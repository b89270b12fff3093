// The bounds must hold whatever a float32 GPU within the WGSL specification does, and be tight enough to be worth
// checking. Both are tried on a simulated GPU (float32.ts), step by step and through whole training steps.

import { describe, expect, test } from "vitest";
import type { Op, StepScalars, Tensor } from "../../src/graph/types.ts";
import { ELEMENTWISE_ACTIVATIONS, derivativeSource } from "../../src/model/activations.ts";
import { activation, dense, dropout } from "../../src/model/layers.ts";
import {
  binaryCrossentropy,
  categoricalCrossentropy,
  halfSquaredError,
  hinge,
  huber,
  klDivergence,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  poisson,
  sparseCategoricalCrossentropy,
  squaredHinge,
} from "../../src/model/losses.ts";
import { batchNormalization, layerNormalization } from "../../src/model/normalization.ts";
import { l1l2 } from "../../src/model/regularizers.ts";
import { adadelta, adagrad, adam, adamax, adamW, lion, optimizerStates, ratesAt, rmsprop, sgd } from "../../src/model/optimizers.ts";
import type { RandomSequence } from "../../src/random.ts";
import { activate } from "../../src/reference/activations.ts";
import { compareTensor, evaluateBounded, given, runGraphBounded, type Bounded } from "../../src/reference/bounds.ts";
import { softmax } from "../../src/reference/losses.ts";
import { Float32Machine } from "./float32.ts";
import { normals, oneStep, randomFor, sample } from "./samples.ts";

type Draw = (random: RandomSequence, n: number) => Float64Array;

interface Case {
  readonly name: string;
  readonly op: Op;
  readonly shapes: Record<string, readonly [Tensor["rows"], number]>;
  /** How the inputs are drawn, in order; what is left out is normal. */
  readonly draw?: Record<string, Draw>;
  /** Inputs that are known exactly even where the others are not. */
  readonly certain?: readonly string[];
  /** bound / largest error seen must stay below this. */
  readonly slack: number;
  readonly scalars?: Partial<StepScalars>;
}

/** Far above rounding, so that what is tried is how errors propagate: kinks, signs, ties, roots near 0. */
const SPREADS = [1e-6, 1e-3, 0.3];
const B = "batch";
const ROWS = 6;
const anyNormal: Draw = (random, n) => normals(n, random);
/** From hardly anything to where functions saturate, zeros among them. */
const wide: Draw = (random, n) =>
  Float64Array.from({ length: n }, () => (random.below(20) === 0 ? 0 : random.normal() * 10 ** (3 * random.uniform() - 2)));
const squares: Draw = (random, n) => Float64Array.from({ length: n }, () => random.normal() ** 2 + 1e-12);
const labels =
  (classes: number): Draw =>
  (random, n) =>
    Float64Array.from({ length: n }, () => random.below(classes));
const bits: Draw = (random, n) => labels(2)(random, n);
const probabilities =
  (cols: number): Draw =>
  (random, n) =>
    softmax(normals(n, random, 2), n / cols, cols);
const oneHot =
  (cols: number): Draw =>
  (random, n) => {
    const out = new Float64Array(n);
    for (let at = 0; at < n; at += cols) out[at + random.below(cols)] = 1;
    return out;
  };

const unary = (op: Op, slack: number, draw: Draw = wide): Case => ({
  name: `${op.type} ${"activation" in op ? op.activation : ""}`,
  op,
  slack,
  shapes: { x: [B, 40], out: [B, 40] },
  draw: { x: draw },
});
const X = { inputs: ["x"], outputs: ["out"] } as const;
const XY = { inputs: ["x", "y"], outputs: ["out"] } as const;

const positive =
  (least: number): Draw =>
  (random, n) =>
    Float64Array.from({ length: n }, () => random.normal() ** 2 + least);
const columnStatistics = { x: [B, 5], m: [1, 5], v: [1, 5], out: [B, 5] } as const;
const normalizations: Case[] = [
  { name: "mean of columns", op: { type: "moment", kind: "mean", ...X }, shapes: { x: [B, 40], out: [1, 40] }, slack: 60 },
  {
    name: "variance of columns",
    op: { type: "moment", kind: "variance", inputs: ["x", "m"], outputs: ["out"] },
    shapes: { x: [B, 40], m: [1, 40], out: [1, 40] },
    slack: 60,
  },
  {
    name: "products of columns",
    op: { type: "moment", kind: "product", ...XY },
    shapes: { x: [B, 40], y: [B, 40], out: [1, 40] },
    slack: 60,
  },
  {
    name: "normalize by columns",
    op: { type: "normalize", kind: "normalize", epsilon: 1e-3, inputs: ["x", "m", "v"], outputs: ["out"] },
    shapes: columnStatistics,
    draw: { v: positive(1) },
    slack: 20,
  },
  {
    name: "normalize by moving statistics near 0",
    op: { type: "normalize", kind: "normalize", epsilon: 1e-7, inputs: ["x", "m", "v"], outputs: ["out"] },
    shapes: columnStatistics,
    draw: { v: (random, n) => Float64Array.from({ length: n }, () => 1e-9 * random.uniform()) },
    certain: ["v"],
    slack: 20,
  },
  {
    name: "scale and shift",
    op: { type: "normalize", kind: "affine", scale: true, center: true, inputs: ["x", "g", "b"], outputs: ["out"] },
    shapes: { x: [B, 5], g: [1, 5], b: [1, 5], out: [B, 5] },
    slack: 20,
  },
  {
    name: "scale",
    op: { type: "normalize", kind: "affine", scale: true, center: false, inputs: ["x", "g"], outputs: ["out"] },
    shapes: { x: [B, 5], g: [1, 5], out: [B, 5] },
    slack: 20,
  },
  {
    name: "shift",
    op: { type: "normalize", kind: "affine", scale: false, center: true, inputs: ["x", "b"], outputs: ["out"] },
    shapes: { x: [B, 5], b: [1, 5], out: [B, 5] },
    slack: 20,
  },
  {
    name: "back through column statistics",
    op: { type: "normalize", kind: "pullBack", epsilon: 1e-3, inputs: ["x", "n", "v", "s", "d"], outputs: ["out"] },
    shapes: { x: [B, 5], n: [B, 5], v: [1, 5], s: [1, 5], d: [1, 5], out: [B, 5] },
    draw: { v: positive(1) },
    slack: 30,
  },
  {
    name: "back through statistics that stay",
    op: { type: "normalize", kind: "rescale", epsilon: 1e-3, inputs: ["x", "v"], outputs: ["out"] },
    shapes: { x: [B, 5], v: [1, 5], out: [B, 5] },
    draw: { v: positive(1) },
    slack: 20,
  },
  {
    name: "moving statistic",
    op: { type: "normalize", kind: "moving", momentum: 0.99, inputs: ["x", "s"], outputs: ["out"] },
    shapes: { x: [1, 40], s: [1, 40], out: [1, 40] },
    slack: 20,
  },
  {
    name: "normalize rows",
    op: { type: "normalizeRows", kind: "normalize", epsilon: 1e-3, ...X },
    shapes: { x: [B, 7], out: [B, 7] },
    slack: 60,
  },
  {
    name: "back through row statistics",
    op: { type: "normalizeRows", kind: "pullBack", epsilon: 1e-3, inputs: ["x", "n", "y"], outputs: ["out"] },
    shapes: { x: [B, 7], n: [B, 7], y: [B, 7], out: [B, 7] },
    slack: 60,
  },
];

const activations: Case[] = ELEMENTWISE_ACTIVATIONS.map((activation) => unary({ type: "activation", activation, ...X }, 6));

const derivatives: Case[] = ELEMENTWISE_ACTIVATIONS.map((activation) =>
  unary(
    { type: "activationDerivative", activation, ...X },
    6,
    derivativeSource(activation) === "z" ? wide : (random, n) => wide(random, n).map((z) => activate(activation, z)),
  ),
);

const products: Case[] = (
  [
    ["normal", [B, 784], [784, 4]],
    ["normal", [B, 100], [100, 9]],
    ["normal", [B, 1], [1, 1]],
    ["rightTransposed", [B, 40], [17, 40]],
    ["leftTransposed", [B, 11], [B, 13]],
  ] as const
).map(([form, x, y]): Case => {
  const rows = form === "leftTransposed" ? x[1] : B;
  const cols = form === "rightTransposed" ? y[0] : y[1];
  const bias = form === "normal";
  return {
    // Errors of k random terms grow as √k, a bound for every order of their sum as k: at 784 the two are far apart.
    name: `product ${form} ${x.join("×")} ${y.join("×")}`,
    slack: x[1] === 784 ? 500 : 100,
    op: { type: "product", form, inputs: bias ? ["x", "y", "b"] : ["x", "y"], outputs: ["out"] },
    shapes: { x, y, ...(bias ? { b: [1, cols] as const } : {}), out: [rows, cols] },
  };
});

const losses: Case[] = [
  meanSquaredError(),
  halfSquaredError(),
  huber(),
  huber({ delta: 0.3 }),
  binaryCrossentropy(),
  categoricalCrossentropy(),
  sparseCategoricalCrossentropy(),
  binaryCrossentropy({ labelSmoothing: 0.2 }),
  categoricalCrossentropy({ labelSmoothing: 0.1 }),
  ...[meanAbsoluteError(), meanAbsolutePercentageError(), logCosh(), hinge(), squaredHinge()],
].flatMap((loss): Case[] => {
  const sparse = loss.name === "sparseCategoricalCrossentropy";
  const cross = sparse || loss.name === "categoricalCrossentropy";
  const y = sparse ? labels(7) : cross ? oneHot(7) : loss.name === "binaryCrossentropy" ? bits : anyNormal;
  const shapes = { x: [B, 7], y: [B, sparse ? 1 : 7] } as const;
  const certain = cross || loss.name === "binaryCrossentropy" ? ["y"] : [];
  return [
    {
      name: `lossRows ${loss.name} ${loss.delta}`,
      op: { type: "lossRows", loss, ...XY },
      certain,
      slack: loss.name === "logCosh" ? 20 : 12,
      shapes: { ...shapes, out: [B, 1] },
      draw: { x: wide, y },
    },
    {
      name: `lossGradient ${loss.name} ${loss.delta}`,
      op: { type: "lossGradient", loss, ...XY },
      certain,
      slack: 8,
      shapes: { ...shapes, out: [B, 7] },
      draw: { ...(cross ? { x: probabilities(7) } : {}), y },
    },
  ];
});

const above: Draw = (random, n) => squares(random, n).map((value) => value + 1);
/** Losses of answers and targets that are shares or above 0. */
const positiveLosses: Case[] = [klDivergence(), poisson(), meanSquaredLogarithmicError()].flatMap((loss): Case[] => {
  const shapes = { x: [B, 7], y: [B, 7] } as const,
    draw =
      loss.name === "klDivergence"
        ? { x: probabilities(7), y: probabilities(7) }
        : // Of numbers that may be 0 the logarithm says nothing.
          { x: above, y: above };
  return [
    { name: `lossRows ${loss.name}`, op: { type: "lossRows", loss, ...XY }, slack: 40, shapes: { ...shapes, out: [B, 1] }, draw },
    { name: `lossGradient ${loss.name}`, op: { type: "lossGradient", loss, ...XY }, slack: 20, shapes: { ...shapes, out: [B, 7] }, draw },
  ];
});

const metrics: Case[] = (
  [
    ["sparseAccuracy", labels(7), 1],
    ["categoricalAccuracy", oneHot(7), 7],
    ["binaryAccuracy", bits, 7],
    ["binaryLogitAccuracy", bits, 7],
    ["meanSquaredError", anyNormal, 7],
    ["meanAbsoluteError", anyNormal, 7],
    ["topKAccuracy", oneHot(7), 7],
    ["sparseTopKAccuracy", labels(7), 1],
    ["truePositives", bits, 7],
    ["trueNegatives", bits, 7],
    ["falsePositives", bits, 7],
    ["falseNegatives", bits, 7],
    ["cosineSimilarity", anyNormal, 7],
    ["target_2", anyNormal, 7],
    ["squaredTarget_6", anyNormal, 7],
    ["squaredError_0", anyNormal, 7],
  ] as const
).map(([metric, y, cols]): Case => ({
  name: `metricRows ${metric}`,
  op: { type: "metricRows", metric, ...XY },
  certain: ["y"],
  slack: metric === "cosineSimilarity" ? 40 : 6,
  shapes: { x: [B, 7], y: [B, cols], out: [B, 1] },
  draw: { x: /Logit|itives|atives|cosine/.test(metric) ? anyNormal : probabilities(7), y },
}));

const updates: Case[] = [
  sgd(),
  sgd({ momentum: 0.9 }),
  sgd({ momentum: 0.9, nesterov: true }),
  adam(),
  adamW(),
  rmsprop(),
  rmsprop({ centered: true, momentum: 0.5 }),
  adagrad(),
  adadelta(),
  adamax(),
  lion(),
].flatMap((optimizer) =>
  [0, 100].map((step): Case => {
    const states = optimizerStates(optimizer).map(({ name }) => name);
    const shape = [4, 10] as const;
    const start: Draw = (_, n) => new Float64Array(n);
    return {
      name: `update ${optimizer.name}${optimizer.nesterov ? " nesterov" : ""} ${optimizer.momentum} after ${step} steps`,
      slack: 4,
      op: { type: "update", optimizer, inputs: ["w", "g", ...states], outputs: ["w", ...states] },
      shapes: Object.fromEntries([["w", shape], ["g", shape], ...states.map((name) => [name, shape] as const)]),
      draw:
        step === 0
          ? { g: wide, ...Object.fromEntries(states.map((name) => [name, start])) }
          : {
              g: anyNormal,
              v: (r, n) => squares(r, n).map((v) => v + 1),
              mean: (r, n) => normals(n, r, 0.1),
              changes: (r, n) => squares(r, n).map((v) => v + 1),
              max: squares,
              sum: (r, n) => squares(r, n).map((v) => v + 1),
            },
      certain: step === 0 ? states : [],
      scalars: { step, ...ratesAt(optimizer, step) },
    };
  }),
);

const others: Case[] = [
  {
    name: "gather of bytes",
    op: { type: "gather", source: "uint8", scale: 1 / 255, ...XY },
    slack: 10,
    certain: ["x", "y"],
    shapes: { x: [1, 9], y: [1, 1], out: [B, 9] },
    draw: { x: (r) => labels(256)(r, 9 * ROWS), y: (r) => Float64Array.from(r.permutation(ROWS)) },
  },
  { name: "rowSum", op: { type: "rowSum", ...X }, slack: 60, shapes: { x: [B, 30], out: [1, 30] } },
  { name: "hadamard", op: { type: "hadamard", ...XY }, slack: 10, shapes: { x: [B, 9], y: [B, 9], out: [B, 9] } },
  { name: "softmax", op: { type: "softmax", ...X }, slack: 30, shapes: { x: [B, 9], out: [B, 9] }, draw: { x: wide } },
  {
    name: "softmaxPullback",
    op: { type: "softmaxPullback", ...XY },
    slack: 30,
    draw: { x: probabilities(9) },
    shapes: { x: [B, 9], y: [B, 9], out: [B, 9] },
  },
  unary({ type: "dropout", rate: 0.3, layer: 1, ...X }, 10),
  { name: "penalty", op: { type: "penalty", l1: 0.01, l2: 0.02, ...X }, slack: 60, shapes: { x: [5, 6], out: [1, 1] } },
  {
    name: "penaltyGradient",
    op: { type: "penaltyGradient", l1: 0.1, l2: 0.02, ...XY },
    slack: 20,
    shapes: { x: [5, 6], y: [5, 6], out: [5, 6] },
  },
  { name: "accumulate", op: { type: "accumulate", ...XY }, slack: 10, shapes: { x: [5, 6], y: [5, 6], out: [5, 6] } },
  {
    name: "accumulate, afresh",
    op: { type: "accumulate", ...XY },
    scalars: { fresh: true },
    slack: 10,
    shapes: { x: [5, 6], y: [5, 6], out: [5, 6] },
  },
  { name: "clipValue", op: { type: "clipValue", limit: 0.7, ...X }, slack: 10, shapes: { x: [5, 6], out: [5, 6] } },
  { name: "clipFactor", op: { type: "clipFactor", limit: 3.3, ...XY }, slack: 60, shapes: { x: [5, 6], y: [1, 6], out: [1, 1] } },
  {
    name: "clipFactor below the limit",
    op: { type: "clipFactor", limit: 100, ...XY },
    slack: 60,
    shapes: { x: [5, 6], y: [1, 6], out: [1, 1] },
  },
  { name: "scale", op: { type: "scale", ...XY }, slack: 10, shapes: { x: [5, 6], y: [1, 1], out: [5, 6] } },
  {
    name: "summarize",
    op: { type: "summarize", metrics: 1, inputs: ["x", "y", "p"], outputs: ["out"] },
    slack: 60,
    shapes: { x: [B, 1], y: [B, 1], p: [1, 1], out: [1, 2] },
  },
];

/** What the GPU holds (float32) and what the reference knows of it: within `spread` of each number. */
function inputsOf(c: Case, random: RandomSequence, spread: number): { gpu: Float32Array[]; known: Bounded[] } {
  const gpu: Float32Array[] = [],
    known: Bounded[] = [];
  for (const name of c.op.inputs) {
    const [rows, cols] = c.shapes[name];
    const held = Float32Array.from((c.draw?.[name] ?? anyNormal)(random, (rows === B ? ROWS : rows) * cols));
    const width = c.certain?.includes(name) ? 0 : spread;
    const bounds = Float64Array.from(held, (value) => width * (Math.abs(value) + 0.1 * random.uniform()));
    gpu.push(held);
    known.push({ values: Float64Array.from(held, (value, i) => value + (2 * random.uniform() - 1) * bounds[i]), bounds });
  }
  return { gpu, known };
}

/** The largest error / bound over many draws. */
function worstRatio(c: Case, spread: number, draws: number, adversary: boolean): number {
  const random = randomFor(7);
  const machine = new Float32Machine(adversary ? random : null);
  const graph = oneStep(c.op, c.shapes);
  const scalars: StepScalars = { rows: ROWS, offset: 0, step: 3, learningRate: 0.01, correctedRate: 0.01, ...c.scalars };
  let worst = 0;
  for (let i = 0; i < draws; i++) {
    const { gpu, known } = inputsOf(c, random, spread);
    const outputs = machine.step(c.op, gpu, graph, scalars);
    evaluateBounded(c.op, known, graph, scalars).forEach((expected, k) => {
      const comparison = compareTensor(c.op.outputs[k], outputs[k], expected);
      if (comparison.ratio > 1) throw new Error(`${c.name}: ${JSON.stringify(comparison)}`);
      worst = Math.max(worst, comparison.ratio);
    });
  }
  return worst;
}

const cases = [
  ...products,
  ...activations,
  ...derivatives,
  ...losses,
  ...positiveLosses,
  ...metrics,
  ...updates,
  ...others,
  ...normalizations,
];
/** These give numbers that float32 holds exactly. */
const exactly = /linear|relu$|Accuracy|itives|atives|target_|below the limit|afresh/;

describe.each(cases)("$name", (c) => {
  test("no GPU within the specification exceeds the bound, and the bound is not far away", () => {
    const ratio = worstRatio(c, 0, 40, true);
    // BOUNDS=1 prints what is measured.
    if (process.env.BOUNDS) console.log(`${c.name}: exact inputs, bound / largest error ${(1 / ratio).toFixed(1)}`);
    expect(ratio).toBeLessThanOrEqual(1);
    if (!exactly.test(c.name)) expect(1 / ratio).toBeLessThan(c.slack);
  });

  test("a GPU that rounds every function correctly does not exceed it either", () => {
    expect(worstRatio(c, 0, 10, false)).toBeLessThanOrEqual(1);
  });

  test.each(SPREADS)("inputs known to %f only: still within the bound", (spread) => {
    const ratio = worstRatio(c, spread, 25, true);
    expect(ratio).toBeLessThanOrEqual(1);
  });

  test("control: a number that is off by four bounds is reported", () => {
    const graph = oneStep(c.op, c.shapes);
    const scalars: StepScalars = { rows: ROWS, offset: 0, step: 3, learningRate: 0.01, correctedRate: 0.01, ...c.scalars };
    for (const expected of evaluateBounded(c.op, inputsOf(c, randomFor(8), 0).known, graph, scalars)) {
      const gpu = Float64Array.from(expected.values);
      const at = gpu.length - 1;
      gpu[at] += 4 * expected.bounds[at] || Number.MIN_VALUE + Math.abs(gpu[at]) * 2 ** -23;
      const comparison = compareTensor(c.op.outputs[0], gpu, expected);
      expect(comparison.ok).toBe(false);
      expect(comparison.worstIndex).toBe(at);
    }
  });
});

// Whole training steps: errors of one step enter the next, and fused kernels are checked this way.
describe.each([
  [
    "tanh, softmax cross-entropy",
    {
      loss: "sparseCategoricalCrossentropy",
      optimizer: "adam",
      layers: [dense({ units: 16, activation: "tanh", inputShape: [20] }), dense({ units: 5, activation: "softmax" })],
    },
  ],
  [
    "sigmoid, quadratic cost",
    {
      loss: "halfSquaredError",
      optimizer: "sgd",
      layers: [dense({ units: 12, activation: "sigmoid", inputShape: [20] }), dense({ units: 5, activation: "sigmoid" })],
    },
  ],
  [
    "relu, dropout, penalties, clipping",
    {
      loss: "meanSquaredError",
      optimizer: adamW({ globalClipNorm: 0.5 }),
      layers: [
        dense({ units: 30, activation: "relu", inputShape: [20], kernelRegularizer: l1l2({ l1: 0.01, l2: 0.02 }) }),
        dropout({ rate: 0.4 }),
        dense({ units: 9, activation: "gelu" }),
        dense({ units: 3 }),
      ],
    },
  ],
  [
    "batch normalization of the data",
    {
      loss: "sparseCategoricalCrossentropy",
      optimizer: "adam",
      layers: [
        batchNormalization({ inputShape: [20] }),
        dense({ units: 12, activation: "tanh" }),
        dense({ units: 5, activation: "softmax" }),
      ],
    },
  ],
  // A bias before it has no gradient: the mean takes it away.
  [
    "batch normalization behind a dense layer",
    {
      loss: "meanSquaredError",
      optimizer: "adam",
      layers: [
        dense({ units: 12, inputShape: [20], useBias: false }),
        batchNormalization({ scale: false }),
        activation("tanh"),
        dense({ units: 5 }),
      ],
    },
  ],
  [
    "layer normalization",
    {
      loss: "sparseCategoricalCrossentropy",
      optimizer: "sgd",
      layers: [
        dense({ units: 12, inputShape: [20] }),
        layerNormalization(),
        activation("relu"),
        dense({ units: 5, activation: "softmax" }),
      ],
    },
  ],
] as const)("a whole step: %s", (_, options) => {
  const { graph, values, scalars } = sample({ ...options, rows: 8 });
  const machine = new Float32Machine(randomFor(3));
  const held = new Map([...values].map(([key, array]) => [key, Float32Array.from(array)]));
  for (const op of graph.ops) {
    machine
      .step(
        op,
        op.inputs.map((input) => held.get(input)!),
        graph,
        scalars,
      )
      .forEach((output, i) => held.set(op.outputs[i], Float32Array.from(output)));
  }
  const known = new Map([...values].map(([key, array]) => [key, given(array)]));
  runGraphBounded(graph, known, scalars);

  test("every tensor stays within its bound", () => {
    for (const [tensor, expected] of known) {
      const comparison = compareTensor(tensor, held.get(tensor)!, expected);
      expect(comparison, tensor).toMatchObject({ ok: true });
    }
  });

  // A wrong sign or a forgotten term changes gradients by about their own size: the bounds must be far smaller.
  test("the bound of each gradient is a small part of it", () => {
    for (const tensor of [...known.keys()].filter((key) => /^grad_[wbg]\d/.test(key))) {
      const { values: gradient, bounds } = known.get(tensor)!;
      expect(Math.max(...bounds), tensor).toBeLessThan(1e-3 * Math.max(...gradient.map(Math.abs)));
    }
  });
});
