// The bounds of the steps of sequences hold at every t whatever a float32 GPU within the WGSL specification does, and are
// tight enough to be worth checking; tried on a simulated GPU, step by step and through whole training steps.

import { describe, expect, test } from "vitest";
import type { Op, StepScalars, Tensor } from "../../src/graph/types.ts";
import { RECURRENT_ACTIVATIONS } from "../../src/model/activations.ts";
import { dense } from "../../src/model/layers.ts";
import { adam } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { compareTensor, evaluateBounded, given, runGraphBounded, type Bounded } from "../../src/reference/bounds.ts";
import type { RandomSequence } from "../../src/random.ts";
import { Float32Machine } from "./float32.ts";
import { normals, oneStep, randomFor, sample } from "./samples.ts";

const B = 4,
  T = 7,
  H = 12;
const SCALARS: StepScalars = { rows: B, offset: 0, step: 3, learningRate: 0.01, correctedRate: 0.01 };
type Draw = (random: RandomSequence, n: number) => Float64Array;
type Input = readonly [name: string, rows: Tensor["rows"], cols: number, steps: number, draw: Draw, certain?: boolean];

const normal: Draw = (random, n) => normals(n, random);
const small: Draw = (random, n) => normals(n, random, 1 / Math.sqrt(H));
const states: Draw = (random, n) => normals(n, random).map(Math.tanh);
const below =
  (limit: number): Draw =>
  (random, n) =>
    Float64Array.from({ length: n }, () => random.below(limit));
const lengths: Input = ["lengths", "batch", 1, 1, (random, n) => below(T)(random, n).map((length) => length + 1), true];
const Z: Input = ["z", "batch", H, T, normal],
  W: Input = ["w", H, H, 1, small],
  STATE: Input = ["state", "batch", H, 1, states];
const G: Input = ["g", "batch", H, T, normal],
  HIDDEN: Input = ["h", "batch", H, T, states],
  LAST: Input = ["last", "batch", H, 1, normal];
const INDEX: Input = ["index", "batch", 1, T, below(5), true];

interface Case {
  name: string;
  make: (names: string[], outputs: string[]) => Op;
  inputs: Input[];
  out: [Tensor["rows"], number, number];
  slack: number;
}
const sequence: Case["out"] = ["batch", H, T];

const CASES: Case[] = [
  ...RECURRENT_ACTIVATIONS.flatMap((activation): Case[] => [
    {
      name: `recurrentForward ${activation}`,
      slack: 300,
      inputs: [Z, W],
      out: sequence,
      make: (inputs, outputs) => ({ type: "recurrentForward", activation, masked: false, stateful: false, inputs, outputs }),
    },
    {
      name: `recurrentForward ${activation}, padded and stateful`,
      slack: 300,
      inputs: [Z, W, lengths, STATE],
      out: sequence,
      make: (inputs, outputs) => ({ type: "recurrentForward", activation, masked: true, stateful: true, inputs, outputs }),
    },
    {
      name: `recurrentBackward ${activation}`,
      slack: 300,
      inputs: [G, HIDDEN, W],
      out: sequence,
      make: (inputs, outputs) => ({ type: "recurrentBackward", activation, masked: false, inputs, outputs }),
    },
    {
      name: `recurrentBackward ${activation}, padded`,
      slack: 300,
      inputs: [G, HIDDEN, W, lengths],
      out: sequence,
      make: (inputs, outputs) => ({ type: "recurrentBackward", activation, masked: true, inputs, outputs }),
    },
  ]),
  {
    name: "embeddingLookup",
    slack: 10,
    inputs: [INDEX, ["table", 5, H, 1, normal], ["b", 1, H, 1, normal]],
    out: sequence,
    make: (inputs, outputs) => ({ type: "embeddingLookup", inputs, outputs }),
  },
  {
    name: "embeddingGradient",
    slack: 60,
    inputs: [INDEX, G],
    out: [5, H, 1],
    make: (inputs, outputs) => ({ type: "embeddingGradient", inputs, outputs }),
  },
  {
    name: "maskRows",
    slack: 20,
    inputs: [G, lengths, ["count", 1, 1, 1, () => Float64Array.of(17), true]],
    out: sequence,
    make: (inputs, outputs) => ({ type: "maskRows", inputs, outputs }),
  },
  {
    name: "weightRows",
    slack: 3,
    inputs: [G, ["weights", "batch", 1, T, normal]],
    out: sequence,
    make: (inputs, outputs) => ({ type: "weightRows", inputs, outputs }),
  },
  {
    name: "previousStep",
    slack: Infinity,
    inputs: [HIDDEN, STATE],
    out: sequence,
    make: (inputs, outputs) => ({ type: "previousStep", stateful: true, inputs, outputs }),
  },
  {
    name: "lastStep",
    slack: Infinity,
    inputs: [HIDDEN],
    out: ["batch", H, 1],
    make: (inputs, outputs) => ({ type: "lastStep", inputs, outputs }),
  },
  {
    name: "carry",
    slack: Infinity,
    inputs: [HIDDEN],
    out: ["batch", H, 1],
    make: (inputs, outputs) => ({ type: "carry", inputs, outputs }),
  },
  {
    name: "lastStepGradient",
    slack: Infinity,
    inputs: [LAST],
    out: sequence,
    make: (inputs, outputs) => ({ type: "lastStepGradient", inputs, outputs }),
  },
  {
    name: "countSteps",
    slack: Infinity,
    inputs: [lengths],
    out: [1, 1, 1],
    make: (inputs, outputs) => ({ type: "countSteps", inputs, outputs }),
  },
  {
    name: "dropout held over time",
    slack: 10,
    inputs: [Z],
    out: sequence,
    make: (inputs, outputs) => ({ type: "dropout", rate: 0.3, layer: 1, held: T, inputs, outputs }),
  },
];

