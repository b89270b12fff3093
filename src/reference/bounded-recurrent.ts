// How far the ops of sequences on a float32 GPU may lie from the exact ones: see rounding.ts. Errors go along with time:
// what h(t−1) errs by enters h(t), so that every t has a bound of its own. Sums over units may come in any order.

import type { Graph, SequenceOp, OpOf, StepScalars } from "../graph/types.ts";
import { tensorOf } from "../graph/types.ts";
import { activate, activationDerivative } from "./activations.ts";
import { activationError, derivativeError } from "./bounded-activations.ts";
import type { Bounded } from "./compare.ts";
import { conditionsOf, evaluateSequenceStep, rowsThatCount, sequenceOf, type Sequence } from "./recurrent.ts";
import { add, divide, exact, gamma, largest, multiply, rough, rounded, TINY, total, type Rough } from "./rounding.ts";

const at = ({ values, bounds }: Bounded, i: number): Rough => rough(values[i], bounds[i]);
const zeros = (n: number): Bounded => ({ values: new Float64Array(n), bounds: new Float64Array(n) });
const copy = (from: Bounded, to: Bounded): void => {
  to.values.set(from.values);
  to.bounds.set(from.bounds);
};
const part = ({ values, bounds }: Bounded, from: number, count: number): Bounded => ({
  values: values.subarray(from, from + count),
  bounds: bounds.subarray(from, from + count),
});

/**
 * start + Σₖ x[k]·w[first + k·stride], the sum in any order: (|x|+dx)(|w|+dw) − |x||w| for each product, a rounding for each
 * product and each addition.
 */
function dot(start: Rough, x: Bounded, w: Bounded, first: number, stride: number): Rough {
  const n = x.values.length;
  let { value, error } = start,
    size = largest(start);
  for (let k = 0, i = first; k < n; k++, i += stride) {
    value += x.values[k] * w.values[i];
    const a = Math.abs(x.values[k]),
      b = Math.abs(w.values[i]),
      most = (a + x.bounds[k]) * (b + w.bounds[i]);
    error += a * w.bounds[i] + x.bounds[k] * b + x.bounds[k] * w.bounds[i] + TINY * (1 + a + b);
    size += most;
  }
  return { value, error: error + gamma(n + 1) * size };
}

/** The errors of h(t), t ascending. */
function forwardErrors(
  op: OpOf<"recurrentForward">,
  [z, w, ...rest]: readonly Bounded[],
  { examples, steps, width }: Sequence,
  scalars: StepScalars,
): Float64Array {
  const { lengths, state } = conditionsOf(op, rest, scalars);
  const h = zeros(z.values.length);
  for (let b = 0; b < examples; b++) {
    let before = state === null ? zeros(width) : part(state, b * width, width);
    for (let t = 0; t < steps; t++) {
      const first = (b * steps + t) * width,
        now = part(h, first, width);
      if (lengths !== null && t >= lengths.values[b]) {
        copy(before, now);
      } else {
        for (let k = 0; k < width; k++) {
          const sum = dot(at(z, first + k), before, w, k, width);
          now.values[k] = activate(op.activation, sum.value);
          now.bounds[k] = activationError(op.activation, sum);
        }
      }
      before = now;
    }
  }
  return h.bounds;
}

/** The errors of δ(t), t descending. */
function backwardErrors(
  { activation, masked }: OpOf<"recurrentBackward">,
  [g, h, w, lengths]: readonly Bounded[],
  { examples, steps, width }: Sequence,
): Float64Array {
  const delta = zeros(g.values.length);
  for (let b = 0; b < examples; b++) {
    // Behind a step that counts: δ(t+1), through W; behind padding: G, as it is.
    let behind = zeros(width),
      handedOn = true;
    for (let t = steps - 1; t >= 0; t--) {
      const first = (b * steps + t) * width,
        padding = masked && t >= lengths.values[b];
      const now = padding ? zeros(width) : part(delta, first, width);
      for (let j = 0; j < width; j++) {
        const above = at(g, first + j);
        const sum = handedOn ? add(above, at(behind, j)) : dot(above, behind, w, j * width, 1);
        const slope = padding
          ? exact(1)
          : { value: activationDerivative(activation, h.values[first + j]), error: derivativeError(activation, at(h, first + j)) };
        const product = padding ? sum : multiply(sum, slope);
        now.values[j] = product.value;
        now.bounds[j] = product.error;
      }
      [behind, handedOn] = [now, padding];
    }
  }
  return delta.bounds;
}

/** Each row of the table has the errors of the δ rows that are added to it. */
function pickedErrors(index: Bounded, delta: Bounded, rows: number, width: number): Float64Array {
  const terms = Array.from({ length: rows * width }, (): Rough[] => []);
  index.values.forEach((row, i) => {
    for (let j = 0; j < width; j++) terms[row * width + j].push(at(delta, i * width + j));
  });
  return Float64Array.from(terms, (list) => total(list).error);
}

function pickRowsErrors([index, table, bias]: readonly Bounded[], width: number): Float64Array {
  return Float64Array.from({ length: index.values.length * width }, (_, i) => {
    const picked = at(table, index.values[Math.floor(i / width)] * width + (i % width));
    return bias === undefined ? picked.error : add(picked, at(bias, i % width)).error;
  });
}

function maskErrors([v, lengths, count]: readonly Bounded[], sequence: Sequence): Float64Array {
  const counts = rowsThatCount(lengths.values, sequence);
  const scale = divide(exact(sequence.examples * sequence.steps), at(count, 0));
  return v.bounds.map((_, i) => (counts[Math.floor(i / sequence.width)] ? multiply(at(v, i), scale).error : 0));
}

/** The errors of the one output of such an op. Lengths and picks are whole numbers and certain. */
export function sequenceErrors(op: SequenceOp, inputs: readonly Bounded[], graph: Graph, scalars: StepScalars): Float64Array {
  const [first, second] = inputs,
    out = tensorOf(graph, op.outputs[0]),
    sequence = sequenceOf(graph, op.inputs[0], scalars);
  switch (op.type) {
    case "recurrentForward":
      return forwardErrors(op, inputs, sequence, scalars);
    case "recurrentBackward":
      return backwardErrors(op, inputs, sequence);
    case "embeddingLookup":
      return pickRowsErrors(inputs, out.cols);
    case "embeddingGradient":
      return pickedErrors(first, second, Number(out.rows), out.cols);
    case "maskRows":
      return maskErrors(inputs, sequence);
    case "weightRows":
      return first.bounds.map((_, i) => multiply(at(first, i), at(second, Math.floor(i / out.cols))).error);
    // Whole numbers are summed without rounding as long as their sum is one that float32 has.
    case "countSteps": {
      const { error } = total(Array.from(first.values, rounded));
      return Float64Array.of(first.values.reduce((sum, length) => sum + length, 0) <= 2 ** 24 ? 0 : error);
    }
    // Numbers that only move take their errors along.
    case "previousStep":
    case "lastStep":
    case "lastStepGradient":
    case "carry":
      return evaluateSequenceStep(
        op,
        inputs.map(({ bounds }) => bounds),
        graph,
        scalars,
      );
  }
}
