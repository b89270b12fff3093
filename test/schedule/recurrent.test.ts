// A recurrent layer's way through time: the text for some examples of one workgroup, run on numbers, has what the recurrence gives by hand;
// and neither the text nor the launches grow with the number of time steps.

import { describe, expect, it } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import * as sequences from "../../src/graph/recurrent.ts";
import type { OpOf } from "../../src/graph/types.ts";
import { dense } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { recurrentFlops, recurrentText } from "../../src/schedule/recurrent.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { DEFAULT_ADAPTER, type TileLimits } from "../../src/schedule/tiles.ts";
import { UnsupportedError } from "../../src/errors.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { program } from "./run-wgsl.ts";
import { farthest, TensorMemory, type Shape } from "./tensor-memory.ts";

const H = 5,
  EXAMPLES = 4,
  LANES = 4,
  CLOSE = 1e-5;
const LIMITS: TileLimits = { ...DEFAULT_ADAPTER, kind: "software", lanes: LANES };
const lengths = [3, 1, 2, 3, 2, 3, 1];
const BATCH = lengths.length;

type RecurrentOp = OpOf<"recurrentForward"> | OpOf<"recurrentBackward">;

function memoryFor(op: RecurrentOp, T: number): TensorMemory {
  const sequence: Shape = ["batch", H, T];
  const shapes = {
    z: sequence,
    g: sequence,
    h: sequence,
    delta: sequence,
    w: [H, H],
    lengths: ["batch", 1],
    carried: ["batch", H],
  } as const;
  const memory = new TensorMemory(shapes, [op], BATCH);
  op.inputs.forEach((name, i) => memory.fill(name, i + 1));
  if (op.inputs.includes("lengths")) memory.set("lengths", lengths);
  return memory;
}

/** Workgroup after workgroup, each with its examples. */
function run(memory: TensorMemory, { fresh = false, rows = BATCH, change = (text: string) => text } = {}): void {
  const { graph, access, batch } = memory,
    [op] = graph.ops as [RecurrentOp];
  const { functions, text } = recurrentText({ graph, access, batch, limits: LIMITS }, op, "r", EXAMPLES);
  for (let workgroup = 0; workgroup < Math.ceil(rows / EXAMPLES); workgroup++) {
    memory.run(program(access.functions() + functions, `let program = ${workgroup}u; ${change(text)}`), LANES, { fresh, rows });
  }
}

type At = (b: number, t: number, j: number) => number;
const reader = (memory: TensorMemory, name: string, T: number): At => {
  const values = memory.get(name);
  return (b, t, j) => values[(b * T + t) * H + j];
};

/** h(t) = tanh(z(t) + h(t−1)·W); h stays at padding. */
function forward(memory: TensorMemory, T: number, start: readonly number[] | null, masked: boolean): number[] {
  const z = reader(memory, "z", T),
    w = memory.get("w"),
    out: number[] = [];
  for (let b = 0; b < BATCH; b++) {
    let h = Array.from({ length: H }, (_, j) => start?.[b * H + j] ?? 0);
    for (let t = 0; t < T; t++) {
      if (!masked || t < lengths[b]) {
        const before = h;
        h = before.map((_, j) => Math.tanh(z(b, t, j) + before.reduce((sum, value, i) => sum + value * w[i * H + j], 0)));
      }
      out.push(...h);
    }
  }
  return out;
}

/** δ(t) = G(t) ⊙ (1 − h²), G(t) = g(t) + δ(t+1)·Wᵀ; at padding δ(t) = 0 and G(t−1) = g(t−1) + G(t). */
function backward(memory: TensorMemory, T: number, masked: boolean): number[] {
  const [g, h] = ["g", "h"].map((name) => reader(memory, name, T)),
    w = memory.get("w"),
    out = Array.from({ length: BATCH * T * H }, () => 0);
  for (let b = 0; b < BATCH; b++) {
    let from = Array.from({ length: H }, () => 0);
    for (let t = T - 1; t >= 0; t--) {
      const total = from.map((value, j) => g(b, t, j) + value);
      if (masked && t >= lengths[b]) from = total;
      else {
        const delta = total.map((value, j) => value * (1 - h(b, t, j) ** 2));
        delta.forEach((value, j) => (out[(b * T + t) * H + j] = value));
        from = delta.map((_, i) => delta.reduce((sum, value, j) => sum + value * w[i * H + j], 0));
      }
    }
  }
  return out;
}

const forwardOp = (masked: boolean, stateful: boolean): RecurrentOp => ({
  type: "recurrentForward",
  activation: "tanh",
  masked,
  stateful,
  inputs: ["z", "w", ...(masked ? ["lengths"] : []), ...(stateful ? ["carried"] : [])],
  outputs: ["h"],
});
const backwardOp = (masked: boolean): RecurrentOp => ({
  type: "recurrentBackward",
  activation: "tanh",
  masked,
  inputs: ["g", "h", "w", ...(masked ? ["lengths"] : [])],
  outputs: ["delta"],
});

