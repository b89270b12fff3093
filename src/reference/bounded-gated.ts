// How far recurrent layers with gates on a float32 GPU may lie from the exact ones: see rounding.ts. Errors go along with time, as in
// bounded-recurrent.ts; every formula is that of graph/gated.ts, in the order of the shader.

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
import { activationError, derivativeError } from "./bounded-activations.ts";
import { at, copy, dot, gradientOf, handOn, part, zeros, type Behind } from "./bounded-recurrent.ts";
import type { Bounded } from "./compare.ts";
import { activateGate, gateDerivative } from "./gated.ts";
import type { Sequence } from "./recurrent.ts";
import { add, exact, multiply, rounded, subtract, UNIT, type Rough } from "./rounding.ts";

const ONE = exact(1);
function activated(name: GateActivation, x: Rough): Rough {
  const value = activateGate(name, x.value);
  if (!isHard(name)) return { value, error: activationError(name, x) };
  // What is cut off moves nothing any farther.
  return { value, error: Math.min(add(multiply(rounded(HARD_SLOPES[name]), x), exact(0.5)).error, 1) };
}
function sloped(name: GateActivation, a: Rough): Rough {
  const value = gateDerivative(name, a.value);
  if (!isHard(name)) return { value, error: derivativeError(name, a) };
  const slope = HARD_SLOPES[name],
    isCertain = (end: number): boolean => a.error === 0 || Math.abs(a.value - end) > a.error;
  return { value, error: isCertain(0) && isCertain(1) ? rounded(slope).error : slope * (1 + UNIT) };
}
function put({ values, bounds }: Bounded, i: number, { value, error }: Rough): void {
  values[i] = value;
  bounds[i] = error;
}
const rowOf = (states: Bounded | undefined, b: number, width: number): Bounded =>
  states === undefined ? zeros(width) : part(states, b * width, width);
/** Block `block` of a row of blocks. */
const blockAt = (x: Bounded, row: number, blocks: number, block: number, width: number, j: number): Rough =>
  at(x, (row * blocks + block) * width + j);

function forwardErrors(op: GatedForward, inputs: readonly Bounded[], { examples, steps, width }: Sequence, fresh: boolean): Bounded[] {
  const { z, weights, lengths, state, carriedCell, bias } = forwardOperands(op, inputs, []),
    { activation: phi } = op,
    sigma = op.gates.activation,
    isLSTM = op.gates.cell === "lstm",
    blocks = blocksOf(op.gates);
  const size = examples * steps * width,
    h = zeros(size),
    cell = zeros(size),
    kept = zeros(KEPT_BLOCKS * size);
  for (let b = 0; b < examples; b++) {
    let hBefore = rowOf(fresh ? undefined : state, b, width),
      cBefore = rowOf(fresh ? undefined : carriedCell, b, width);
    for (let t = 0; t < steps; t++) {
      const row = b * steps + t,
        hNow = part(h, row * width, width),
        cNow = part(cell, row * width, width);
      if (lengths !== undefined && t >= lengths.values[b]) {
        copy(hBefore, hNow);
        copy(cBefore, cNow);
      } else {
        for (let j = 0; j < width; j++) {
          const product = (block: number, ...starts: Rough[]): Rough =>
            dot([...starts, ...(bias ? [at(bias, block * width + j)] : [])], hBefore, weights, block * width + j, blocks * width);
          const own = (block: number): Rough => blockAt(z, row, blocks, block, width, j);
          const gate = (block: number, name: GateActivation): Rough => activated(name, product(block, own(block)));
          let keep: Rough[];
          if (isLSTM) {
            keep = [gate(0, sigma), gate(1, sigma), gate(2, phi), gate(3, sigma)];
            const [i, f, g, o] = keep,
              c = add(multiply(f, at(cBefore, j)), multiply(i, g));
            put(cNow, j, c);
            put(hNow, j, multiply(o, activated(phi, c)));
          } else {
            const update = gate(0, sigma),
              reset = gate(1, sigma),
              q = product(2),
              g = activated(phi, add(own(2), multiply(reset, q)));
            keep = [update, reset, g, q];
            put(hNow, j, add(multiply(update, at(hBefore, j)), multiply(subtract(ONE, update), g)));
          }
          keep.forEach((value, block) => put(kept, (row * KEPT_BLOCKS + block) * width + j, value));
        }
      }
      [hBefore, cBefore] = [hNow, cNow];
    }
  }
  return isLSTM ? [h, kept, cell] : [h, kept];
}

