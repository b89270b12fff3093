// Sums over whole tensors, run on numbers by several lanes and compared with sums written out here.

import { describe, expect, it } from "vitest";
import { NORM_FUNCTIONS } from "../../shaders/norms.wgsl.ts";
import { reduceStatements } from "../../shaders/reduce.wgsl.ts";
import type { Op } from "../../src/graph/types.ts";
import { reduceText } from "../../src/schedule/reduce.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { program } from "./run-wgsl.ts";
import { farthest, noise, TensorMemory, type Shape } from "./tensor-memory.ts";

const LANES = 4,
  ROWS = 6,
  CLOSE = 1e-5;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const norm = (values: readonly number[]): number => Math.sqrt(sum(values.map((value) => value * value)));

/** Tensors that no op makes are noise. */
function memoryFor(ops: readonly Op[], shapes: Readonly<Record<string, Shape>>, batch = ROWS): TensorMemory {
  const memory = new TensorMemory(shapes, ops, batch);
  Object.keys(shapes).forEach((name, i) => {
    if (!ops.some(({ outputs }) => outputs.includes(name))) memory.fill(name, i + 1);
  });
  return memory;
}

function run(memory: TensorMemory, rows = memory.batch, change = (text: string) => text): void {
  const { functions, reductions } = reduceText(memory.graph, memory.batch, memory.graph.ops, memory.access);
  memory.run(change(program(NORM_FUNCTIONS + functions, reduceStatements(reductions, LANES), LANES)), LANES, { rows });
}

describe("a sum", () => {
  it("of a penalty: l1·Σ|w| + l2·Σw²", () => {
    const memory = memoryFor([{ type: "penalty", l1: 0.25, l2: 0.5, inputs: ["w"], outputs: ["p"] }], { w: [5, 3], p: [1, 1] });
    run(memory);
    const w = memory.get("w");
    expect(farthest(memory.get("p"), [0.25 * sum(w.map(Math.abs)) + 0.5 * sum(w.map((value) => value * value))])).toBeLessThan(CLOSE);
  });

  it("of lengths: how many steps are no padding", () => {
    const memory = memoryFor([{ type: "countSteps", inputs: ["lengths"], outputs: ["n"] }], { lengths: ["batch", 1], n: [1, 1] });
    memory.set("lengths", [1, 4, 2, 4, 3, 9]);
    run(memory);
    expect(memory.get("n")).toEqual([23]);
    run(memory, 5);
    expect(memory.get("n")).toEqual([14]);
  });

  it("of a step: the mean loss with all penalties, then the mean of each metric, then the count", () => {
    const op: Op = { type: "summarize", metrics: 2, counted: true, inputs: ["loss", "m1", "m2", "p1", "p2", "count"], outputs: ["out"] };
    const rows: Shape = ["batch", 1],
      scalar: Shape = [1, 1];
    const memory = memoryFor([op], { loss: rows, m1: rows, m2: rows, p1: scalar, p2: scalar, count: scalar, out: [1, 4] });
    for (const now of [ROWS, 4]) {
      run(memory, now);
      const of = (name: string) => memory.get(name, now);
      const wanted = [mean(of("loss")) + memory.get("p1")[0] + memory.get("p2")[0], mean(of("m1")), mean(of("m2")), memory.get("count")[0]];
      expect(farthest(memory.get("out"), wanted)).toBeLessThan(CLOSE);
    }
  });

  it("of sequences: means are over all time steps of all examples", () => {
    const op: Op = { type: "summarize", metrics: 0, inputs: ["loss"], outputs: ["out"] };
    const memory = memoryFor([op], { loss: ["batch", 1, 3], out: [1, 1] });
    run(memory);
    expect(farthest(memory.get("out"), [mean(memory.get("loss"))])).toBeLessThan(CLOSE);
  });

  it.each([
    ["the limit over their norm, if that is larger", 0.5],
    ["1 otherwise", 100],
  ])("of all gradients' squares makes the factor of clipping: %s", (_, limit) => {
    const op: Op = { type: "clipFactor", limit, inputs: ["g1", "g2"], outputs: ["f"] };
    const memory = memoryFor([op], { g1: [3, 3], g2: [1, 5], f: [1, 1] });
    run(memory);
    expect(farthest(memory.get("f"), [Math.min(1, limit / norm([...memory.get("g1"), ...memory.get("g2")]))])).toBeLessThan(CLOSE);
  });

  it("of over 4,096 terms is done in blocks, of 4,096 not", () => {
    const reductionsFor = (batch: number) => {
      const memory = memoryFor([{ type: "countSteps", inputs: ["v"], outputs: ["n"] }], { v: ["batch", 1], n: [1, 1] }, batch);
      return { memory, terms: reduceText(memory.graph, batch, memory.graph.ops, memory.access).reductions.flatMap(({ terms }) => terms) };
    };
    expect(reductionsFor(4096).terms.map(({ blocks }) => blocks)).toEqual([null]);
    const { memory, terms } = reductionsFor(4097);
    expect(terms).toMatchObject([{ atMost: 4097, blocks: expect.any(Function) as unknown }]);
    run(memory);
    expect(farthest(memory.get("n"), [sum(noise(4097))])).toBeLessThan(1e-4);
  });
});

describe("several sums", () => {
  const ops: Op[] = ["a", "b"].map((name) => ({
    type: "penalty",
    l1: name === "a" ? 1 : 2,
    l2: 0,
    inputs: [name],
    outputs: [`${name}_sum`],
  }));
  const shapes: Readonly<Record<string, Shape>> = { a: [1, 5], b: [1, 5], a_sum: [1, 1], b_sum: [1, 1] };

  it("come in the order of the ops, each with functions of its own", () => {
    const memory = memoryFor(ops, shapes);
    run(memory);
    expect(farthest(memory.get("a_sum"), [sum(memory.get("a").map(Math.abs))])).toBeLessThan(CLOSE);
    expect(farthest(memory.get("b_sum"), [2 * sum(memory.get("b").map(Math.abs))])).toBeLessThan(CLOSE);
  });

  it("refuse an op that is none", () => {
    const softmax: Op = { type: "softmax", inputs: ["a"], outputs: ["b"] };
    const memory = new TensorMemory(shapes, [softmax], ROWS);
    expect(() => reduceText(memory.graph, ROWS, [softmax], memory.access)).toThrow("softmax is not a reduction");
  });
});

describe("control: what is wrong is found", () => {
  const make = () => memoryFor([{ type: "countSteps", inputs: ["v"], outputs: ["n"] }], { v: ["batch", 1], n: [1, 1] });
  const isRight = (change: (text: string) => string): boolean => {
    const memory = make();
    run(memory, ROWS, change);
    return farthest(memory.get("n"), [sum(memory.get("v"))]) < CLOSE;
  };

  it("a lane that is left out, and a barrier that is", () => {
    expect(isRight((text) => text)).toBe(true);
    expect(isRight((text) => replaceOrThrow(text, `i < ${LANES}u; i++`, `i < ${LANES - 1}u; i++`))).toBe(false);
    expect(isRight((text) => replaceOrThrow(text, "workgroupBarrier();", ""))).toBe(false);
  });
});
