// The bounds of LSTM and GRU hold at every t and for every output, whatever a float32 GPU within the WGSL specification does, and are tight enough
// to be worth checking; tried on a simulated GPU whose every operation errs at random within what the specification allows.

import { describe, expect, test } from "vitest";
import type { GatedBackward, GatedForward } from "../../src/graph/gated-operands.ts";
import type { Graph, StepScalars, Tensor } from "../../src/graph/types.ts";
import { RECURRENT_ACTIVATIONS, type GateActivation, type RecurrentActivation } from "../../src/model/activations.ts";
import type { RandomSequence } from "../../src/random.ts";
import { compareTensor, evaluateBounded, type Bounded } from "../../src/reference/bounds.ts";
import { Float32Machine } from "./float32.ts";
import { gatedBackward, gatedForward } from "./float32-gated.ts";
import { normals, oneStep, randomFor } from "./samples.ts";

const B = 3,
  T = 6,
  H = 7;

interface Case {
  readonly cell: "lstm" | "gru";
  readonly gate: GateActivation;
  readonly state: RecurrentActivation;
  readonly masked: boolean;
  readonly stateful: boolean;
}

const CASES: Case[] = (["lstm", "gru"] as const).flatMap((cell) => [
  ...RECURRENT_ACTIVATIONS.map((state): Case => ({ cell, gate: "sigmoid", state, masked: false, stateful: false })),
  ...(["hardSigmoid", "hardSigmoidKeras2"] as const).map((gate): Case => ({ cell, gate, state: "tanh", masked: false, stateful: false })),
  { cell, gate: "tanh", state: "tanh", masked: false, stateful: true },
  { cell, gate: "relu", state: "sigmoid", masked: true, stateful: false },
  { cell, gate: "sigmoid", state: "tanh", masked: true, stateful: true },
]);

const uniform = (random: RandomSequence, n: number): Float64Array => Float64Array.from({ length: n }, () => random.uniform());
const states = (random: RandomSequence, n: number): Float64Array => normals(n, random).map(Math.tanh);

/** A way through time with random operands: by name, as the GPU holds them and as they are known. */
function drawn(c: Case, way: "forward" | "backward", random: RandomSequence, spread: number) {
  const N = (c.cell === "lstm" ? 4 : 3) * H,
    sequence = B * T;
  const draws: Record<string, readonly [rows: Tensor["rows"], cols: number, timesteps: number, numbers: Float64Array]> = {
    z: ["batch", N, T, normals(sequence * N, random)],
    g: ["batch", H, T, normals(sequence * H, random)],
    h: ["batch", H, T, states(random, sequence * H)],
    w: [H, N, 1, normals(H * N, random, 1 / Math.sqrt(H))],
    lengths: ["batch", 1, 1, Float64Array.from({ length: B }, () => 1 + random.below(T))],
    kept: ["batch", 4 * H, T, uniform(random, sequence * 4 * H)],
    c: ["batch", H, T, normals(sequence * H, random)],
    h0: ["batch", H, 1, states(random, B * H)],
    c0: ["batch", H, 1, normals(B * H, random)],
    bias: [1, N, 1, normals(N, random, 0.3)],
  };
  const lengths = c.masked ? ["lengths"] : [],
    carried = (...names: string[]): string[] => (c.stateful ? names : []);
  const inputs =
    way === "forward"
      ? ["z", "w", ...lengths, ...carried("h0"), ...(c.cell === "lstm" ? carried("c0") : ["bias"])]
      : ["g", "h", "w", ...lengths, "kept", ...(c.cell === "lstm" ? ["c", ...carried("c0")] : carried("h0"))];
  const outputs: [string, number][] =
    way === "forward"
      ? [["out h", H], ["out kept", 4 * H], ...(c.cell === "lstm" ? [["out c", H] as [string, number]] : [])]
      : [["delta", N], ["direct", H], ...(c.cell === "gru" ? [["recurrent", N] as [string, number]] : [])];
  const gates = { cell: c.cell, activation: c.gate },
    common = { activation: c.state, gates, masked: c.masked, inputs, outputs: outputs.map(([name]) => name) };
  const op: GatedForward | GatedBackward =
    way === "forward" ? { type: "recurrentForward", stateful: c.stateful, ...common } : { type: "recurrentBackward", ...common };
  const tensors = new Map<string, Tensor>([
    ...inputs.map((name): [string, Tensor] => {
      const [rows, cols, timesteps] = draws[name];
      return [name, { name, role: "intermediate", rows, cols, timesteps }];
    }),
    ...outputs.map(([name, cols]): [string, Tensor] => [name, { name, role: "intermediate", rows: "batch", cols, timesteps: T }]),
  ]);
  const graph: Graph = { ...oneStep(op, {}), tensors };
  const held: Record<string, Float32Array> = {},
    known: Bounded[] = [];
  for (const name of inputs) {
    held[name] = Float32Array.from(draws[name][3]);
    const bounds = Float64Array.from(held[name], (value) => (name === "lengths" ? 0 : spread * (Math.abs(value) + 0.1 * random.uniform())));
    known.push({ values: Float64Array.from(held[name], (value, i) => value + (2 * random.uniform() - 1) * bounds[i]), bounds });
  }
  return { op, graph, held, known };
}

