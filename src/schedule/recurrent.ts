// Writes a recurrent layer's way through time, as a member of a row program. gated.ts has what is different with gates.

import { activationDerivativeFunction, activationFunction } from "../../shaders/activations.wgsl.ts";
import { formulaOf } from "../../shaders/kernel.wgsl.ts";
import { productStatements, workgroupsOf } from "../../shaders/product.wgsl.ts";
import { recurrentBackwardFunction, recurrentForwardFunction, recurrentStatements, eachState } from "../../shaders/recurrent.wgsl.ts";
import { isGated, productSizes } from "../graph/gated-operands.ts";
import { timestepsOf, tensorOf, type Graph, type OpOf } from "../graph/types.ts";
import { lengthOf, numberAt, type Direction } from "./direction.ts";
import { gatedBackward, gatedForward } from "./gated.ts";
import type { RecurrentPlace, RecurrentStep, RecurrentText } from "./sequence-writer.ts";
import { chooseForProgram } from "./tiles.ts";
import { requireIterations } from "./loop-limit.ts";

/** Multiplications and additions of all its time steps. */
export function recurrentFlops(graph: Graph, op: RecurrentStep, batch: number): number {
  const out = tensorOf(graph, op.outputs[0]),
    { n, k } = productSizes(op, out.cols);
  return 2 * batch * timestepsOf(out) * n * k;
}

function forward(place: RecurrentPlace, op: OpOf<"recurrentForward">, prefix: string): Direction {
  const { graph, access } = place,
    [z, weights, ...rest] = op.inputs,
    [h] = op.outputs;
  const steps = timestepsOf(tensorOf(graph, h)),
    { cols } = tensorOf(graph, h);
  const carried = op.stateful ? rest[rest.length - 1] : null;
  const before = (example: string) => access.rowStart(h, `(${example}) * ${steps}u + max(t, 1u) - 1u`);
  const own = access.inRow(h, "start", "col");
  const zero = carried === null ? "0.0" : `select(${numberAt(place, carried, "example", "col")}, 0.0, step.fresh != 0u)`;
  return {
    form: "normal",
    weights,
    isFirst: carried === null ? "t == 0u" : "t == 0u && step.fresh != 0u",
    neighbour: (example) =>
      carried === null ? before(example) : `select(${before(example)}, ${access.rowStart(carried, example)}, t == 0u)`,
    beside: carried === null ? own : `select(${own}, ${access.inRow(carried, "start", "col")}, t == 0u)`,
    functions: `${activationFunction(`${prefix}_activation`, formulaOf(access.formulas.values, op.activation))}
// h(t-1), which stays at padding.
fn ${prefix}_kept(example: u32, col: u32, t: u32) -> f32 {
  if (t == 0u) { return ${zero}; }
  let row = example * ${steps}u + t - 1u;
  return ${numberAt(place, h, "row", "col")};
}
${recurrentForwardFunction(`${prefix}_finish`, `${prefix}_activation`, {
  steps,
  own: (row) => numberAt(place, z, row, "col"),
  h: `${prefix}_kept(example, col, t)`,
  length: lengthOf(place, op.masked ? rest[0] : undefined),
  store: access.store(h, `row * ${cols}u + col`),
})}`,
  };
}

function backward(place: RecurrentPlace, op: OpOf<"recurrentBackward">, prefix: string): Direction {
  const { graph, access } = place,
    [gradient, h, weights, lengths] = op.inputs,
    [delta] = op.outputs;
  const steps = timestepsOf(tensorOf(graph, delta)),
    { cols } = tensorOf(graph, delta);
  return {
    form: "rightTransposed",
    weights,
    isFirst: `t == ${steps - 1}u`,
    neighbour: (example) => access.rowStart(delta, `(${example}) * ${steps}u + min(t + 1u, ${steps - 1}u)`),
    beside: access.inRow(delta, "start", "col"),
    functions:
      activationDerivativeFunction(`${prefix}_activation`, formulaOf(access.formulas.derivatives, op.activation)) +
      recurrentBackwardFunction(`${prefix}_finish`, `${prefix}_activation`, {
        steps,
        own: (row) => numberAt(place, gradient, row, "col"),
        h: numberAt(place, h, "row", "col"),
        length: lengthOf(place, lengths),
        store: access.store(delta, `row * ${cols}u + col`),
      }),
  };
}

function directionOf(place: RecurrentPlace, op: RecurrentStep, prefix: string): Direction {
  if (op.type === "recurrentForward") return isGated(op) ? gatedForward(place, op, prefix) : forward(place, op, prefix);
  return isGated(op) ? gatedBackward(place, op, prefix) : backward(place, op, prefix);
}

/**
 * @param examples that one workgroup has
 * @throws UnsupportedError where the adapter would end its loops too early
 */
export function recurrentText(place: RecurrentPlace, op: RecurrentStep, prefix: string, examples: number): RecurrentText {
  requireIterations(place, examples);
  const { graph, access, limits } = place,
    out = tensorOf(graph, op.outputs[0]),
    { n, k } = productSizes(op, out.cols);
  const way = directionOf(place, op, prefix);
  const shape = chooseForProgram(examples, n, k, limits);
  const product = productStatements(
    { ...shape, form: way.form, m: "step.rows", n, k: `select(${k}u, 0u, ${way.isFirst})` },
    { row: way.neighbour, at: (start, col) => `${prefix}_beside(${start}, ${col}, t)` },
    { row: (row) => access.rowStart(way.weights, row), at: (start, col) => access.inRow(way.weights, start, col) },
    null,
    (value, row, col) => `${prefix}_finish(${value}, ${row}, ${col}, t);`,
  );
  return {
    functions: `${way.functions}fn ${prefix}_beside(start: u32, col: u32, t: u32) -> f32 { return ${way.beside}; }\n`,
    broadcasts: shape.broadcast,
    text: recurrentStatements({
      steps: timestepsOf(out),
      blocks: workgroupsOf(shape, examples, n),
      product,
      backward: op.type === "recurrentBackward",
      then: way.then === undefined ? "" : eachState(limits.lanes, examples, k, way.then),
    }),
  };
}
