// What is done row by row, run on numbers and compared with the textbook formula of each.

import { describe, expect, it } from "vitest";
import type { Op } from "../../src/graph/types.ts";
import { rowWiseText } from "../../src/schedule/row-wise.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { dense } from "../../src/model/layers.ts";
import type { Loss } from "../../src/model/losses.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { program } from "./run-wgsl.ts";
import { farthest, TensorMemory, type Shape } from "./tensor-memory.ts";

const ROWS = 5,
  COLS = 4,
  CLOSE = 1e-6;
const matrix: Shape = ["batch", COLS],
  column: Shape = ["batch", 1];

const lossOf = (name: Loss["name"]): Loss =>
  resolveRecipe(resolveNetwork([dense({ units: COLS, inputShape: [1], activation: "softmax" })], 1), { optimizer: "sgd", loss: name }).loss;

/** The rows of a matrix. */
const split = (values: readonly number[], cols = COLS): number[][] =>
  Array.from({ length: values.length / cols }, (_, i) => values.slice(i * cols, (i + 1) * cols));
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const softmax = (z: readonly number[]): number[] => z.map((value) => Math.exp(value) / sum(z.map(Math.exp)));

function memoryFor(ops: readonly Op[], shapes: Readonly<Record<string, Shape>>): TensorMemory {
  const memory = new TensorMemory(shapes, ops, ROWS);
  Object.entries(shapes).forEach(([name], i) => {
    if (!ops.some(({ outputs }) => outputs.includes(name)) && name !== "labels") memory.fill(name, i + 1);
  });
  return memory;
}

/** All ops one after the other on each row, a lane for each other row. */
function run(memory: TensorMemory, rows = ROWS, change = (text: string) => text): void {
  const { functions, statements } = rowWiseText(memory.graph, memory.graph.ops, memory.access);
  const body = statements.map((text) => `{${text}}`).join("\n");
  memory.run(program(memory.access.functions() + functions, change(`for (var row = lane; row < step.rows; row += 2u) {\n${body}\n}`)), 2, {
    rows,
  });
}

