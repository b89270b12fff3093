// An epilogue is what a kernel does with each number while it is in a register. The text is run here on one number after the other: what
// must be in memory is there, with the numbers of the reference; nothing else was written; and no operand that the group made itself was
// read from memory.

import { describe, expect, it } from "vitest";
import { finishFunction } from "../../shaders/epilogue.wgsl.ts";
import { tensorOf, type Graph, type Op } from "../../src/graph/types.ts";
import type { TensorAccess } from "../../src/schedule/access.ts";
import { writeEpilogue } from "../../src/schedule/epilogue.ts";
import { FORMULAS } from "../support/formulas.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { runnable } from "../support/wgsl-in-js.ts";
import { EVERY_OP, EXAMPLES, opCases } from "./every-op.ts";
import { digits, graphOf } from "./networks.ts";

const ROWS = EXAMPLES;

/** Coarser than f16, so that no rounding goes unseen. */
const to_half = (x: number): number => Math.round(8 * x) / 8;

/** Memory of a test: every tensor an array of its own; which were read and written. */
function memoryOf(graph: Graph, values: ReadonlyMap<string, ArrayLike<number>>, halves: ReadonlySet<string> = new Set()) {
  const arrays = Object.fromEntries([...values].map(([name, numbers]) => [name, Array.from(numbers)]));
  const reads: string[] = [],
    writes: string[] = [];
  const number = (name: string, index: string) => (reads.push(name), `memory.${name}[${index}]`);
  const access = {
    formulas: FORMULAS,
    here: (name: string) => number(name, "element"),
    rowStart: (name: string, row: string) => `${row} * ${tensorOf(graph, name).cols}u`,
    inRow: (name: string, start: string, col: string) => number(name, `${start} + ${col}`),
    load: number,
    assign: (name: string, index: string, value: string) => {
      writes.push(name);
      return `memory.${name}[${index}] = ${halves.has(name) ? `to_half(${value})` : value};`;
    },
    asStored: (name: string, value: string) => (halves.has(name) ? `f32(to_half(${value}))` : value),
  } as unknown as TensorAccess;
  return { access, arrays, reads, writes };
}

/** Hands every number of the first op's output to the epilogue of the others. */
function run(
  graph: Graph,
  [first, ...others]: readonly Op[],
  given: ReadonlyMap<string, ArrayLike<number>>,
  stored: readonly string[],
  {
    halves,
    squared = null,
    change = (text) => text,
  }: { halves?: ReadonlySet<string>; squared?: string | null; change?: (text: string) => string } = {},
) {
  const { access, arrays, reads, writes } = memoryOf(
    graph,
    new Map([...given, ...stored.map((name) => [name, given.get(name) ?? []] as const)]),
    halves,
  );
  const value = first.outputs[0],
    { cols, rows } = tensorOf(graph, value),
    made = given.get(value)!;
  const text = finishFunction("finish", writeEpilogue(graph, value, others, new Set(stored), access, "f", squared), cols);
  const squares: number[] = [];
  const finish = runnable(["value", "row", "col"], "finish(value, row, col); return squares;", {
    functions: change(text),
    scope: {
      memory: arrays,
      to_half,
      squares: 0,
      squares_of: (x: number) => (squares.push(x), x * x),
      step: { learning_rate: 0.5, corrected_rate: 0.5 },
    },
  });
  for (let i = 0; i < (rows === "batch" ? ROWS : rows) * cols; i++) finish(made[i], BigInt(Math.floor(i / cols)), BigInt(i % cols));
  return { arrays, reads, writes, squares };
}

/** The numbers of all tensors at the end of a step. */
function valuesOf(graph: Graph): Map<string, Float64Array> {
  return new Map(opCases(graph).flatMap(({ op, inputs }) => op.inputs.map((name, i) => [name, inputs[i]] as const)));
}

/** δ through σ′ in a network of squares: grad_a1 ⊙ slope_z1. */
const graph = EVERY_OP["softmax under squares, clipped values"],
  values = valuesOf(graph);
const opOf = (name: string): Op => graph.ops.find(({ outputs }) => outputs.includes(name))!;
const back = ["grad_a1", "slope_z1", "delta1"].map(opOf);
const update = ["grad_w1", "clipped_w1", "w1"].map(opOf);

const off = (a: readonly number[], b: ArrayLike<number>): number =>
  a.length === b.length ? Math.max(...a.map((number, i) => (Math.abs(number - b[i]) >= 0 ? Math.abs(number - b[i]) : Infinity))) : Infinity;

