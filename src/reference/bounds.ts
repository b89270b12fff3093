// A rigorous bound on every tensor that a float32 GPU computes: if it is given inputs within `bounds` of `values`, its
// outputs are within the returned bounds. What is assumed of the GPU is in rounding.ts; what of the order of operations,
// in the heads of bounded-*.ts. Values are those of evaluate.ts.

import { isGated } from "../graph/gated-operands.ts";
import { productRoundings, roundingsOf } from "../graph/long-sums.ts";
import { meanRows, rowsOf, tensorOf, type Graph, type Op, type OpOf, type StepScalars } from "../graph/types.ts";
import { activationError, derivativeError } from "./bounded-activations.ts";
import { gatedErrors } from "./bounded-gated.ts";
import { clamped, lossGradientErrors, lossRowError, metricRowError, softmaxErrors, softmaxPullbackErrors } from "./bounded-losses.ts";
import { normalizationErrors } from "./bounded-normalization.ts";
import { roughUpdate } from "./bounded-optimizers.ts";
import { sequenceErrors } from "./bounded-recurrent.ts";
import type { Bounded } from "./compare.ts";
import { dropoutScale } from "./dropout.ts";
import { dropoutMaskOf, evaluateStep, productShape, valueOf } from "./evaluate.ts";
import { multiply as matrixProduct } from "./products.ts";
import { isSequenceStep } from "./recurrent.ts";
import {
  add,
  divide,
  exact,
  gamma,
  largest,
  magnitude,
  multiply,
  rough,
  rounded,
  scaleExactly,
  square,
  SQUARE_ROOT,
  squareRoot,
  TINY,
  total,
  UNIT,
  type Rough,
} from "./rounding.ts";

export { compareTensor, type Bounded, type Comparison } from "./compare.ts";

/** What the GPU is given: numbers rounded to float32 on the way, so exact where they are float32 already. */
export function given(values: ArrayLike<number>): Bounded {
  const exactValues = Float64Array.from(values);
  return { values: exactValues, bounds: exactValues.map((value) => Math.abs(value - Math.fround(value))) };
}

/** Lanes, workgroups and lanes again hand on norms. */
const NORM_LEVELS = 3;

/** The reference itself errs by 2⁻⁵³ where float32 errs by 2⁻²⁴, and so does the arithmetic of the bounds. */
const REFERENCE_MARGIN = 1 + 2 ** -20;

const at = ({ values, bounds }: Bounded, i: number): Rough => rough(values[i], bounds[i]);
const all = (x: Bounded): Rough[] => Array.from(x.values, (_, i) => at(x, i));
const row = (x: Bounded, r: number, cols: number): Rough[] => Array.from({ length: cols }, (_, j) => at(x, r * cols + j));
const each = (x: Bounded, errorOf: (x: Rough, i: number) => number): Float64Array => x.bounds.map((_, i) => errorOf(at(x, i), i));

/**
 * |Σ âb̂ − Σ ab| ≤ Σ(|a|+da)(|b|+db)·(1+γ) − Σ|a||b|, with γ for one rounding of each product and one of each addition:
 * two products of magnitudes bound the third.
 */
function productErrors(op: OpOf<"product">, inputs: readonly Bounded[], graph: Graph, scalars: StepScalars) {
  const shape = productShape(op, graph, scalars);
  const [left, right, bias] = inputs;
  const sizes = ({ values }: Bounded) => values.map(Math.abs);
  const worst = ({ values, bounds }: Bounded) => values.map((value, i) => Math.abs(value) + bounds[i]);
  const least = matrixProduct(shape, sizes(left), sizes(right), bias && sizes(bias));
  const most = matrixProduct(shape, worst(left), worst(right), bias && worst(bias));
  const roundings = gamma(productRoundings(op.form, shape.k, bias !== undefined));
  const flushed = shape.k * TINY * (1 + maximum(left.values) + maximum(right.values));
  // least and most are themselves rounded, to 2⁻⁵³: their difference may not be trusted below that.
  return most.map((size, i) => Math.max(size - least[i], 0) + (roundings + shape.k * 2 ** -51) * size + flushed);
}

