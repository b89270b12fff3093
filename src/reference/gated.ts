// Recurrent layers with gates in float64, row by row and step by step, as graph/gated.ts defines them: what kernels are checked against.
//   B examples   T steps   H units   a sequence is (B·T, ·), row b·T + t   σ of the gates, φ of what goes in

import {
  backwardOperands,
  blocksOf,
  forwardOperands,
  KEPT_BLOCKS,
  type GatedBackward,
  type GatedForward,
  HARD_SLOPES,
  isHard,
} from "../graph/gated-operands.ts";
import { timestepsOf, tensorOf, type Graph, type StepScalars } from "../graph/types.ts";
import type { GateActivation } from "../model/activations.ts";
import { activate, activationDerivative } from "./activations.ts";
import type { Sequence } from "./recurrent.ts";

/** σ and φ of a layer; their derivatives are of σ and φ. */
function functionsOf({ activation, gates }: GatedForward | GatedBackward) {
  return {
    sigma: (z: number): number => activateGate(gates.activation, z),
    phi: (z: number): number => activate(activation, z),
    sigmaSlope: (a: number): number => gateDerivative(gates.activation, a),
    phiSlope: (a: number): number => activationDerivative(activation, a),
  };
}

export const activateGate = (name: GateActivation, z: number): number =>
  isHard(name) ? Math.min(Math.max(HARD_SLOPES[name] * z + 0.5, 0), 1) : activate(name, z);
export const gateDerivative = (name: GateActivation, a: number): number =>
  isHard(name) ? (a > 0 && a < 1 ? HARD_SLOPES[name] : 0) : activationDerivative(name, a);

function forwardLSTM(
  op: GatedForward,
  inputs: readonly Float64Array[],
  { examples, steps, width }: Sequence,
  fresh: boolean,
): Float64Array[] {
  const { z, weights, lengths, state, carriedCell } = forwardOperands(op, inputs, []),
    { sigma, phi } = functionsOf(op);
  const h = new Float64Array(examples * steps * width),
    cell = new Float64Array(h.length),
    kept = new Float64Array(KEPT_BLOCKS * h.length),
    sums = new Float64Array(4 * width);
  for (let b = 0; b < examples; b++) {
    let hBefore = rowOf(fresh ? undefined : state, b, width),
      cBefore = rowOf(fresh ? undefined : carriedCell, b, width);
    for (let t = 0; t < steps; t++) {
      const row = b * steps + t,
        hNow = h.subarray(row * width, (row + 1) * width),
        cNow = cell.subarray(row * width, (row + 1) * width);
      if (lengths !== undefined && t >= lengths[b]) {
        hNow.set(hBefore);
        cNow.set(cBefore);
      } else {
        product(hBefore, weights, sums);
        for (let j = 0; j < width; j++) {
          const [i, f, g, o] = [0, 1, 2, 3].map((block) => {
            const col = block * width + j;
            return (kept[row * 4 * width + col] = (block === 2 ? phi : sigma)(z[row * 4 * width + col] + sums[col]));
          });
          cNow[j] = f * cBefore[j] + i * g;
          hNow[j] = o * phi(cNow[j]);
        }
      }
      [hBefore, cBefore] = [hNow, cNow];
    }
  }
  return [h, kept, cell];
}

function forwardGRU(
  op: GatedForward,
  inputs: readonly Float64Array[],
  { examples, steps, width }: Sequence,
  fresh: boolean,
): Float64Array[] {
  const { z, weights, lengths, state, bias } = forwardOperands(op, inputs, []),
    { sigma, phi } = functionsOf(op);
  const h = new Float64Array(examples * steps * width),
    kept = new Float64Array(KEPT_BLOCKS * h.length),
    sums = new Float64Array(3 * width);
  for (let b = 0; b < examples; b++) {
    let before = rowOf(fresh ? undefined : state, b, width);
    for (let t = 0; t < steps; t++) {
      const row = b * steps + t,
        now = h.subarray(row * width, (row + 1) * width);
      if (lengths !== undefined && t >= lengths[b]) {
        now.set(before);
      } else {
        product(before, weights, sums);
        if (bias) sums.forEach((sum, col) => (sums[col] = sum + bias[col]));
        for (let j = 0; j < width; j++) {
          const own = (block: number): number => z[row * 3 * width + block * width + j];
          const update = sigma(own(0) + sums[j]),
            reset = sigma(own(1) + sums[width + j]),
            q = sums[2 * width + j],
            g = phi(own(2) + reset * q);
          now[j] = update * before[j] + (1 - update) * g;
          [update, reset, g, q].forEach((value, block) => (kept[row * 4 * width + block * width + j] = value));
        }
      }
      before = now;
    }
  }
  return [h, kept];
}

/**
 * Goes back through time: `step` finishes row b·T + t from G(t) and what was before, where the step counts, and gives what goes to the step before;
 * padding hands G on.
 * @param sequence what `before` is one timestep of
 */
