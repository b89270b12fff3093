// Writes a recurrent layer's way through time, as a member of a row program.

import { activationDerivativeFunction, activationFunction } from "../../shaders/activations.wgsl.ts";
import { productStatements, workgroupsOf } from "../../shaders/product.wgsl.ts";
import { recurrentBackwardFunction, recurrentForwardFunction, recurrentStatements } from "../../shaders/recurrent.wgsl.ts";
import { stepsOf, tensorOf, type Graph } from "../graph/types.ts";
import type { RecurrentPlace, RecurrentStep, RecurrentText } from "./sequence-writer.ts";
import { chooseForProgram } from "./tiles.ts";

/** Multiplications and additions of all its time steps. */
export function recurrentFlops(graph: Graph, { outputs: [out] }: RecurrentStep, batch: number): number {
  const { cols } = tensorOf(graph, out);
  return 2 * batch * stepsOf(tensorOf(graph, out)) * cols * cols;
}

/** @param examples that one workgroup has */
export function recurrentText({ graph, access, limits }: RecurrentPlace, step: RecurrentStep, prefix: string, examples: number): RecurrentText {
  const [out] = step.outputs, tensor = tensorOf(graph, out), steps = stepsOf(tensor), n = tensor.cols;
  const forward = step.op === "recurrentForward", isStateful = step.op === "recurrentForward" && step.stateful;
  const [first, second, third] = step.inputs, weights = forward ? second : third;
  const rest = step.inputs.slice(forward ? 2 : 3), lengths = step.masked ? rest[0] : null, carried = isStateful ? rest[rest.length - 1] : null;
  const at = (name: string, row: string, col: string) => access.inRow(name, access.rowStart(name, row), col);
  const row = "(example * " + `${steps}u + t)`;
  const before = carried === null ? access.inRow(out, `start`, "col")
    : `select(${access.inRow(out, "start", "col")}, ${access.inRow(carried, "start", "col")}, t == 0u)`;
  const functions = [(forward ? activationFunction : activationDerivativeFunction)(`${prefix}_activation`, step.activation),
    `fn ${prefix}_beside(start: u32, col: u32, t: u32) -> f32 { return ${before}; }\n`];
  const own = (r: string) => at(first, r, "col");
  const length = lengths === null ? null : `u32(${at(lengths, "example", "0u")})`;
  const store = access.store(out, `row * ${n}u + col`);
  if (forward) {
    // At padding h stays as it was; before the first step it is 0 or what was carried.
    const kept = `${prefix}_kept(example, col, t)`;
    const zero = carried === null ? "0.0" : `select(${at(carried, "example", "col")}, 0.0, step.fresh != 0u)`;
    functions.push(`fn ${prefix}_kept(example: u32, col: u32, t: u32) -> f32 {
  if (t == 0u) { return ${zero}; }
  let row = ${row} - 1u;
  return ${at(out, "row", "col")};
}
`, recurrentForwardFunction(`${prefix}_finish`, `${prefix}_activation`, { steps, own, h: kept, length, store }));
  } else {
    functions.push(recurrentBackwardFunction(`${prefix}_finish`, `${prefix}_activation`, { steps, own, h: at(second, "row", "col"), length, store }));
  }
  const shape = chooseForProgram(examples, n, n, limits);
  const hasNone = forward ? (carried === null ? "t == 0u" : "t == 0u && step.fresh != 0u") : `t == ${steps - 1}u`;
  const neighbour = (example: string) => (forward
    ? (carried === null ? access.rowStart(out, `(${example}) * ${steps}u + max(t, 1u) - 1u`)
      : `select(${access.rowStart(out, `(${example}) * ${steps}u + max(t, 1u) - 1u`)}, ${access.rowStart(carried, example)}, t == 0u)`)
    : access.rowStart(out, `(${example}) * ${steps}u + min(t + 1u, ${steps - 1}u)`));
  const product = productStatements(
    { ...shape, form: forward ? "normal" : "rightTransposed", m: "step.rows", n, k: `select(${n}u, 0u, ${hasNone})` },
    { row: neighbour, at: (start, col) => `${prefix}_beside(${start}, ${col}, t)` },
    { row: (r) => access.rowStart(weights, r), at: (start, col) => access.inRow(weights, start, col) },
    null, (value, r, col) => `${prefix}_finish(${value}, ${r}, ${col}, t);`);
  return {
    functions: functions.join(""), broadcasts: shape.broadcast,
    text: recurrentStatements({ steps, blocks: workgroupsOf(shape, examples, n), product, backward: !forward }),
  };
}