const maximum = (values: Float64Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Errors of column sums: BP3. */
function rowSumErrors(x: Bounded, rows: number, cols: number): Float64Array {
  return Float64Array.from(
    { length: cols },
    (_, j) =>
      total(
        Array.from({ length: rows }, (_, r) => at(x, r * cols + j)),
        roundingsOf(rows),
      ).error,
  );
}

/** Calls `errorsOf` with each row of the inputs; their errors side by side. */
function byRow(inputs: readonly Bounded[], rows: number, errorsOf: (...rows: Rough[][]) => number[]): Float64Array {
  return Float64Array.from(
    Array.from({ length: rows }, (_, r) => errorsOf(...inputs.map((x) => row(x, r, x.values.length / rows)))).flat(),
  );
}

function dropoutErrors(op: OpOf<"dropout">, x: Bounded, graph: Graph, scalars: StepScalars): Float64Array {
  const mask = dropoutMaskOf(op, x.values.length, graph, scalars);
  const scale = rounded(dropoutScale(op.rate));
  return each(x, (value, i) => (mask[i] === 1 ? multiply(value, scale).error : 0));
}

function penaltyError({ l1, l2 }: OpOf<"penalty">, w: Bounded): number {
  // Each term by itself or all at once: the larger of both orders' flushed numbers is what TINY per product covers.
  const term = (x: Rough) => add(multiply(rounded(l1), magnitude(x)), multiply(multiply(rounded(l2), x), x));
  return total(all(w).map(term), roundingsOf(w.values.length)).error;
}

/** g + l1·sign(w) + 2·l2·w; where w may have either sign, or be 0, so may its sign. */
function penaltyGradientError({ l1, l2 }: OpOf<"penaltyGradient">, g: Rough, w: Rough): number {
  const uncertain = w.error > 0 && Math.abs(w.value) <= w.error;
  const sign = { value: Math.sign(w.value), error: uncertain ? 1 + Math.abs(Math.sign(w.value)) : 0 };
  return total([g, multiply(rounded(l1), sign), multiply(rounded(2 * l2), w)]).error;
}

/**
 * min(1, limit / ‖inputs‖₂). Squares are taken of numbers that were scaled by a power of two (shaders/norms.wgsl.ts), so that what is
 * flushed of them is 2⁻⁴⁵ of the largest at the most; norms of parts are rounded before they are squared again.
 */
function clipFactorError(limit: number, inputs: readonly Bounded[]): number {
  const most = Math.max(...inputs.map(({ values }) => maximum(values)));
  const scale = 2 ** Math.floor(Math.log2(most > 0 ? most : 1));
  const squares = inputs.flatMap((x) => all(x).map((value) => square(scaleExactly(value, 1 / scale))));
  const sum = total(squares);
  const rooted = squareRoot({ value: sum.value, error: sum.error + squares.length * 2 ** -45 });
  const norm = scaleExactly({ value: rooted.value, error: rooted.error + NORM_LEVELS * SQUARE_ROOT * largest(rooted) }, scale);
  // So far below the limit that no rounding takes the quotient below 1.
  if ((norm.value + norm.error) * (1 + 8 * UNIT) <= limit) return 0;
  // A factor is 1 at the most, whatever the norm may be.
  return Math.min(divide(rounded(limit), norm).error, 1);
}

function summarizeErrors({ metrics, counted }: OpOf<"summarize">, inputs: readonly Bounded[], rows: number): Float64Array {
  const means = inputs.slice(0, 1 + metrics).map((x) => divide(total(all(x), roundingsOf(x.values.length)), exact(rows)));
  means[0] = total([means[0], ...inputs.slice(1 + metrics, counted ? -1 : undefined).map((penalty) => at(penalty, 0))]);
  return Float64Array.from(counted ? [...means, at(inputs[inputs.length - 1], 0)] : means, ({ error }) => error);
}

/** The errors of w and of each state, side by side as the update's outputs. */
function updateErrors(op: OpOf<"update">, [w, g, ...states]: readonly Bounded[], scalars: StepScalars) {
  const errors = [w, ...states].map(({ values }) => new Float64Array(values.length));
  for (let i = 0; i < w.values.length; i++) {
    const next = roughUpdate(
      op.optimizer,
      at(w, i),
      at(g, i),
      states.map((state) => at(state, i)),
      scalars,
    );
    next.forEach(({ error }, output) => (errors[output][i] = error));
  }
  return errors;
}

/** A data set's stored numbers are exact; the scale and the product are rounded unless the scale is 1. */
function gatherErrors(op: OpOf<"gather">, inputs: readonly Bounded[], graph: Graph, scalars: StepScalars) {
  const [taken] = evaluateStep(
    op,
    inputs.map(({ values }) => values),
    graph,
    scalars,
  );
  const [moved] = evaluateStep(op, [inputs[0].bounds, inputs[1].values], graph, scalars);
  return taken.map((value, i) => moved[i] + (op.scale === 1 ? 0 : 2.001 * UNIT * (Math.abs(value) + moved[i]) + TINY));
}

function errorsOf(op: Op, inputs: readonly Bounded[], graph: Graph, scalars: StepScalars): Float64Array[] {
  const [first, second] = inputs;
  const rows = rowsOf(tensorOf(graph, op.inputs[0]), scalars.rows);
  if (isGated(op)) return gatedErrors(op, inputs, graph, scalars);
  if (isSequenceStep(op)) return [sequenceErrors(op, inputs, graph, scalars)];
  switch (op.type) {
    case "gather":
      return [gatherErrors(op, inputs, graph, scalars)];
    case "product":
      return [productErrors(op, inputs, graph, scalars)];
    case "rowSum":
      return [rowSumErrors(first, rows, first.values.length / rows)];
    case "moment":
    case "normalize":
    case "normalizeRows":
      return [normalizationErrors(op, inputs, tensorOf(graph, op.inputs[0]).cols)];
    case "activation":
      return [each(first, (z) => activationError(op.activation, z))];
    case "activationDerivative":
      return [each(first, (source) => derivativeError(op.activation, source))];
    case "hadamard":
      return [each(first, (value, i) => multiply(value, at(second, i)).error)];
    case "softmax":
      return [byRow(inputs, rows, softmaxErrors)];
    case "softmaxPullback":
      return [byRow(inputs, rows, softmaxPullbackErrors)];
    case "dropout":
      return [dropoutErrors(op, first, graph, scalars)];
    case "lossRows":
      return [byRow(inputs, rows, (a, y) => [lossRowError(op.loss, a, y)])];
    case "lossGradient":
      return [byRow(inputs, rows, (a, y) => lossGradientErrors(op.loss, a, y, meanRows(rows, scalars)))];
    case "metricRows":
      return [byRow(inputs, rows, (a, y) => [metricRowError(op.metric, a, y)])];
    case "penalty":
      return [Float64Array.of(penaltyError(op, first))];
    case "penaltyGradient":
      return [each(first, (g, i) => penaltyGradientError(op, g, at(second, i)))];
    case "clipValue":
      return [each(first, (g) => clamped(g, rounded(op.limit)).error)];
    case "clipFactor":
      return [Float64Array.of(clipFactorError(op.limit, inputs))];
    case "scale":
      return [each(first, (value) => multiply(value, at(second, 0)).error)];
    case "update":
      return updateErrors(op, inputs, scalars);
    case "accumulate":
      return [each(first, (g, i) => (scalars.fresh ? g : add(g, at(second, i))).error)];
    case "summarize":
      return [summarizeErrors(op, inputs, tensorOf(graph, op.inputs[0]).rows === "batch" ? meanRows(rows, scalars) : rows)];
  }
}

/** The outputs of one op with their bounds, from inputs with theirs. */
export function evaluateBounded(op: Op, inputs: readonly Bounded[], graph: Graph, scalars: StepScalars): Bounded[] {
  const outputs = evaluateStep(
    op,
    inputs.map(({ values }) => values),
    graph,
    scalars,
  );
  const errors = errorsOf(op, inputs, graph, scalars);
  return outputs.map((values, i) => ({ values, bounds: errors[i].map((error) => error * REFERENCE_MARGIN) }));
}

/**
 * Executes the whole graph with bounds; see runGraph() in evaluate.ts for what `tensors` must hold. Worst cases multiply
 * from step to step: for small networks. At 784-128-10 the bound of ∂C/∂W is a third of ∂C/∂W itself; there, give each
 * step the GPU's own numbers as its inputs (evaluateBounded), and 10⁻⁵ of it remains.
 */
export function runGraphBounded(graph: Graph, tensors: Map<string, Bounded>, scalars: StepScalars): void {
  for (const op of graph.ops) {
    const outputs = evaluateBounded(
      op,
      op.inputs.map((name) => valueOf(tensors, name)),
      graph,
      scalars,
    );
    op.outputs.forEach((name, i) => tensors.set(name, outputs[i]));
  }
}
