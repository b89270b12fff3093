// Batch and layer normalization as kernels have them: each expression and each row's statements, run on numbers and compared with the
// formulas of docs/architecture.md; and together they make columns, or rows, of mean 0 and variance 1.

import { describe, expect, it } from "vitest";
import type { Op, OpOf } from "../../src/graph/types.ts";
import { elementwiseText, operandAt } from "../../src/schedule/elementwise.ts";
import { withNormalizations } from "../../src/schedule/normalization.ts";
import { rowWiseText } from "../../src/schedule/row-wise.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { program } from "./run-wgsl.ts";
import { farthest, TensorMemory, type Shape } from "./tensor-memory.ts";

const ROWS = 6,
  COLS = 3,
  CLOSE = 1e-5,
  EPSILON = 0.01;
const matrix: Shape = ["batch", COLS],
  row: Shape = [1, COLS];

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const variance = (values: readonly number[]): number => mean(values.map((value) => (value - mean(values)) ** 2));
const column = (values: readonly number[], j: number): number[] => values.filter((_, i) => i % COLS === j);
const columns = (of: (j: number) => number): number[] => Array.from({ length: COLS }, (_, j) => of(j));

function memoryFor(op: Op, shapes: Readonly<Record<string, Shape>>, batch = ROWS): TensorMemory {
  const memory = new TensorMemory(shapes, [op], batch);
  op.inputs.forEach((name, i) => memory.fill(name, i + 1));
  return memory;
}

/** The sums over rows that the terms of a moment have. */
function moment(memory: TensorMemory, rows: number, change = (text: string) => text): number[] {
  const op = memory.graph.ops[0] as OpOf<"moment">,
    term = change(memory.access.sequences.term!(memory.access, op, "row"));
  return columns((col) => sum(Array.from({ length: rows }, (_, row) => memory.value(term, { row, col }, { rows: memory.batch }))));
}

describe("a moment is a sum over rows", () => {
  it.each([
    ["of a mini-batch", matrix, 1],
    ["of sequences: all of their steps", ["batch", COLS, 2] as Shape, 2],
  ])("%s", (_, shape, steps) => {
    const rows = ROWS * steps;
    const means = memoryFor({ type: "moment", kind: "mean", inputs: ["x"], outputs: ["m"] }, { x: shape, m: row });
    expect(
      farthest(
        moment(means, rows),
        columns((j) => mean(column(means.get("x"), j))),
      ),
    ).toBeLessThan(CLOSE);
    const variances = memoryFor({ type: "moment", kind: "variance", inputs: ["x", "m"], outputs: ["v"] }, { x: shape, m: row, v: row });
    const x = variances.get("x");
    variances.set(
      "m",
      columns((j) => mean(column(x, j))),
    );
    expect(
      farthest(
        moment(variances, rows),
        columns((j) => variance(column(x, j))),
      ),
    ).toBeLessThan(CLOSE);
    const products = memoryFor({ type: "moment", kind: "product", inputs: ["a", "b"], outputs: ["s"] }, { a: shape, b: shape, s: row });
    const [a, b] = [products.get("a"), products.get("b")];
    expect(
      farthest(
        moment(products, rows),
        columns((j) =>
          sum(
            column(
              a.map((value, i) => value * b[i]),
              j,
            ),
          ),
        ),
      ),
    ).toBeLessThan(CLOSE);
  });

  it("control: of a term that is no squared difference it is another", () => {
    const memory = memoryFor({ type: "moment", kind: "variance", inputs: ["x", "m"], outputs: ["v"] }, { x: matrix, m: row, v: row });
    const x = memory.get("x"),
      m = memory.get("m");
    const wanted = columns((j) => mean(column(x, j).map((value) => (value - m[j]) ** 2)));
    expect(farthest(moment(memory, ROWS), wanted)).toBeLessThan(CLOSE);
    const wrong = moment(memory, ROWS, (text) => replaceOrThrow(text, "squared_difference(", "max("));
    expect(farthest(wrong, wanted) < CLOSE).toBe(false);
  });
});

/** Every number of the op's output, each by its expression. */
function all(memory: TensorMemory, rows: number, change = (text: string) => text): number[] {
  const [op] = memory.graph.ops;
  const { call } = elementwiseText(memory.graph, op, "f", memory.access, (i, where) => operandAt(memory.access, op.inputs[i], where));
  return Array.from({ length: rows * COLS }, (_, element) =>
    memory.value(change(call), { row: Math.floor(element / COLS), col: element % COLS, element }),
  );
}