/** A step between tensors of these shapes, what the GPU holds and what is known of it. */
function drawn(c: Case, random: RandomSequence, spread: number) {
  const op = c.make(
    c.inputs.map(([name]) => name),
    ["out"],
  );
  const shapes = [...c.inputs.map(([name, rows, cols, steps]) => [name, rows, cols, steps] as const), ["out", ...c.out] as const];
  const graph = oneStep(op, {});
  const tensors = new Map(
    shapes.map(([name, rows, cols, steps]): [string, Tensor] => [name, { name, role: "intermediate", rows, cols, timesteps: steps }]),
  );
  const gpu: Float32Array[] = [],
    known: Bounded[] = [];
  for (const [, rows, cols, steps, draw, certain] of c.inputs) {
    const held = Float32Array.from(draw(random, (rows === "batch" ? B * steps : rows) * cols));
    const bounds = Float64Array.from(held, (value) => (certain ? 0 : spread * (Math.abs(value) + 0.1 * random.uniform())));
    gpu.push(held);
    known.push({ values: Float64Array.from(held, (value, i) => value + (2 * random.uniform() - 1) * bounds[i]), bounds });
  }
  return { step: op, graph: { ...graph, tensors }, gpu, known };
}

function worstRatio(c: Case, spread: number, draws: number, adversary: boolean): number {
  const random = randomFor(7),
    machine = new Float32Machine(adversary ? random : null);
  let worst = 0;
  for (let i = 0; i < draws; i++) {
    const { step: op, graph, gpu, known } = drawn(c, random, spread);
    const [output] = machine.step(op, gpu, graph, SCALARS),
      [expected] = evaluateBounded(op, known, graph, SCALARS);
    const comparison = compareTensor(c.name, output, expected);
    if (comparison.ratio > 1) throw new Error(JSON.stringify(comparison));
    worst = Math.max(worst, comparison.ratio);
  }
  return worst;
}

describe.each(CASES)("$name", (c) => {
  test("no GPU within the specification exceeds the bound, and the bound is not far away", () => {
    const ratio = worstRatio(c, 0, 15, true);
    if (process.env.BOUNDS) console.log(`${c.name}: bound / largest error ${(1 / ratio).toFixed(1)}`);
    expect(1 / ratio).toBeLessThanOrEqual(c.slack);
  });

  test("nor does one that rounds correctly", () => {
    expect(worstRatio(c, 0, 5, false)).toBeLessThanOrEqual(1);
  });

  test.each([1e-6, 1e-3, 0.3])("inputs known to %f only: still within the bound", (spread) => {
    expect(worstRatio(c, spread, 10, true)).toBeLessThanOrEqual(1);
  });

  test("control: a number that is off by four bounds is reported, at every t", () => {
    const { step: op, graph, known } = drawn(c, randomFor(8), 0),
      [expected] = evaluateBounded(op, known, graph, SCALARS);
    for (let i = 0; i < expected.values.length; i += 5) {
      const gpu = Float64Array.from(expected.values);
      gpu[i] += 4 * expected.bounds[i] || 2 ** -23;
      expect(compareTensor("out", gpu, expected)).toMatchObject({ ok: false, worstIndex: i });
    }
  });
});

describe.each([
  [
    "text: picked rows, softmax at every step, padded",
    {
      loss: "sparseCategoricalCrossentropy",
      masked: true,
      optimizer: "adam",
      layers: [
        simpleRNN({ units: 8, inputShape: [5], inputVocabulary: 6, returnSequences: true }),
        dense({ units: 6, activation: "softmax" }),
      ],
    },
  ],
  [
    "two layers, one answer, dropout, clipping",
    {
      loss: "meanSquaredError",
      optimizer: adam({ globalClipNorm: 0.5 }),
      layers: [
        simpleRNN({ units: 8, inputShape: [5, 3], returnSequences: true, dropout: 0.2 }),
        simpleRNN({ units: 6, activation: "sigmoid" }),
        dense({ units: 2 }),
      ],
    },
  ],
  [
    "stateful",
    {
      loss: "meanSquaredError",
      carried: true,
      layers: [simpleRNN({ units: 8, inputShape: [5, 3], returnSequences: true, stateful: true }), dense({ units: 2 })],
    },
  ],
] as const)("a whole step: %s", (_, options) => {
  const { graph, values, scalars } = sample({ ...options, rows: 6 });
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
      expect(compareTensor(tensor, held.get(tensor)!, expected), tensor).toMatchObject({ ok: true });
    }
  });

  test("the bound of each gradient is a small part of it", () => {
    for (const tensor of [...known.keys()].filter((key) => /^grad_[uwb]\d/.test(key))) {
      const { values: gradient, bounds } = known.get(tensor)!;
      expect(Math.max(...bounds), tensor).toBeLessThan(2e-3 * Math.max(...gradient.map(Math.abs)));
    }
  });
});
