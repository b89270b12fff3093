// The steps of sequences in float64: backpropagation through time, row by row and step by step, as graph/types.ts defines
// each. What kernels are checked against, and the `cpu` backend.
//   B examples   T steps   H units   a sequence is (B·T, ·), row b·T + t   lengths (B): step t is padding where t ≥ length

import {
  timestepsOf,
  tensorOf,
  type Graph,
  type SequenceOpName,
  type SequenceOp,
  type Op,
  type OpOf,
  type StepScalars,
} from "../graph/types.ts";
import { activate, activationDerivative } from "./activations.ts";

/** How a sequence is laid out. */
export interface Sequence {
  readonly examples: number;
  readonly steps: number;
  readonly width: number;
}

/** That of the tensor of this name. */
export function sequenceOf(graph: Graph, name: string, { rows }: StepScalars): Sequence {
  const tensor = tensorOf(graph, name);
  return { examples: rows, steps: timestepsOf(tensor), width: tensor.cols };
}

/** Lengths and carried state of a recurrentForward, recurrentBackward or previousStep, in the order of its inputs. */
export function conditionsOf<T>(
  { masked, stateful }: { masked: boolean; stateful: boolean },
  rest: readonly T[],
  scalars: StepScalars,
): { lengths: T | null; state: T | null } {
  const lengths = masked ? rest[0] : null,
    state = stateful ? rest[masked ? 1 : 0] : null;
  return { lengths, state: scalars.fresh ? null : state };
}

/** @throws Error unless there is a state of every example: a mistake of this library */
function checkState(state: Float64Array | null, { examples, width }: Sequence): void {
  if (state !== null && state.length !== examples * width) {
    throw new Error(`a carried state of ${state.length} numbers where ${examples} × ${width} are needed`);
  }
}

/** h(t) = σ(z(t) + h(t−1)·W); h(t) = h(t−1) at padding. */
function forward(
  op: OpOf<"recurrentForward">,
  [z, w, ...rest]: readonly Float64Array[],
  sequence: Sequence,
  scalars: StepScalars,
): Float64Array {
  const { examples, steps, width } = sequence,
    { lengths, state } = conditionsOf(op, rest, scalars);
  checkState(state, sequence);
  const out = new Float64Array(z.length),
    sums = new Float64Array(width);
  for (let b = 0; b < examples; b++) {
    let before = state === null ? new Float64Array(width) : state.subarray(b * width, (b + 1) * width);
    for (let t = 0; t < steps; t++) {
      const at = (b * steps + t) * width,
        h = out.subarray(at, at + width);
      if (lengths !== null && t >= lengths[b]) {
        h.set(before);
      } else {
        sums.set(z.subarray(at, at + width));
        for (let j = 0; j < width; j++) for (let k = 0; k < width; k++) sums[k] += before[j] * w[j * width + k];
        for (let k = 0; k < width; k++) h[k] = activate(op.activation, sums[k]);
      }
      before = h;
    }
  }
  return out;
}

/** δ(t) = G(t) ⊙ σ′(h(t)), G(t) = g(t) + δ(t+1)·Wᵀ; at padding δ(t) = 0 and G is handed on. */
function backward(
  { activation, masked }: OpOf<"recurrentBackward">,
  [g, h, w, lengths]: readonly Float64Array[],
  { examples, steps, width }: Sequence,
): Float64Array {
  const delta = new Float64Array(g.length),
    total = new Float64Array(width);
  for (let b = 0; b < examples; b++) {
    // What comes from the step behind.
    const behind = new Float64Array(width);
    for (let t = steps - 1; t >= 0; t--) {
      const at = (b * steps + t) * width;
      for (let j = 0; j < width; j++) total[j] = g[at + j] + behind[j];
      if (masked && t >= lengths[b]) {
        behind.set(total);
        continue;
      }
      for (let j = 0; j < width; j++) delta[at + j] = total[j] * activationDerivative(activation, h[at + j]);
      for (let j = 0; j < width; j++) {
        behind[j] = 0;
        for (let k = 0; k < width; k++) behind[j] += delta[at + k] * w[j * width + k];
      }
    }
  }
  return delta;
}