describe("number by number", () => {
  it("normalize: (x − μ) / √(v + ε), so that columns have mean 0 and nearly variance 1", () => {
    const memory = memoryFor(
      { type: "normalize", kind: "normalize", epsilon: EPSILON, inputs: ["x", "m", "v"], outputs: ["n"] },
      { x: matrix, m: row, v: row, n: matrix },
    );
    const x = memory.get("x");
    memory.set(
      "m",
      columns((j) => mean(column(x, j))),
    );
    const v = memory.set(
      "v",
      columns((j) => variance(column(x, j))),
    );
    const n = all(memory, ROWS);
    columns((j) => {
      expect(mean(column(n, j))).toBeCloseTo(0, 5);
      expect(variance(column(n, j))).toBeCloseTo(v[j] / (v[j] + EPSILON), 5);
      return j;
    });
    // Control: without ε variances are 1.
    const wrong = all(memory, ROWS, (text) => replaceOrThrow(text, / \+ [\d.e-]+f\)/, ")"));
    expect(variance(column(wrong, 0))).toBeCloseTo(1, 5);
  });

  it.each([
    ["γ ⊙ x + β", true, true],
    ["γ ⊙ x", true, false],
    ["x + β", false, true],
  ])("affine: %s", (_, scale, center) => {
    const inputs = ["x", ...(scale ? ["gamma"] : []), ...(center ? ["beta"] : [])];
    const memory = memoryFor(
      { type: "normalize", kind: "affine", scale, center, inputs, outputs: ["z"] },
      { x: matrix, gamma: row, beta: row, z: matrix },
    );
    const [x, gamma, beta] = ["x", "gamma", "beta"].map((name) => memory.get(name));
    const wanted = x.map((value, i) => value * (scale ? gamma[i % COLS] : 1) + (center ? beta[i % COLS] : 0));
    expect(farthest(all(memory, ROWS), wanted)).toBeLessThan(CLOSE);
  });

  it("pull back: ∂C/∂x by differences of C = Σ g ⊙ n", () => {
    const op: Op = { type: "normalize", kind: "pullBack", epsilon: EPSILON, inputs: ["g", "n", "v", "sums", "dots"], outputs: ["d"] };
    const memory = memoryFor(op, { g: matrix, n: matrix, v: row, sums: row, dots: row, d: matrix, x: matrix });
    const x = memory.fill("x", 9),
      g = memory.get("g");
    const normalized = (values: readonly number[]) =>
      values.map((value, i) => (value - mean(column(values, i % COLS))) / Math.sqrt(variance(column(values, i % COLS)) + EPSILON));
    const n = memory.set("n", normalized(x));
    memory.set(
      "v",
      columns((j) => variance(column(x, j))),
    );
    memory.set(
      "sums",
      columns((j) => sum(column(g, j))),
    );
    memory.set(
      "dots",
      columns((j) =>
        sum(
          column(
            g.map((value, i) => value * n[i]),
            j,
          ),
        ),
      ),
    );
    const cost = (values: readonly number[]) => sum(normalized(values).map((value, i) => value * g[i]));
    const wanted = x.map((value, i) => (cost(x.with(i, value + 1e-5)) - cost(x.with(i, value - 1e-5))) / 2e-5);
    expect(farthest(all(memory, ROWS), wanted)).toBeLessThan(1e-4);
  });

  it("moving: momentum · m + (1 − momentum) · s", () => {
    const memory = memoryFor({ type: "normalize", kind: "moving", momentum: 0.75, inputs: ["m", "s"], outputs: ["m"] }, { m: row, s: row });
    const [m, s] = [memory.get("m"), memory.get("s")];
    expect(
      farthest(
        all(memory, 1),
        m.map((value, i) => 0.75 * value + 0.25 * s[i]),
      ),
    ).toBeLessThan(CLOSE);
  });

  it("all else is written as before", () => {
    const carry: Op = { type: "carry", inputs: ["h"], outputs: ["c"] };
    const memory = memoryFor(carry, { h: ["batch", 2, 3], c: ["batch", 2] });
    const operand = (i: number) => `operand ${i}`;
    expect(withNormalizations(SEQUENCES).elementwiseCall(memory.graph, carry, operand)).toBe(
      SEQUENCES.elementwiseCall(memory.graph, carry, operand),
    );
    // Control: without normalizations a normalize is none of its ops.
    const affine: Op = { type: "normalize", kind: "affine", scale: true, center: true, inputs: ["h", "c", "c"], outputs: ["c"] };
    expect(() => SEQUENCES.elementwiseCall(memory.graph, affine, operand)).toThrow("normalize is not an elementwise op");
    expect(withNormalizations(SEQUENCES).elementwiseCall(memory.graph, affine, operand)).toContain("operand 0");
  });
});

describe("row by row, in layer normalization", () => {
  const normalizedRows = (values: readonly number[]) =>
    Array.from({ length: values.length / COLS }, (_, r) => values.slice(r * COLS, (r + 1) * COLS)).flatMap((x) =>
      x.map((value) => (value - mean(x)) / Math.sqrt(variance(x) + EPSILON)),
    );
  const run = (memory: TensorMemory, change = (text: string) => text): void => {
    const { functions, statements } = rowWiseText(memory.graph, memory.graph.ops, memory.access);
    memory.run(program(functions, change(`for (var row = 0u; row < step.rows; row++) {${statements.join("")}}`)));
  };

  it("each row by its own mean and variance", () => {
    const memory = memoryFor(
      { type: "normalizeRows", kind: "normalize", epsilon: EPSILON, inputs: ["x"], outputs: ["n"] },
      { x: matrix, n: matrix },
    );
    run(memory);
    expect(farthest(memory.get("n"), normalizedRows(memory.get("x")))).toBeLessThan(CLOSE);
    run(memory, (text) => replaceOrThrow(text, "variance /= 3.0f;", "variance /= 2.0f;"));
    expect(farthest(memory.get("n"), normalizedRows(memory.get("x"))) < CLOSE).toBe(false);
  });

  it("and back: ∂C/∂x by differences of C = Σ g ⊙ n", () => {
    const op: Op = { type: "normalizeRows", kind: "pullBack", epsilon: EPSILON, inputs: ["g", "n", "x"], outputs: ["d"] };
    const memory = memoryFor(op, { g: matrix, n: matrix, x: matrix, d: matrix });
    const [g, x] = [memory.get("g"), memory.get("x")];
    memory.set("n", normalizedRows(x));
    run(memory);
    const cost = (values: readonly number[]) => sum(normalizedRows(values).map((value, i) => value * g[i]));
    const wanted = x.map((value, i) => (cost(x.with(i, value + 1e-5)) - cost(x.with(i, value - 1e-5))) / 2e-5);
    expect(farthest(memory.get("d"), wanted)).toBeLessThan(1e-4);
  });
});