describe("each row", () => {
  it("softmax: e^z / Σ e^z, for a shift of any size", () => {
    const memory = memoryFor([{ type: "softmax", inputs: ["z"], outputs: ["a"] }], { z: matrix, a: matrix });
    const z = memory.get("z");
    run(memory);
    expect(farthest(memory.get("a"), split(z).flatMap(softmax))).toBeLessThan(CLOSE);
    memory.set("z", [...Array.from({ length: ROWS * COLS }, (_, i) => 1000 + (i % COLS))]);
    run(memory);
    expect(farthest(memory.get("a", 1), softmax([0, 1, 2, 3]))).toBeLessThan(CLOSE);
  });

  it("softmax's pull-back: the Jacobian (diag a − a·aᵀ) times g", () => {
    const memory = memoryFor([{ type: "softmaxPullback", inputs: ["a", "g"], outputs: ["d"] }], { a: matrix, g: matrix, d: matrix });
    const [a, g] = [split(memory.get("a")), split(memory.get("g"))];
    run(memory);
    const wanted = a.flatMap((row, r) => row.map((_, i) => sum(row.map((aj, j) => row[i] * ((i === j ? 1 : 0) - aj) * g[r][j]))));
    expect(farthest(memory.get("d"), wanted)).toBeLessThan(CLOSE);
  });

  it("the loss of a row from labels: −ln of the softmax of the logits", () => {
    const labels = [3, 0, 1, 1, 2];
    const op: Op = { type: "lossRows", loss: lossOf("sparseCategoricalCrossentropy"), inputs: ["z", "labels"], outputs: ["loss"] };
    const memory = memoryFor([op], { z: matrix, labels: column, loss: column });
    memory.set("labels", labels);
    run(memory);
    const wanted = split(memory.get("z")).map((z, r) => -Math.log(softmax(z)[labels[r]]));
    expect(farthest(memory.get("loss"), wanted)).toBeLessThan(CLOSE);
  });

  it("the loss and metrics of a row from numbers: means over its columns", () => {
    const ops: Op[] = [
      { type: "lossRows", loss: lossOf("meanSquaredError"), inputs: ["a", "y"], outputs: ["loss"] },
      { type: "metricRows", metric: "meanAbsoluteError", inputs: ["a", "y"], outputs: ["mae"] },
    ];
    const memory = memoryFor(ops, { a: matrix, y: matrix, loss: column, mae: column });
    run(memory);
    const differences = split(memory.get("a").map((value, i) => value - memory.get("y")[i]));
    expect(
      farthest(
        memory.get("loss"),
        differences.map((row) => sum(row.map((d) => d * d)) / COLS),
      ),
    ).toBeLessThan(CLOSE);
    expect(
      farthest(
        memory.get("mae"),
        differences.map((row) => sum(row.map(Math.abs)) / COLS),
      ),
    ).toBeLessThan(CLOSE);
  });

  it("accuracy by a label: 1 where the first of the largest numbers stands there", () => {
    const op: Op = { type: "metricRows", metric: "sparseAccuracy", inputs: ["a", "labels"], outputs: ["hit"] };
    const memory = memoryFor([op], { a: matrix, labels: column, hit: column });
    memory.set("a", [...[1, 2, 3, 4], ...[1, 2, 3, 4], ...[5, 5, 0, 0], ...[5, 5, 0, 0], ...[-3, -1, -2, -4]]);
    memory.set("labels", [3, 2, 0, 1, 1]);
    run(memory);
    expect(memory.get("hit")).toEqual([1, 0, 1, 0, 1]);
  });

  it("ops of single numbers go through its columns, and read what an earlier op has stored", () => {
    const ops: Op[] = [
      { type: "softmax", inputs: ["z"], outputs: ["a"] },
      { type: "hadamard", inputs: ["a", "b"], outputs: ["c"] },
      { type: "lossGradient", loss: lossOf("categoricalCrossentropy"), inputs: ["a", "b"], outputs: ["d"] },
    ];
    const memory = memoryFor(ops, { z: matrix, b: matrix, a: matrix, c: matrix, d: matrix });
    run(memory);
    const a = split(memory.get("z")).flatMap(softmax),
      b = memory.get("b");
    expect(
      farthest(
        memory.get("c"),
        a.map((value, i) => value * b[i]),
      ),
    ).toBeLessThan(CLOSE);
    expect(
      farthest(
        memory.get("d"),
        a.map((value, i) => (value - b[i]) / ROWS),
      ),
    ).toBeLessThan(CLOSE);
  });
});

it("rows beyond those of the mini-batch are left alone", () => {
  const memory = memoryFor([{ type: "softmax", inputs: ["z"], outputs: ["a"] }], { z: matrix, a: matrix });
  run(memory, 3);
  expect(memory.get("a").map(Number.isNaN)).toEqual(Array.from({ length: ROWS * COLS }, (_, i) => i >= 3 * COLS));
});

it("each op's functions have names of their own", () => {
  const ops: Op[] = ["b", "c"].map((out) => ({ type: "activation", activation: "tanh", inputs: ["a"], outputs: [out] }));
  const memory = memoryFor(ops, { a: matrix, b: matrix, c: matrix });
  const { functions } = rowWiseText(memory.graph, ops, memory.access, "p3");
  expect([...functions.matchAll(/fn (\w+)\(/g)].map(([, name]) => name)).toEqual(["p30", "p31"]);
});

it("control: a formula that is wrong is found", () => {
  const memory = memoryFor([{ type: "softmax", inputs: ["z"], outputs: ["a"] }], { z: matrix, a: matrix });
  run(memory, ROWS, (text) => replaceOrThrow(text, "sum += exp(", "sum += 1.001 * exp("));
  expect(farthest(memory.get("a"), split(memory.get("z")).flatMap(softmax)) < CLOSE).toBe(false);
});