describe.each([1, 3])("%i time steps", (T) => {
  it.each([
    ["plain", false, false],
    ["padded", true, false],
    ["stateful", false, true],
    ["padded and stateful", true, true],
  ])("forward, %s", (_, masked, stateful) => {
    for (const fresh of [false, true]) {
      const memory = memoryFor(forwardOp(masked, stateful), T);
      run(memory, { fresh });
      const start = stateful && !fresh ? memory.get("carried") : null;
      expect(farthest(memory.get("h"), forward(memory, T, start, masked))).toBeLessThan(CLOSE);
    }
  });

  it.each([
    ["plain", false],
    ["padded", true],
  ])("backward, %s", (_, masked) => {
    const memory = memoryFor(backwardOp(masked), T);
    run(memory);
    expect(farthest(memory.get("delta"), backward(memory, T, masked))).toBeLessThan(CLOSE);
  });

  it("examples beyond those of the mini-batch are left alone", () => {
    const memory = memoryFor(forwardOp(false, false), T),
      rows = 5;
    run(memory, { rows });
    expect(memory.get("h").map(Number.isNaN)).toEqual(Array.from({ length: BATCH * T * H }, (_, i) => i >= rows * T * H));
  });
});

describe("control: what is wrong is found", () => {
  const isRight = (op: RecurrentOp, change: (text: string) => string): boolean => {
    const memory = memoryFor(op, 3);
    run(memory, { change });
    const wanted = op.type === "recurrentForward" ? forward(memory, 3, null, false) : backward(memory, 3, false);
    return (
      farthest(
        op.outputs.flatMap((name) => memory.get(name)),
        wanted,
      ) < CLOSE
    );
  };

  it("time that goes the other way", () => {
    expect(isRight(forwardOp(false, false), (text) => text)).toBe(true);
    expect(isRight(forwardOp(false, false), (text) => replaceOrThrow(text, "let t = i;", "let t = 2u - i;"))).toBe(false);
    expect(isRight(backwardOp(false), (text) => replaceOrThrow(text, "let t = 2u - i;", "let t = i;"))).toBe(false);
  });

  it("time steps without a barrier between them", () => {
    expect(isRight(forwardOp(false, false), (text) => replaceOrThrow(text, "storageBarrier();", ""))).toBe(false);
  });
});

describe("the number of time steps", () => {
  const planOf = (T: number, purpose: "train" | "predict" = "train") => {
    const network = resolveNetwork([simpleRNN({ units: 4, inputShape: [T, 3] }), dense({ units: 2 })], 1);
    const recipe = resolveRecipe(network, { optimizer: "adam", loss: "meanSquaredError" });
    return new Plan(buildGraph(network, recipe, purpose, undefined, sequences), { batch: 5, sequences: SEQUENCES });
  };

  it("changes no launch", () => {
    for (const purpose of ["train", "predict"] as const) {
      const [few, many] = [3, 99].map((T) => planOf(T, purpose).launches);
      expect(many.map(({ label, kernel }) => [label, kernel])).toEqual(few.map(({ label, kernel }) => [label, kernel]));
      expect(many.map(({ source }) => source)).not.toEqual(few.map(({ source }) => source));
    }
  });

  it("changes nothing but numbers in the layer's own text", () => {
    const textFor = (op: RecurrentOp, T: number) => {
      const { graph, access, batch } = memoryFor(op, T),
        { functions, text } = recurrentText({ graph, access, batch, limits: LIMITS }, op, "r", EXAMPLES);
      return functions + text;
    };
    const withoutNumbers = (text: string) => text.replace(/\d+/g, "#");
    for (const op of [forwardOp(true, true), backwardOp(true)]) {
      expect(withoutNumbers(textFor(op, 99))).toBe(withoutNumbers(textFor(op, 3)));
      expect(textFor(op, 99)).not.toBe(textFor(op, 3));
    }
  });

  it("does change the multiplications: a product of H × H for each example and step", () => {
    const memory = memoryFor(forwardOp(false, false), 3);
    // 7 examples, 3 steps, 5 × 5 weights, a multiplication and an addition each.
    expect(recurrentFlops(memory.graph, forwardOp(false, false), BATCH)).toBe(2 * 7 * 3 * 25);
    expect(recurrentFlops(memoryFor(backwardOp(false), 6).graph, backwardOp(false), BATCH)).toBe(2 * 7 * 6 * 25);
  });

  it("is refused where an adapter would end its loops too early", () => {
    const memory = memoryFor(forwardOp(false, false), 3),
      { graph, access } = memory;
    const write = (maxIterations: number) =>
      recurrentText({ graph, access, batch: BATCH, limits: { ...LIMITS, maxIterations } }, forwardOp(false, false), "r", EXAMPLES);
    expect(() => write(10)).toThrow(UnsupportedError);
    expect(write(1e6).text).toContain("i < 3u");
  });
});
