// What schedule/ says of each operation follows from what it computes, and the reference knows that: here one number of an operand is
// changed after the other, and the numbers of the output that change with it say which kernels can compute the operation. An op may
// follow another in a register only if number (row, col) comes from number (row, col).

import { describe, expect, it } from "vitest";
import { rowsOf, tensorOf, type OpName } from "../../src/graph/types.ts";
import { evaluateStep } from "../../src/reference/evaluate.ts";
import { isRowWise, scheduleOf } from "../../src/schedule/ops.ts";
import { EVERY_OP, EXAMPLES, OP_NAMES, opCases, STEP, type OpCase } from "./every-op.ts";

type Reach = "number" | "row" | "more";

/** How far a number of an operand that has as many rows as the output reaches; null where there is no such operand. */
function reachOf({ graph, op, inputs, whole }: OpCase): Reach | null {
  const size = (name: string) => ({ rows: rowsOf(tensorOf(graph, name), EXAMPLES), cols: tensorOf(graph, name).cols });
  const out = size(op.outputs[0]),
    before = evaluateStep(
      op,
      inputs.map((numbers) => numbers.slice()),
      graph,
      STEP,
    );
  let reach: Reach | null = null;
  op.inputs.forEach((name, i) => {
    const { rows, cols } = size(name),
      isCell = cols === out.cols;
    if (rows !== out.rows) return;
    for (let at = 0; at < rows * cols; at++) {
      const changed = inputs.map((numbers) => numbers.slice());
      changed[i][at] = whole[i] ? (changed[i][at] + 1) % 3 : changed[i][at] + 0.37;
      const after = evaluateStep(op, changed, graph, STEP);
      const moved = after.flatMap((output, o) => [...output.keys()].filter((j) => output[j] !== before[o][j]));
      reach ??= "number";
      if (moved.some((j) => Math.floor(j / out.cols) !== Math.floor(at / cols))) reach = "more";
      else if (reach === "number" && isCell && moved.some((j) => j !== at)) reach = "row";
    }
  });
  return reach;
}

const CASES = Object.values(EVERY_OP).flatMap(opCases);
const casesOf = (type: OpName): OpCase[] => CASES.filter(({ op }) => op.type === type);
const reaches = (type: OpName): (Reach | null)[] => [...new Set(casesOf(type).map(reachOf))];

it("every operation is tried", () => {
  expect(OP_NAMES.filter((type) => casesOf(type).length === 0)).toEqual([]);
});

describe("an op that may follow another in a register", () => {
  const followers = OP_NAMES.filter((type) => scheduleOf(type).anchor === "elementwise" && !scheduleOf(type).first && !isRowWise(type));

  it.each(followers)("%s: each number comes from the number at the same place", (type) => {
    expect(reaches(type)).toEqual(["number"]);
  });

  it("control: other ops, taken for such, are found", () => {
    expect(followers.length).toBeGreaterThan(8);
    for (const type of ["softmax", "normalizeRows", "softmaxPullback"] as const) expect(reaches(type)).toContain("row");
    for (const type of ["previousStep", "recurrentForward", "recurrentBackward"] as const) expect(reaches(type)).toContain("more");
  });
});

describe("an op that is done row by row", () => {
  const byRow = OP_NAMES.filter(isRowWise);

  it.each(byRow)("%s: each row comes from the same row", (type) => {
    for (const reach of reaches(type)) expect(["number", "row"]).toContain(reach);
  });

  it("is what softmax, the loss, its gradient, metrics and layer normalization are", () => {
    expect(byRow.sort()).toEqual(["lossGradient", "lossRows", "metricRows", "normalizeRows", "softmax", "softmaxPullback"]);
    // Only fused: by itself ∂C/∂a is a number at a time.
    expect(byRow.filter((type) => scheduleOf(type).anchor !== "rowWise")).toEqual(["lossGradient"]);
  });
});

describe("an op that begins a group", () => {
  it("reads other rows than it makes, picks them by index, or waits for all of a gradient", () => {
    expect(OP_NAMES.filter((type) => scheduleOf(type).first).sort()).toEqual([
      "carry",
      "embeddingLookup",
      "lastStep",
      "lastStepGradient",
      "previousStep",
      "scale",
    ]);
    expect(reaches("previousStep")).toEqual(["more"]);
    for (const type of ["carry", "lastStep", "lastStepGradient"] as const) {
      for (const { graph, op } of casesOf(type)) {
        const rows = (name: string) => rowsOf(tensorOf(graph, name), EXAMPLES);
        expect(rows(op.inputs[0])).not.toBe(rows(op.outputs[0]));
      }
    }
    // A factor is made of whole gradients.
    for (const { graph, op } of casesOf("scale")) {
      expect(graph.ops.find(({ outputs }) => outputs[0] === op.inputs[1])?.type).toBe("clipFactor");
    }
  });
});

it("what sums over rows has a kernel for that: a product, a row sum, or a reduction to a few numbers", () => {
  for (const { graph, op } of CASES) {
    const { anchor } = scheduleOf(op.type),
      { rows } = tensorOf(graph, op.outputs[0]);
    const mixesRows = op.inputs.some((name) => tensorOf(graph, name).rows === "batch") && rows !== "batch";
    // Carried and accumulated numbers are as many as they were.
    if (mixesRows) expect(["product", "rowSum", "reduce"]).toContain(anchor);
    if (anchor === "reduce") expect(rows).toBe(1);
  }
});

it("what the loss reads is not rounded to f16, nor what goes on from mini-batch to mini-batch or holds indices", () => {
  expect(OP_NAMES.filter((type) => scheduleOf(type).precise).sort()).toEqual(["lossGradient", "lossRows", "metricRows", "softmax"]);
  expect(OP_NAMES.filter((type) => scheduleOf(type).whole).sort()).toEqual(["carry", "gather", "lastStep", "recurrentForward"]);
});
