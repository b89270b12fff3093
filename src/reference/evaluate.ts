// Evaluates the ops of a graph in float64, one after the other, by the textbook formula of each. This is what every
// tensor of the GPU is compared with (bounds.ts), and it is the `cpu` backend.
// A tensor is an array of rows·cols numbers, row-major; "batch" rows are scalars.rows. Data sets are given whole.

import { isGated } from "../graph/gated-operands.ts";
import { meanRows, rowsOf, timestepsOf, tensorOf, type Graph, type Op, type OpOf, type StepScalars } from "../graph/types.ts";
import { activate, activationDerivative } from "./activations.ts";
import { dropoutMask, dropoutScale } from "./dropout.ts";
import { lossGradient, lossRows, metricRows, softmax } from "./losses.ts";
import { evaluateNormalizationOp } from "./normalization.ts";
import { applyUpdate } from "./optimizers.ts";
import { multiply, type ProductShape } from "./products.ts";
import { evaluateGated } from "./gated.ts";
import { evaluateSequenceStep, isSequenceStep } from "./recurrent.ts";

/** Rows and columns of the tensor of that name in this step. */
export interface Shape {
  readonly rows: number;
  readonly cols: number;
}

export function shapeOf(graph: Graph, name: string, scalars: StepScalars): Shape {
  const tensor = tensorOf(graph, name);
  return { rows: rowsOf(tensor, scalars.rows), cols: tensor.cols };
}

const asFloat64 = (array: ArrayLike<number>): Float64Array => (array instanceof Float64Array ? array : Float64Array.from(array));

/** M, K and N of a product. */
export function productShape(op: OpOf<"product">, graph: Graph, scalars: StepScalars): ProductShape {
  const left = shapeOf(graph, op.inputs[0], scalars);
  const out = shapeOf(graph, op.outputs[0], scalars);
  return { form: op.form, m: out.rows, k: op.form === "leftTransposed" ? left.rows : left.cols, n: out.cols };
}

/** Rows order[offset … offset+rows) of the data set, each number times `scale`. */
function gather(
  { scale }: OpOf<"gather">,
  [data, order]: readonly ArrayLike<number>[],
  cols: number,
  { rows, offset }: StepScalars,
): Float64Array {
  const out = new Float64Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    const from = order[offset + row] * cols;
    for (let j = 0; j < cols; j++) out[row * cols + j] = data[from + j] * scale;
  }
  return out;
}

/** BP3: Σ over rows. */
function rowSum(delta: Float64Array, cols: number): Float64Array {
  const out = new Float64Array(cols);
  for (let at = 0; at < delta.length; at += cols) for (let j = 0; j < cols; j++) out[j] += delta[at + j];
  return out;
}

/** δ = a ⊙ (g − Σ_row g⊙a). */
function softmaxPullback(a: Float64Array, g: Float64Array, cols: number): Float64Array {
  const out = new Float64Array(a.length);
  for (let at = 0; at < a.length; at += cols) {
    let dot = 0;
    for (let j = at; j < at + cols; j++) dot += g[j] * a[j];
    for (let j = at; j < at + cols; j++) out[j] = a[j] * (g[j] - dot);
  }
  return out;
}

/** 1 where a number is kept, 0 where it is dropped; rows that share a mask have that of the first. */
export function dropoutMaskOf(
  { rate, layer, held = 1, inputs: [input] }: OpOf<"dropout">,
  elements: number,
  graph: Graph,
  { step, whole }: StepScalars,
) {
  const tensor = tensorOf(graph, input),
    { cols } = tensor,
    before = ((whole?.first ?? 0) * timestepsOf(tensor) * cols) / held;
  const mask = dropoutMask(before + elements / held, rate, graph.seed, step, layer).subarray(before);
  return held === 1 ? mask : Uint8Array.from({ length: elements }, (_, i) => mask[Math.floor(i / cols / held) * cols + (i % cols)]);
}

function dropout(op: OpOf<"dropout">, values: Float64Array, graph: Graph, scalars: StepScalars): Float64Array {
  const mask = dropoutMaskOf(op, values.length, graph, scalars);
  const scale = dropoutScale(op.rate);
  // Chosen, not multiplied by the mask: a dropped NaN must not come back as NaN·0.
  return values.map((value, i) => (mask[i] === 1 ? value * scale : 0));
}

function penalty({ l1, l2 }: OpOf<"penalty">, w: Float64Array): number {
  let absolute = 0,
    squares = 0;
  for (const value of w) {
    absolute += Math.abs(value);
    squares += value * value;
  }
  return l1 * absolute + l2 * squares;
}

