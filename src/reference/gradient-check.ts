// Backpropagation against differences: every ∂C/∂θ of a training graph, in float64.
//   analytic  grad_<parameter>, before clipping, as the graph's ops give it
//   numeric   (8(C(θ+h) − C(θ−h)) − (C(θ+2h) − C(θ−2h))) / 12h, error h⁴·C⁽⁵⁾/30 plus about 2⁻⁵²·|C|/h
// C = results[0], the mean loss and the penalties. Dropout's mask depends on the step's number only, so that C is smooth
// in θ under it. Kinks (relu, |w|) have no derivative: do not put a weight or a z exactly there.

import type { Graph, Op, StepScalars } from "../graph/types.ts";
import { runSteps, valueOf } from "./evaluate.ts";

/**
 * Three steps; the best agreement counts. That hides nothing: a large step suffers from curvature and kinks, a small one
 * from rounding, and both only ever spoil agreement. A wrong gradient agrees at none of them.
 */
const STEPS = [1e-3, 1e-4, 1e-5];

/**
 * Below these a gradient is compared absolutely. Differences resolve about 10⁻¹²·|C| and no better, so that 10⁻⁷ of
 * anything smaller than 10⁻⁵·|C| is noise; and an error of 10⁻⁷·10⁻³ of a tensor's largest gradient harms nobody.
 */
const FLOOR_OF_COST = 1e-5;
const FLOOR_OF_TENSOR = 1e-3;

/** A derivative that differs from the central difference. */
export interface GradientMismatch {
  readonly tensor: string;
  readonly index: number;
  readonly analytic: number;
  readonly numeric: number;
}

/** What gradientCheck() found: whether backpropagation agrees with central differences. As a string, a summary. */
export interface GradientReport {
  /** Whether every weight's relative error is below the limit. */
  readonly ok: boolean;
  readonly maxRelativeError: number;
  readonly worst: GradientMismatch;
  /** How many weight tensors, and how many weights in them, were checked. */
  readonly tensors: number;
  readonly weights: number;
  /** The report as a text for people. */
  toString(): string;
}

type Values = Map<string, ArrayLike<number>>;

/** The ops between `parameter` and the cost: all that must run again when it changes, and nothing of the way back. */
function stepsBehind(graph: Graph, parameter: string): Op[] {
  const last = graph.ops.findIndex(({ outputs }) => outputs.includes("results"));
  const needed = new Set(["results"]);
  const forward = graph.ops
    .slice(0, last + 1)
    .reverse()
    .filter(({ inputs, outputs }) => {
      if (!outputs.some((name) => needed.has(name))) return false;
      inputs.forEach((name) => needed.add(name));
      return true;
    })
    .reverse();
  const touched = new Set([parameter]);
  return forward.filter(({ inputs, outputs }) => {
    if (!inputs.some((name) => touched.has(name))) return false;
    outputs.forEach((name) => touched.add(name));
    return true;
  });
}

const costIn = (values: Values): number => valueOf(values, "results")[0];

/** C as a function of one weight: its tensor is changed in place for the length of a call. */
function costOfWeight(graph: Graph, ops: Op[], values: Values, weights: Float64Array, scalars: StepScalars) {
  return (index: number, weight: number): number => {
    const kept = weights[index];
    weights[index] = weight;
    runSteps(ops, graph, values, scalars);
    weights[index] = kept;
    return costIn(values);
  };
}

function difference(cost: (weight: number) => number, weight: number, h: number): number {
  return (8 * (cost(weight + h) - cost(weight - h)) - (cost(weight + 2 * h) - cost(weight - 2 * h))) / (12 * h);
}

/** The difference that agrees best, and its relative error; infinite if either side is no number. */
function bestDifference(cost: (weight: number) => number, weight: number, analytic: number, floor: number) {
  let best = { numeric: NaN, error: Infinity };
  for (const step of STEPS) {
    const numeric = difference(cost, weight, step * Math.max(1, Math.abs(weight)));
    const error = Math.abs(analytic - numeric) / Math.max(Math.abs(analytic), Math.abs(numeric), floor);
    if (error < best.error) best = { numeric, error };
    else if (Number.isNaN(best.numeric)) best = { numeric, error: Infinity };
  }
  return best;
}

const largestOf = (values: ArrayLike<number>): number => Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

function report(maxRelativeError: number, limit: number, worst: GradientMismatch, tensors: number, weights: number) {
  const ok = maxRelativeError < limit;
  return {
    ok,
    maxRelativeError,
    worst,
    tensors,
    weights,
    toString: () =>
      `gradient check ${ok ? "passed" : "FAILED"}: ${weights} weights in ${tensors} tensors, largest ` +
      `relative error ${maxRelativeError.toExponential(2)} (limit ${limit}) at ${worst.tensor}[${worst.index}]: ` +
      `analytic ${worst.analytic}, numeric ${worst.numeric}`,
  };
}

/**
 * Compares every gradient of a training graph with differences of the cost, in float64. `given` holds what runGraph()
 * needs and is left as it is; weights are taken as they are, not rounded to float32.
 * @throws Error if the graph is not a training graph
 */
export function checkGradients(
  graph: Graph,
  given: ReadonlyMap<string, ArrayLike<number>>,
  scalars: StepScalars,
  limit = 1e-7,
): GradientReport {
  if (graph.purpose !== "train") throw new Error(`checkGradients(): needs a training graph; got purpose "${graph.purpose}".`);
  const values: Values = new Map(given);
  // What is not trained has no gradient.
  const trained = new Set(graph.ops.flatMap(({ type, inputs: [weights] }) => (type === "update" ? [weights] : [])));
  const parameters = [...graph.tensors.values()]
    .filter(({ role, name }) => role === "parameter" && trained.has(name))
    .map(({ name }) => name);
  for (const name of trained) values.set(name, Float64Array.from(valueOf(values, name)));
  // All but what the next mini-batch would start from.
  runSteps(
    graph.ops.filter(({ type }) => type !== "update" && type !== "carry"),
    graph,
    values,
    scalars,
  );
  const costFloor = FLOOR_OF_COST * Math.abs(costIn(values));
  let maxRelativeError = -1,
    checked = 0;
  let worst: GradientMismatch = { tensor: "", index: -1, analytic: NaN, numeric: NaN };
  for (const tensor of parameters) {
    const weights = valueOf(values, tensor) as Float64Array;
    const gradient = valueOf(values, `grad_${tensor}`);
    const cost = costOfWeight(graph, stepsBehind(graph, tensor), values, weights, scalars);
    const floor = Math.max(FLOOR_OF_TENSOR * largestOf(gradient), costFloor, Number.MIN_VALUE);
    weights.forEach((weight, index) => {
      const { numeric, error } = bestDifference((w) => cost(index, w), weight, gradient[index], floor);
      checked++;
      if (error > maxRelativeError) {
        maxRelativeError = error;
        worst = { tensor, index, analytic: gradient[index], numeric };
      }
    });
    // What the last weight's differences left behind is not what the next tensor starts from.
    runSteps(stepsBehind(graph, tensor), graph, values, scalars);
  }
  return report(maxRelativeError, limit, worst, parameters.length, checked);
}
