// How far the ops of sequences on a float32 GPU may lie from the exact ones: see rounding.ts. Errors go along with time:
// what h(t−1) errs by enters h(t), so that every t has a bound of its own. Sums over units may come in any order.

import type { Graph, SequenceOp, OpOf, StepScalars } from "../graph/types.ts";
import { tensorOf } from "../graph/types.ts";
import { activate, activationDerivative } from "./activations.ts";
import { activationError, derivativeError } from "./bounded-activations.ts";
import type { Bounded } from "./compare.ts";
import { conditionsOf, evaluateSequenceStep, rowsThatCount, sequenceOf, type Sequence } from "./recurrent.ts";
import { add, divide, exact, gamma, largest, multiply, rough, rounded, TINY, total, type Rough } from "./rounding.ts";

export const at = ({ values, bounds }: Bounded, i: number): Rough => rough(values[i], bounds[i]);
export const zeros = (n: number): Bounded => ({ values: new Float64Array(n), bounds: new Float64Array(n) });
export const copy = (from: Bounded, to: Bounded): void => {
  to.values.set(from.values);
  to.bounds.set(from.bounds);
};
export const part = ({ values, bounds }: Bounded, from: number, count: number): Bounded => ({
  values: values.subarray(from, from + count),
  bounds: bounds.subarray(from, from + count),
});

/**
 * Σ starts + Σₖ x[k]·w[first + k·stride], the sum in any order: (|x|+dx)(|w|+dw) − |x||w| for each product, a rounding for each
 * product and each addition.
 */
export function dot(starts: readonly Rough[], x: Bounded, w: Bounded, first: number, stride: number): Rough {
  const n = x.values.length;
  let value = 0,
    error = 0,
    size = 0;
  for (const start of starts) {
    value += start.value;
    error += start.error;
    size += largest(start);
  }
  for (let k = 0, i = first; k < n; k++, i += stride) {
    value += x.values[k] * w.values[i];
    const a = Math.abs(x.values[k]),
      b = Math.abs(w.values[i]),
      most = (a + x.bounds[k]) * (b + w.bounds[i]);
    error += a * w.bounds[i] + x.bounds[k] * b + x.bounds[k] * w.bounds[i] + TINY * (1 + a + b);
    size += most;
  }
  return { value, error: error + gamma(n + starts.length) * size };
}

/** What comes to step t from the one behind it: δ(t+1), to go through W; or, behind padding, the gradients that it hands on, in any order. */
export type Behind = { readonly delta: Bounded } | { readonly handed: readonly (readonly Rough[])[] };

/** G(t) of unit j: `own` and what comes from behind. */
export const gradientOf = (own: readonly Rough[], behind: Behind, w: Bounded, j: number): Rough =>
  "delta" in behind ? dot(own, behind.delta, w, j * behind.delta.values.length, 1) : total([...own, ...behind.handed[j]]);

/** What a step of padding hands on. */
export const handOn = (own: readonly Rough[], behind: Behind): Behind => ({
  handed: own.map((above, j) => [above, ...("handed" in behind ? behind.handed[j] : [])]),
});

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
          const sum = dot([at(z, first + k)], before, w, k, width);
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
    let behind: Behind = { handed: Array.from({ length: width }, () => []) };
    for (let t = steps - 1; t >= 0; t--) {
      const first = (b * steps + t) * width,
        own = Array.from({ length: width }, (_, j) => at(g, first + j));
      if (masked && t >= lengths.values[b]) {
        behind = handOn(own, behind);
        continue;
      }
      const now = part(delta, first, width);
      for (let j = 0; j < width; j++) {
        const slope = {
          value: activationDerivative(activation, h.values[first + j]),
          error: derivativeError(activation, at(h, first + j)),
        };
        const product = multiply(gradientOf([own[j]], behind, w, j), slope);
        now.values[j] = product.value;
        now.bounds[j] = product.error;
      }
      behind = { delta: now };
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