function backInTime(
  { gradient, lengths, before }: { gradient: Float64Array; lengths?: Float64Array; before?: Float64Array },
  sequence: Float64Array,
  { examples, steps, width }: Sequence,
  fresh: boolean,
  step: (row: number, isLast: boolean, total: Float64Array, previous: Float64Array) => Float64Array<ArrayBuffer>,
): void {
  for (let b = 0; b < examples; b++) {
    const first = rowOf(fresh ? undefined : before, b, width);
    let behind = new Float64Array(width);
    for (let t = steps - 1; t >= 0; t--) {
      const row = b * steps + t,
        total = behind.map((value, j) => value + gradient[row * width + j]);
      const isPadding = lengths !== undefined && t >= lengths[b];
      behind = isPadding ? total : step(row, t === steps - 1, total, t === 0 ? first : sequence.subarray((row - 1) * width, row * width));
    }
  }
}

function backwardLSTM(op: GatedBackward, inputs: readonly Float64Array[], sequence: Sequence, fresh: boolean): Float64Array[] {
  const operands = backwardOperands(op, inputs, []),
    { gradient, weights, kept } = operands,
    cell = operands.cell!,
    { width } = sequence,
    { phi, sigmaSlope, phiSlope } = functionsOf(op);
  const delta = new Float64Array(4 * gradient.length),
    direct = new Float64Array(gradient.length);
  backInTime(operands, cell, sequence, fresh, (row, isLast, total, previous) => {
    for (let j = 0; j < width; j++) {
      const at = row * width + j,
        [i, f, g, o] = [0, 1, 2, 3].map((block) => kept[row * 4 * width + block * width + j]),
        y = phi(cell[at]);
      const d = total[j] * o * phiSlope(y) + (isLast ? 0 : direct[at + width]);
      direct[at] = d * f;
      const parts = [d * g * sigmaSlope(i), d * previous[j] * sigmaSlope(f), d * i * phiSlope(g), total[j] * y * sigmaSlope(o)];
      parts.forEach((value, block) => (delta[row * 4 * width + block * width + j] = value));
    }
    return transposed(delta.subarray(row * 4 * width, (row + 1) * 4 * width), weights, width);
  });
  return [delta, direct];
}

function backwardGRU(op: GatedBackward, inputs: readonly Float64Array[], sequence: Sequence, fresh: boolean): Float64Array[] {
  const operands = backwardOperands(op, inputs, []),
    { gradient, h, weights, kept } = operands,
    { width } = sequence,
    { sigmaSlope, phiSlope } = functionsOf(op);
  const delta = new Float64Array(3 * gradient.length),
    recurrent = new Float64Array(3 * gradient.length),
    direct = new Float64Array(gradient.length);
  backInTime(operands, h, sequence, fresh, (row, _, total, previous) => {
    for (let j = 0; j < width; j++) {
      const [update, reset, g, q] = [0, 1, 2, 3].map((block) => kept[row * 4 * width + block * width + j]),
        deltaG = total[j] * (1 - update) * phiSlope(g);
      direct[row * width + j] = total[j] * update;
      const parts = [total[j] * (previous[j] - g) * sigmaSlope(update), deltaG * q * sigmaSlope(reset), deltaG];
      parts.forEach((value, block) => {
        delta[row * 3 * width + block * width + j] = value;
        recurrent[row * 3 * width + block * width + j] = block === 2 ? value * reset : value;
      });
    }
    const behind = transposed(recurrent.subarray(row * 3 * width, (row + 1) * 3 * width), weights, width);
    return behind.map((value, j) => value + direct[row * width + j]);
  });
  return [delta, direct, recurrent];
}

/** Row b of the carried states; 0 without any. */
function rowOf(states: Float64Array | undefined, b: number, width: number): Float64Array {
  return states === undefined ? new Float64Array(width) : states.subarray(b * width, (b + 1) * width);
}

/** row·W into `sums`. */
function product(row: Float64Array, w: Float64Array, sums: Float64Array): void {
  sums.fill(0);
  for (let j = 0; j < row.length; j++) for (let k = 0; k < sums.length; k++) sums[k] += row[j] * w[j * sums.length + k];
}

/** row·Wᵀ, of `width` numbers. */
function transposed(row: Float64Array, w: Float64Array, width: number): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length: width }, (_, j) => row.reduce((sum, value, k) => sum + value * w[j * row.length + k], 0));
}

/** The outputs of such an op. */
export function evaluateGated(
  op: GatedForward | GatedBackward,
  inputs: readonly Float64Array[],
  graph: Graph,
  { rows, fresh = false }: StepScalars,
): Float64Array[] {
  const tensor = tensorOf(graph, op.inputs[0]),
    width = op.type === "recurrentForward" ? tensor.cols / blocksOf(op.gates) : tensor.cols,
    sizes = { examples: rows, steps: timestepsOf(tensor), width },
    isLSTM = op.gates.cell === "lstm";
  if (op.type === "recurrentForward") return (isLSTM ? forwardLSTM : forwardGRU)(op, inputs, sizes, fresh);
  return (isLSTM ? backwardLSTM : backwardGRU)(op, inputs, sizes, fresh);
}
