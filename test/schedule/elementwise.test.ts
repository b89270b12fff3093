// An elementwise op as WGSL: the expression is run here for every number of its output and compared with the float64 reference, for
// every elementwise op of the training steps in every-op.ts. Which operand is read where is part of that.

import { describe, expect, it } from "vitest";
import { timestepsOf, tensorOf, type Op, type OpName } from "../../src/graph/types.ts";
import { evaluateStep } from "../../src/reference/evaluate.ts";
import type { TensorAccess } from "../../src/schedule/access.ts";
import { elementwiseText, operandAt, sharedFunctions } from "../../src/schedule/elementwise.ts";
import { withNormalizations } from "../../src/schedule/normalization.ts";
import { scheduleOf } from "../../src/schedule/ops.ts";
import type { ReadOperand } from "../../src/schedule/sequence-writer.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { FORMULAS } from "../support/formulas.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { runnable } from "../support/wgsl-in-js.ts";
import { EVERY_OP, OP_NAMES, opCases, STEP, type OpCase } from "./every-op.ts";

const access = { formulas: FORMULAS, sequences: withNormalizations(SEQUENCES) } as unknown as TensorAccess;

/** Calls of read() and whole(), which a test answers from arrays. */
const operand: ReadOperand = (i, where = "here") => {
  if (typeof where === "object") return "whole" in where ? `whole(${i}u, ${where.whole})` : `read(${i}u, ${where.row}, ${where.col})`;
  return `read(${i}u, ${{ here: "row, col", row: "row, 0u", scalar: "0u, 0u" }[where]})`;
};

const step = { rows: BigInt(STEP.rows), inverse_rows: 1 / STEP.rows, fresh: 0n, learning_rate: 0.1, corrected_rate: 0.2 };

type Run = (row: bigint, col: bigint, element: bigint) => number | Record<string, number>;

/** @param change sabotages the text of the call */
function running({ graph, op, inputs }: OpCase, change = (call: string) => call, now: object = step): Run {
  const { functions, call } = elementwiseText(graph, op, "f0", access, operand);
  const number = (i: bigint, row: bigint, col: bigint) =>
    inputs[Number(i)][Number(row) * tensorOf(graph, op.inputs[Number(i)]).cols + Number(col)];
  return runnable(["row", "col", "element"], `return ${change(call)};`, {
    functions,
    scope: {
      read: number,
      whole: (i: bigint, row: bigint) => BigInt(number(i, row, 0n)),
      step: now,
      inverseSqrt: (x: number) => 1 / Math.sqrt(x),
    },
  }) as Run;
}

/** The largest error of a number, relative to the largest number of the tensor; NaN counts as infinite. */
function error(opCase: OpCase, run: Run): number {
  const { graph, op, inputs } = opCase,
    wanted = evaluateStep(
      op,
      inputs.map((numbers) => numbers.slice()),
      graph,
      STEP,
    ),
    { cols } = tensorOf(graph, op.outputs[0]);
  const errors = wanted.flatMap((output, o) => {
    const largest = Math.max(1e-6, ...output.map(Math.abs));
    return Array.from(output, (number, i) => {
      const made = run(BigInt(Math.floor(i / cols)), BigInt(i % cols), BigInt(i));
      return Math.abs((typeof made === "object" ? made[o === 0 ? "w" : `s${o - 1}`] : made) - number) / largest;
    });
  });
  return Math.max(...errors.map((e) => (e >= 0 ? e : Infinity)));
}

const CASES = Object.entries(EVERY_OP).flatMap(([name, graph]) =>
  opCases(graph)
    .filter(({ op: { type } }) => scheduleOf(type).anchor === "elementwise")
    .map((opCase) => [`${name}: ${opCase.op.type} ${opCase.op.outputs[0]}`, opCase] as const),
);
/** Views are read, dropout's words are those of Philox (test/random.test.ts). */
const OTHERS: readonly OpName[] = ["previousStep", "lastStep", "lastStepGradient", "dropout"];
const COMPUTED = CASES.filter(([, { op }]) => !OTHERS.includes(op.type));

it.each(COMPUTED)("%s is what the reference says", (_, opCase) => {
  // Constants are float32 in the text.
  expect(error(opCase, running(opCase))).toBeLessThan(1e-6);
});

it("all elementwise ops are among them", () => {
  const all = OP_NAMES.filter((type) => scheduleOf(type).anchor === "elementwise" && !OTHERS.includes(type));
  expect([...new Set(COMPUTED.map(([, { op }]) => op.type))].sort()).toEqual(all.sort());
});

