// Ops of sequences that work number by number: rows of a table, carried states, losses without padding. Run on numbers.

import { describe, expect, it } from "vitest";
import type { Op } from "../../src/graph/types.ts";
import { elementwiseText, operandAt } from "../../src/schedule/elementwise.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { farthest, TensorMemory, type Shape } from "./tensor-memory.ts";

const BATCH = 3,
  T = 4;

/** Every number of the op's output, each by its expression. */
function all(memory: TensorMemory, rows: number, cols: number): number[] {
  const [op] = memory.graph.ops;
  const { call } = elementwiseText(memory.graph, op, "f", memory.access, (i, where) => operandAt(memory.access, op.inputs[i], where));
  return Array.from({ length: rows * cols }, (_, element) =>
    memory.value(call, { row: Math.floor(element / cols), col: element % cols, element }),
  );
}

const memoryFor = (op: Op, shapes: Readonly<Record<string, Shape>>): TensorMemory => {
  const memory = new TensorMemory(shapes, [op], BATCH);
  op.inputs.forEach((name, i) => memory.fill(name, i + 1));
  return memory;
};

describe("embeddingLookup", () => {
  const picks = [2, 0, 1, 2, 2, 1, 0, 0, 1, 2, 0, 2];

  it.each([
    ["with a bias", ["index", "table", "bias"]],
    ["without", ["index", "table"]],
  ])("%s: each row is the row of the table that its number picks", (_, inputs) => {
    const memory = memoryFor(
      { type: "embeddingLookup", inputs, outputs: ["z"] },
      { index: ["batch", 1, T], table: [3, 5], bias: [1, 5], z: ["batch", 5, T] },
    );
    memory.set("index", picks);
    const table = memory.get("table"),
      bias = memory.get("bias");
    const wanted = picks.flatMap((pick) =>
      table.slice(pick * 5, pick * 5 + 5).map((value, j) => value + (inputs.length > 2 ? bias[j] : 0)),
    );
    expect(farthest(all(memory, BATCH * T, 5), wanted)).toBeLessThan(1e-6);
    // Control: other picks, other rows.
    memory.set(
      "index",
      picks.map((pick) => (pick + 1) % 3),
    );
    expect(farthest(all(memory, BATCH * T, 5), wanted) < 1e-6).toBe(false);
  });
});

describe("carry", () => {
  it("row b is the last step of example b", () => {
    const memory = memoryFor({ type: "carry", inputs: ["h"], outputs: ["c"] }, { h: ["batch", 2, T], c: ["batch", 2] });
    const h = memory.get("h");
    const wanted = Array.from({ length: BATCH * 2 }, (_, i) => h[(Math.floor(i / 2) * T + T - 1) * 2 + (i % 2)]);
    expect(all(memory, BATCH, 2)).toEqual(wanted);
    // Control: it is not the first.
    expect(all(memory, BATCH, 2)).not.toEqual(Array.from({ length: BATCH * 2 }, (_, i) => h[Math.floor(i / 2) * T * 2 + (i % 2)]));
  });
});

describe("weightRows", () => {
  it("every number of a row is multiplied by the weight of the row", () => {
    const op: Op = { type: "weightRows", inputs: ["v", "weights"], outputs: ["m"] };
    const memory = memoryFor(op, { v: ["batch", 2, T], weights: ["batch", 1, T], m: ["batch", 2, T] });
    const v = memory.get("v"),
      weights = memory.get("weights"),
      got = all(memory, BATCH * T, 2);
    expect(got).toEqual(Array.from({ length: BATCH * T * 2 }, (_, i) => v[i] * weights[Math.floor(i / 2)]));
    // Control: not by that of the example.
    expect(got).not.toEqual(Array.from({ length: BATCH * T * 2 }, (_, i) => v[i] * weights[Math.floor(i / 2 / T)]));
  });
});

describe("maskRows", () => {
  const lengths = [4, 1, 2],
    count = 7;
  const make = () => {
    const op: Op = { type: "maskRows", inputs: ["v", "lengths", "count"], outputs: ["m"] };
    const memory = memoryFor(op, { v: ["batch", 1, T], lengths: ["batch", 1], count: [1, 1], m: ["batch", 1, T] });
    memory.set("lengths", lengths);
    memory.set("count", [count]);
    return memory;
  };

  it("padding is 0, and what is left has the mean over all B·T rows that it has over the rows that count", () => {
    const memory = make(),
      v = memory.get("v"),
      got = all(memory, BATCH * T, 1);
    const counts = Array.from({ length: BATCH * T }, (_, i) => i % T < lengths[Math.floor(i / T)]);
    expect(got.map((value) => value !== 0)).toEqual(counts);
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    expect(sum(got) / (BATCH * T)).toBeCloseTo(sum(v.filter((_, i) => counts[i])) / count, 6);
  });

  it("control: another count, another mean", () => {
    const memory = make(),
      before = all(memory, BATCH * T, 1);
    memory.set("count", [count + 1]);
    expect(farthest(all(memory, BATCH * T, 1), before) < 1e-6).toBe(false);
  });
});

it("an op that is none of these is refused", () => {
  const op: Op = { type: "softmax", inputs: ["z"], outputs: ["a"] };
  const memory = new TensorMemory({ z: ["batch", 2], a: ["batch", 2] }, [op], BATCH);
  expect(() => SEQUENCES.elementwiseCall(memory.graph, op, () => "0.0")).toThrow("softmax is not an elementwise op");
});