function backwardErrors(op: GatedBackward, inputs: readonly Bounded[], { examples, steps, width }: Sequence, fresh: boolean): Bounded[] {
  const { gradient, h, weights, lengths, kept, cell, before } = backwardOperands(op, inputs, []),
    { activation: phi } = op,
    sigma = op.gates.activation,
    isLSTM = op.gates.cell === "lstm",
    blocks = blocksOf(op.gates),
    size = gradient.values.length,
    direct = zeros(size),
    delta = zeros(blocks * size),
    recurrent = zeros(blocks * size);
  for (let b = 0; b < examples; b++) {
    const first = rowOf(fresh ? undefined : before, b, width);
    let behind: Behind = { handed: Array.from({ length: width }, () => []) };
    for (let t = steps - 1; t >= 0; t--) {
      const row = b * steps + t,
        own = Array.from({ length: width }, (_, j) => at(gradient, row * width + j));
      if (lengths !== undefined && t >= lengths.values[b]) {
        behind = handOn(own, behind);
        continue;
      }
      for (let j = 0; j < width; j++) {
        const here = row * width + j,
          keep = [0, 1, 2, 3].map((block) => blockAt(kept, row, KEPT_BLOCKS, block, width, j)),
          straight = t + 1 < steps ? at(direct, here + width) : exact(0),
          previous = t === 0 ? at(first, j) : at(isLSTM ? cell! : h, here - width);
        let parts: Rough[], around: Rough[];
        if (isLSTM) {
          const [i, f, g, o] = keep,
            G = gradientOf([own[j]], behind, weights, j),
            y = activated(phi, at(cell!, here)),
            D = add(multiply(multiply(G, o), sloped(phi, y)), straight);
          put(direct, here, multiply(D, f));
          parts = around = [
            multiply(multiply(D, g), sloped(sigma, i)),
            multiply(multiply(D, previous), sloped(sigma, f)),
            multiply(multiply(D, i), sloped(phi, g)),
            multiply(multiply(G, y), sloped(sigma, o)),
          ];
        } else {
          const [update, reset, g, q] = keep,
            G = gradientOf([own[j], straight], behind, weights, j),
            deltaG = multiply(multiply(G, subtract(ONE, update)), sloped(phi, g));
          put(direct, here, multiply(G, update));
          const gates = [
            multiply(multiply(G, subtract(previous, g)), sloped(sigma, update)),
            multiply(multiply(deltaG, q), sloped(sigma, reset)),
          ];
          parts = [...gates, deltaG];
          around = [...gates, multiply(deltaG, reset)];
        }
        parts.forEach((value, block) => put(delta, (row * blocks + block) * width + j, value));
        around.forEach((value, block) => put(recurrent, (row * blocks + block) * width + j, value));
      }
      behind = { delta: part(recurrent, row * blocks * width, blocks * width) };
    }
  }
  return isLSTM ? [delta, direct] : [delta, direct, recurrent];
}

/** The errors of the outputs of such an op. Lengths are certain. */
export function gatedErrors(
  op: GatedForward | GatedBackward,
  inputs: readonly Bounded[],
  graph: Graph,
  { rows, fresh = false }: StepScalars,
): Float64Array[] {
  const tensor = tensorOf(graph, op.inputs[0]);
  const sizes = (width: number): Sequence => ({ examples: rows, steps: timestepsOf(tensor), width });
  const outputs =
    op.type === "recurrentForward"
      ? forwardErrors(op, inputs, sizes(tensor.cols / blocksOf(op.gates)), fresh)
      : backwardErrors(op, inputs, sizes(tensor.cols), fresh);
  return outputs.map(({ bounds }) => bounds);
}