describe("control", () => {
  it.each(COMPUTED.filter(([, { op }]) => op.type !== "update"))("%s, half as large again, is found", (_, opCase) => {
    expect(
      error(
        opCase,
        running(opCase, (call) => `1.5 * (${call})`),
      ),
    ).toBeGreaterThan(0.01);
  });

  it.each(COMPUTED.filter(([, { op }]) => op.type === "hadamard" || op.type === "update" || op.type === "penaltyGradient"))(
    "%s of one operand in place of another is found",
    (_, opCase) => {
      const sabotaged = running(opCase, (call) => replaceOrThrow(call, "read(0u", "read(1u"));
      expect(error(opCase, sabotaged)).toBeGreaterThan(1e-3);
    },
  );
});

describe("sums over chunks", () => {
  const opCase = CASES.find(([, { op }]) => op.type === "accumulate")![1];
  it("begin with the first chunk, whatever they held", () => {
    const [added, fresh] = [0n, 1n].map((bit) => running(opCase, undefined, { ...step, fresh: 6n + bit })(0n, 0n, 0n) as number);
    expect(fresh).toBe(opCase.inputs[0][0]);
    expect(added).toBeCloseTo(opCase.inputs[0][0] + opCase.inputs[1][0], 12);
  });
});

describe("dropout", () => {
  const masked = CASES.map(([, opCase]) => opCase).filter(({ op }) => op.type === "dropout");
  /** Which element of the mask is asked for. */
  const elementOf = ({ graph, op }: OpCase, fresh = 0n): Run => {
    const { call } = elementwiseText(graph, op, "f0", access, operand);
    const scope = { f0: (_: number, element: bigint) => element, read: () => 1, step: { ...step, fresh } };
    return runnable(["row", "col", "element"], `return ${call};`, { scope }) as Run;
  };
  const find = (wanted: (op: Op & { type: "dropout" }) => boolean) => masked.find(({ op }) => op.type === "dropout" && wanted(op))!;

  it("asks for the word of its own element", () => {
    expect(elementOf(find(({ held, chunked }) => !held && !chunked))(2n, 1n, 9n)).toBe(9n);
  });

  it("holds one mask for all time steps of an example", () => {
    const opCase = find(({ held }) => held === 2),
      { cols } = tensorOf(opCase.graph, opCase.op.outputs[0]);
    expect(cols).toBe(3);
    const asked = [0n, 1n, 2n, 3n].map((row) => elementOf(opCase)(row, 1n, row * 3n + 1n));
    expect(asked).toEqual([1n, 1n, 4n, 4n]);
  });

  it("counts rows of a chunk from the first one of the whole mini-batch", () => {
    const opCase = find(({ chunked }) => chunked === true);
    expect(timestepsOf(tensorOf(opCase.graph, opCase.op.outputs[0]))).toBe(1);
    // Seven rows came before; bit 0 says whether sums begin.
    expect(elementOf(opCase, (7n << 1n) | 1n)(1n, 2n, 6n)).toBe(7n * 4n + 6n);
    expect(elementOf(opCase, 0n)(1n, 2n, 6n)).toBe(6n);
  });
});

describe("an operand in memory", () => {
  const told = {
    here: (name: string) => `${name} here`,
    rowStart: (name: string, row: string) => `start of ${name} ${row}`,
    inRow: (name: string, start: string, col: string) => `${name} ${start} + ${col}`,
    wholeAt: (name: string, row: string) => `whole ${name} ${row}`,
    load: (name: string, index: string) => `${name}[${index}]`,
  } as unknown as TensorAccess;

  it.each([
    [undefined, "t here"],
    ["here", "t here"],
    ["row", "t start of t row + 0u"],
    ["scalar", "t[0u]"],
    [{ row: "3u", col: "c" }, "t start of t 3u + c"],
    [{ whole: "r" }, "whole t r"],
  ] as const)("%j is %s", (where, text) => {
    expect(operandAt(told, "t", where)).toBe(text);
  });
});

describe("functions that ops share", () => {
  const [graph] = Object.values(EVERY_OP),
    without = graph.ops.filter(({ type }) => type !== "dropout" && type !== "clipFactor");

  it("are Philox where there is dropout and sums of squares where there is a norm, each once", () => {
    expect(sharedFunctions(without, FORMULAS)).toBe("");
    const count = (text: string, part: string) => text.split(part).length - 1;
    const twice = sharedFunctions([...graph.ops, ...graph.ops], FORMULAS);
    expect(count(twice, "fn philox4x32(")).toBe(1);
    expect(count(twice, "fn norm_of(")).toBe(1);
    expect(count(sharedFunctions(without, FORMULAS, true), "fn norm_of(")).toBe(1);
  });

  it("are not there for norms unless they were loaded", () => {
    const rest = { ...FORMULAS, norms: undefined };
    expect(() => sharedFunctions(graph.ops, rest)).toThrow("the formula of norms was not loaded");
    expect(sharedFunctions(without, rest)).toBe("");
  });
});