const SCALARS: StepScalars = { rows: B, offset: 0, step: 3, learningRate: 0.01, correctedRate: 0.01 };

/** The largest error as a share of its bound. @throws Error where it is larger */
function worstRatio(c: Case, way: "forward" | "backward", spread: number, draws: number, adversary: boolean): number {
  const random = randomFor(7),
    machine = new Float32Machine(adversary ? random : null),
    cell = { ...c, T, H };
  let worst = 0;
  for (let i = 0; i < draws; i++) {
    const { op, graph, held, known } = drawn(c, way, random, spread),
      { z, g, h, w, lengths, kept, c: states0, h0, c0, bias } = held;
    const outputs =
      way === "forward"
        ? gatedForward(machine, cell, { z, w, lengths, h0, c0, bias }, SCALARS)
        : gatedBackward(machine, cell, { g, h, w, lengths, kept, c: states0, before: c.cell === "lstm" ? c0 : h0 }, SCALARS);
    const expected = evaluateBounded(op, known, graph, SCALARS);
    expect(outputs).toHaveLength(expected.length);
    outputs.forEach((output, k) => {
      const comparison = compareTensor(op.outputs[k], output, expected[k]);
      if (comparison.ratio > 1) throw new Error(JSON.stringify(comparison));
      worst = Math.max(worst, comparison.ratio);
    });
  }
  return worst;
}

describe.each(CASES)("$cell, gates $gate, state $state, padded $masked, stateful $stateful", (c) =>
  describe.each(["forward", "backward"] as const)("%s", (way) => {
    test("no GPU within the specification exceeds the bound, and the bound is not far away", () => {
      const ratio = worstRatio(c, way, 0, 12, true);
      expect(1 / ratio).toBeLessThanOrEqual(300);
    });

    test("nor does one that rounds correctly", () => {
      expect(worstRatio(c, way, 0, 4, false)).toBeLessThanOrEqual(1);
    });

    test.each([1e-6, 1e-3, 0.1])("inputs known to %f only: still within the bound", (spread) => {
      expect(worstRatio(c, way, spread, 6, true)).toBeLessThanOrEqual(1);
    });

    test("control: a number that is off by four bounds is reported, in each output", () => {
      const { op, graph, known } = drawn(c, way, randomFor(8), 0);
      evaluateBounded(op, known, graph, SCALARS).forEach((expected, k) => {
        for (let i = 0; i < expected.values.length; i += 11) {
          const gpu = Float64Array.from(expected.values);
          gpu[i] += 4 * expected.bounds[i] || 2 ** -23;
          expect(compareTensor(op.outputs[k], gpu, expected)).toMatchObject({ ok: false, worstIndex: i });
        }
      });
    });
  }),
);
