// Views of sequences, read number by number and compared with the definition of each: h(t−1), the last step, and the gradient that goes
// back to it. A sequence of example b has its step t in row b·T + t.

import { describe, expect, it } from "vitest";
import type { Op } from "../../src/graph/types.ts";
import { TensorMemory, type Shape } from "./tensor-memory.ts";

const BATCH = 3,
  T = 4,
  H = 2;
const sequence: Shape = ["batch", H, T],
  state: Shape = ["batch", H];

const memoryFor = (op: Op, shapes: Readonly<Record<string, Shape>>): TensorMemory => {
  const memory = new TensorMemory(shapes, [op], BATCH);
  op.inputs.forEach((name, i) => memory.fill(name, i + 1));
  return memory;
};

/** Every number of a view, as a kernel reads it. */
function all(memory: TensorMemory, view: string, rows: number, fresh = false): number[] {
  const text = memory.access.inRow(view, memory.access.rowStart(view, "row"), "col");
  return Array.from({ length: rows * H }, (_, i) => memory.value(text, { row: Math.floor(i / H), col: i % H }, { fresh }));
}

/** The numbers of a tensor, by example, time step and column. */
const at = (memory: TensorMemory, name: string) => {
  const values = memory.get(name);
  return (b: number, t: number, j: number) => values[(b * T + t) * H + j];
};

const each = (rows: number, value: (b: number, t: number, j: number) => number): number[] =>
  Array.from({ length: rows * H }, (_, i) => value(Math.floor(i / (T * H)), Math.floor(i / H) % T, i % H));

describe("a view", () => {
  it("previousStep: row t is row t − 1 of the same example, the first of each is 0", () => {
    const memory = memoryFor({ type: "previousStep", stateful: false, inputs: ["h"], outputs: ["p"] }, { h: sequence, p: sequence });
    const h = at(memory, "h");
    expect(all(memory, "p", BATCH * T)).toEqual(each(BATCH * T, (b, t, j) => (t === 0 ? 0 : h(b, t - 1, j))));
  });

  it("previousStep of a stateful layer: the first of each is the carried state, or 0 where sequences begin", () => {
    const op: Op = { type: "previousStep", stateful: true, inputs: ["h", "c"], outputs: ["p"] };
    const memory = memoryFor(op, { h: sequence, c: state, p: sequence });
    const h = at(memory, "h"),
      carried = memory.get("c");
    expect(all(memory, "p", BATCH * T)).toEqual(each(BATCH * T, (b, t, j) => (t === 0 ? carried[b * H + j] : h(b, t - 1, j))));
    expect(all(memory, "p", BATCH * T, true)).toEqual(each(BATCH * T, (b, t, j) => (t === 0 ? 0 : h(b, t - 1, j))));
  });

  it("lastStep: row b is step T − 1 of example b", () => {
    const memory = memoryFor({ type: "lastStep", inputs: ["h"], outputs: ["l"] }, { h: sequence, l: state });
    const h = at(memory, "h");
    expect(all(memory, "l", BATCH)).toEqual(Array.from({ length: BATCH * H }, (_, i) => h(Math.floor(i / H), T - 1, i % H)));
  });

  it("lastStepGradient: g in the last step of each example, 0 in all others", () => {
    const memory = memoryFor({ type: "lastStepGradient", inputs: ["g"], outputs: ["d"] }, { g: state, d: sequence });
    const g = memory.get("g");
    expect(all(memory, "d", BATCH * T)).toEqual(each(BATCH * T, (b, t, j) => (t === T - 1 ? g[b * H + j] : 0)));
  });

  it("of sequences of one step: nothing came before, and the last step is the only one", () => {
    const one: Shape = ["batch", H, 1];
    const previous = memoryFor({ type: "previousStep", stateful: false, inputs: ["h"], outputs: ["p"] }, { h: one, p: one });
    expect(all(previous, "p", BATCH)).toEqual(Array.from({ length: BATCH * H }, () => 0));
    const last = memoryFor({ type: "lastStep", inputs: ["h"], outputs: ["l"] }, { h: one, l: state });
    expect(all(last, "l", BATCH)).toEqual(last.get("h"));
  });

  it("control: read as if it were the tensor itself it has other numbers", () => {
    const memory = memoryFor({ type: "previousStep", stateful: false, inputs: ["h"], outputs: ["p"] }, { h: sequence, p: sequence });
    expect(all(memory, "h", BATCH * T)).toEqual(memory.get("h"));
    expect(all(memory, "h", BATCH * T)).not.toEqual(all(memory, "p", BATCH * T));
  });
});