describe("a pull-back with ⊙σ′ behind it", () => {
  const wanted = Array.from(values.get("grad_a1")!, (g, i) => g * values.get("a1")![i] * (1 - values.get("a1")![i]));

  it("stores δ alone, and reads nothing but a", () => {
    const { arrays, reads, writes } = run(graph, back, new Map([...values].filter(([name]) => name === "grad_a1" || name === "a1")), [
      "delta1",
    ]);
    expect(writes).toEqual(["delta1"]);
    expect(reads).toEqual(["a1"]);
    expect(off(arrays.delta1, wanted)).toBeLessThan(1e-12);
  });

  it("stores what others need of the way there as well", () => {
    const { arrays, writes } = run(graph, back, values, ["grad_a1", "delta1"]);
    expect(writes).toEqual(["grad_a1", "delta1"]);
    expect(arrays.grad_a1).toEqual(Array.from(values.get("grad_a1")!));
    expect(off(arrays.delta1, wanted)).toBeLessThan(1e-12);
  });

  it("control: σ′ left out, or another element read, is found", () => {
    const sabotage = (from: string, to: string) =>
      run(graph, back, values, ["delta1"], { change: (text) => replaceOrThrow(text, from, to) }).arrays.delta1;
    expect(off(sabotage("f1(value, v0)", "f1(value, 1.0)"), wanted)).toBeGreaterThan(1e-3);
    expect(off(sabotage("f0(memory.a1[element])", "f0(memory.a1[0u])"), wanted)).toBeGreaterThan(1e-6);
  });
});

describe("a gradient with its update behind it", () => {
  // momentum 0.9, learning rate ½, clipped to ±0.01: m ← 0.9·m − ½g, w ← w + m
  const clipped = Array.from(values.get("grad_w1")!, (g) => Math.min(0.01, Math.max(-0.01, g)));
  const state = opOf("w1").outputs[1];
  const before = new Map([...values, ["w1", Float64Array.from({ length: 12 }, (_, i) => i)], [state, new Float64Array(12).fill(0.2)]]);
  const moved = clipped.map((g) => 0.9 * 0.2 - 0.5 * g);

  it("replaces weight and state, and stores no gradient", () => {
    const { arrays, reads, writes } = run(graph, update, before, ["w1", state]);
    expect(writes).toEqual(["w1", state]);
    expect(reads.sort()).toEqual([state, "w1"].sort());
    expect(off(arrays[state], moved)).toBeLessThan(1e-7);
    expect(
      off(
        arrays.w1,
        moved.map((m, i) => i + m),
      ),
    ).toBeLessThan(1e-6);
    expect(
      off(
        arrays.w1,
        moved.map((m, i) => i - m),
      ),
      "control: the other way",
    ).toBeGreaterThan(0.1);
  });

  it("adds up the squares of the gradient that a norm is taken of, each number once", () => {
    const { squares } = run(graph, update.slice(0, 2), before, ["clipped_w1"], { squared: "grad_w1" });
    expect(squares).toEqual(Array.from(values.get("grad_w1")!));
    expect(run(graph, update.slice(0, 2), before, ["clipped_w1"]).squares).toEqual([]);
  });
});

describe("activations that memory holds as f16", () => {
  const mlp = graphOf({ ...digits, widths: [3, 4, 3], activation: "sigmoid", dropoutRate: 0.5 });
  const group = ["z1", "a1"].map((name) => mlp.ops.find(({ outputs: [out] }) => out === name)!);
  const z = Array.from({ length: 12 }, (_, i) => (i - 5) / 3);
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

  it("are what the ops behind go on with: rounded where they are stored, whole where they are not", () => {
    const rounded = run(mlp, group, new Map([["z1", z]]), ["z1", "a1"], { halves: new Set(["z1"]) }).arrays;
    expect(rounded.z1).toEqual(z.map(to_half));
    expect(off(rounded.a1, z.map(to_half).map(sigmoid))).toBeLessThan(1e-12);
    expect(off(rounded.a1, z.map(sigmoid)), "control: not the number before it was rounded").toBeGreaterThan(1e-3);
    const whole = run(mlp, group, new Map([["z1", z]]), ["a1"], { halves: new Set(["z1"]) }).arrays;
    expect(off(whole.a1, z.map(sigmoid))).toBeLessThan(1e-12);
  });
});

it("ops that begin in memory read their operands there, and name their functions by the prefix", () => {
  const hadamard = opOf("delta1"),
    { access, reads } = memoryOf(graph, new Map());
  const { functions, body } = writeEpilogue(graph, null, [hadamard], new Set(["delta1"]), access, "p3_f");
  expect(reads).toEqual(["grad_a1", "slope_z1"]);
  expect(functions).toContain("fn p3_f0(");
  expect(body).toContain("p3_f0(memory.grad_a1[element], memory.slope_z1[element])");
  expect(writeEpilogue(graph, "grad_a1", [], new Set(), access)).toEqual({ functions: "", body: "" });
});