/** Each row that of the step before; the first that of `state`, 0 without one. */
export function shifted(h: Float64Array, state: Float64Array | null, { examples, steps, width }: Sequence): Float64Array {
  const out = new Float64Array(h.length);
  for (let b = 0; b < examples; b++) {
    const at = b * steps * width;
    if (state !== null) out.set(state.subarray(b * width, (b + 1) * width), at);
    out.set(h.subarray(at, at + (steps - 1) * width), at + width);
  }
  return out;
}

/** Row T−1 of each example. */
export function lastRows(h: Float64Array, { examples, steps, width }: Sequence): Float64Array {
  const out = new Float64Array(examples * width);
  for (let b = 0; b < examples; b++) {
    const at = ((b + 1) * steps - 1) * width;
    out.set(h.subarray(at, at + width), b * width);
  }
  return out;
}

/** The other way: row T−1 of each example from `last`, 0 elsewhere. */
export function spreadLast(last: Float64Array, { examples, steps, width }: Sequence): Float64Array {
  const out = new Float64Array(examples * steps * width);
  for (let b = 0; b < examples; b++) out.set(last.subarray(b * width, (b + 1) * width), ((b + 1) * steps - 1) * width);
  return out;
}

/** Row index[i] of the table, a bias row added. */
export function embeddingLookup(index: Float64Array, table: Float64Array, width: number, bias?: Float64Array): Float64Array {
  const out = new Float64Array(index.length * width);
  index.forEach((row, i) => {
    for (let j = 0; j < width; j++) out[i * width + j] = table[row * width + j] + (bias ? bias[j] : 0);
  });
  return out;
}

/** Row v: Σ of the rows i with index[i] = v. */
export function sumPicked(index: Float64Array, delta: Float64Array, rows: number, width: number): Float64Array {
  const out = new Float64Array(rows * width);
  index.forEach((row, i) => {
    for (let j = 0; j < width; j++) out[row * width + j] += delta[i * width + j];
  });
  return out;
}

/** Whether step t of example b counts, for each row b·T + t. */
export function rowsThatCount(lengths: Float64Array, { examples, steps }: Sequence): boolean[] {
  return Array.from({ length: examples * steps }, (_, row) => row % steps < lengths[Math.floor(row / steps)]);
}

/** v·(B·T / count), and 0 at padding: chosen, not multiplied, so that a NaN there does not come back. */
function maskRows([v, lengths, count]: readonly Float64Array[], sequence: Sequence): Float64Array {
  const counts = rowsThatCount(lengths, sequence),
    scale = (sequence.examples * sequence.steps) / count[0];
  return v.map((value, i) => (counts[Math.floor(i / sequence.width)] ? value * scale : 0));
}

const SEQUENCE_OPS: Readonly<Record<SequenceOpName, true>> = {
  embeddingLookup: true,
  embeddingGradient: true,
  recurrentForward: true,
  recurrentBackward: true,
  previousStep: true,
  lastStep: true,
  lastStepGradient: true,
  carry: true,
  countSteps: true,
  maskRows: true,
  weightRows: true,
};

export const isSequenceStep = (op: Op): op is SequenceOp => Object.hasOwn(SEQUENCE_OPS, op.type);

/** The one output of such an op. */
export function evaluateSequenceStep(op: SequenceOp, inputs: readonly Float64Array[], graph: Graph, scalars: StepScalars): Float64Array {
  const [first, second, third] = inputs,
    out = tensorOf(graph, op.outputs[0]);
  const sequence = sequenceOf(graph, op.inputs[0], scalars);
  switch (op.type) {
    case "embeddingLookup":
      return embeddingLookup(first, second, out.cols, third);
    case "embeddingGradient":
      return sumPicked(first, second, Number(out.rows), out.cols);
    case "recurrentForward":
      return forward(op, inputs, sequence, scalars);
    case "recurrentBackward":
      return backward(op, inputs, sequence);
    case "previousStep":
      return shifted(first, conditionsOf({ masked: false, stateful: op.stateful }, [second], scalars).state, sequence);
    case "lastStep":
      return lastRows(first, sequence);
    case "carry":
      return lastRows(first, sequence);
    case "lastStepGradient":
      return spreadLast(first, sequenceOf(graph, op.outputs[0], scalars));
    case "countSteps":
      return Float64Array.of(first.reduce((sum, length) => sum + length, 0));
    case "maskRows":
      return maskRows(inputs, sequence);
    case "weightRows":
      return first.map((value, i) => value * second[Math.floor(i / out.cols)]);
  }
}