/** min(1, limit / ‖all inputs together‖₂); squares are taken of numbers near 1, so that none overflows or vanishes. */
function clipFactor(limit: number, inputs: readonly Float64Array[]): number {
  let most = 0,
    squares = 0;
  for (const gradient of inputs) for (const value of gradient) most = Math.max(most, Math.abs(value));
  const scale = most > 0 && most < Infinity ? 2 ** Math.floor(Math.log2(most)) : 1;
  for (const gradient of inputs) for (const value of gradient) squares += (value / scale) ** 2;
  const norm = Math.sqrt(squares) * scale;
  return norm <= limit ? 1 : limit / norm;
}

const sumOf = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

/** [mean loss + Σ penalties, mean of each metric, the count where there is one]. */
function summarize({ metrics, counted }: OpOf<"summarize">, inputs: readonly Float64Array[], rows: number): Float64Array {
  const means = inputs.slice(0, 1 + metrics).map((values) => sumOf(values) / rows);
  for (const [value] of inputs.slice(1 + metrics, counted ? -1 : undefined)) means[0] += value;
  return Float64Array.from(counted ? [...means, inputs[inputs.length - 1][0]] : means);
}

/** The outputs of one op, in order. An update gives new arrays and changes none. */
export function evaluateStep(op: Op, given: readonly ArrayLike<number>[], graph: Graph, scalars: StepScalars): Float64Array[] {
  const { rows, cols } = shapeOf(graph, op.inputs[0], scalars);
  // The data set of a gather stays as it is stored: converting 60,000 images for 64 rows would cost the whole step.
  if (op.type === "gather") return [gather(op, given, cols, scalars)];
  const inputs = given.map(asFloat64);
  const [first, second] = inputs;
  if (isGated(op)) return evaluateGated(op, inputs, graph, scalars);
  if (isSequenceStep(op)) return [evaluateSequenceStep(op, inputs, graph, scalars)];
  switch (op.type) {
    case "product":
      return [multiply(productShape(op, graph, scalars), first, second, inputs[2])];
    case "rowSum":
      return [rowSum(first, cols)];
    case "moment":
    case "normalize":
    case "normalizeRows":
      return [evaluateNormalizationOp(op, inputs, cols)];
    case "activation":
      return [first.map((z) => activate(op.activation, z))];
    case "activationDerivative":
      return [first.map((source) => activationDerivative(op.activation, source))];
    case "hadamard":
      return [first.map((value, i) => value * second[i])];
    case "softmax":
      return [softmax(first, rows, cols)];
    case "softmaxPullback":
      return [softmaxPullback(first, second, cols)];
    case "dropout":
      return [dropout(op, first, graph, scalars)];
    case "lossRows":
      return [lossRows(op.loss, first, second, rows, cols)];
    case "lossGradient":
      return [lossGradient(op.loss, first, second, rows, cols, meanRows(rows, scalars))];
    case "metricRows":
      return [metricRows(op.metric, first, second, rows, cols)];
    case "penalty":
      return [Float64Array.of(penalty(op, first))];
    case "penaltyGradient":
      return [first.map((g, i) => g + op.l1 * Math.sign(second[i]) + 2 * op.l2 * second[i])];
    case "clipValue":
      return [first.map((g) => Math.min(Math.max(g, -op.limit), op.limit))];
    case "clipFactor":
      return [Float64Array.of(clipFactor(op.limit, inputs))];
    case "scale":
      return [first.map((value) => value * second[0])];
    case "update":
      return applyUpdate(op.optimizer, first, second, inputs.slice(2), scalars);
    case "accumulate":
      return [scalars.fresh ? first.slice() : first.map((g, i) => g + second[i])];
    case "summarize":
      return [summarize(op, inputs, tensorOf(graph, op.inputs[0]).rows === "batch" ? meanRows(rows, scalars) : rows)];
  }
}

/** A carried state that nobody supplies, since the sequences begin: what is read of it is never used. */
const NO_STATE = new Float64Array(0);

/** The value of that name. @throws Error if nothing has supplied or computed it */
export function valueOf<T>(values: ReadonlyMap<string, T>, name: string): T {
  const value = values.get(name);
  if (value === undefined) throw new Error(`no value for tensor "${name}": supply it, or run the op that makes it`);
  return value;
}

/** Executes `ops` in order; every tensor that they make is left in `values` under its name. */
export function runSteps(ops: readonly Op[], graph: Graph, values: Map<string, ArrayLike<number>>, scalars: StepScalars): void {
  for (const op of ops) {
    const inputs = op.inputs.map((name) =>
      scalars.fresh && graph.tensors.get(name)?.role === "carried" ? NO_STATE : valueOf(values, name),
    );
    const outputs = evaluateStep(op, inputs, graph, scalars);
    op.outputs.forEach((name, i) => values.set(name, outputs[i]));
  }
}

/**
 * Executes the whole graph. `values` must hold the data sets (`data_x`, `data_y`), `order`, the parameters and the
 * optimizer's states; afterwards it holds every tensor of the step, parameters and states as updated.
 */
export function runGraph(graph: Graph, values: Map<string, ArrayLike<number>>, scalars: StepScalars): void {
  runSteps(graph.ops, graph, values, scalars);
}
