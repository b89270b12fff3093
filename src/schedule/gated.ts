// What recurrent layers with gates do at a time step, where recurrent.ts takes them through time.

import { activationDerivativeFunction, activationFunction, type ActivationTexts } from "../../shaders/activations.wgsl.ts";
import {
  gruBackwardFunction,
  gruForwardFunctions,
  hardDerivative,
  hardValue,
  lstmBackwardFunction,
  lstmForwardFunctions,
  type GatedReads,
} from "../../shaders/gated.wgsl.ts";
import { formulaOf } from "../../shaders/kernel.wgsl.ts";
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
import { tensorOf, timestepsOf } from "../graph/types.ts";
import type { GateActivation } from "../model/activations.ts";
import { lengthOf, numberAt, type Direction } from "./direction.ts";
import type { RecurrentPlace } from "./sequence-writer.ts";

/** What a gate's function says: one of the activations', or that of a straight line between 0 and 1. */
const gateFormula = (name: GateActivation, texts: ActivationTexts, hard: (slope: number) => string): string =>
  isHard(name) ? hard(HARD_SLOPES[name]) : formulaOf(texts, name);

/** The functions σ and φ of a layer, and where number `col` of each block of what it keeps lies. */
function readsOf(
  place: RecurrentPlace,
  op: GatedForward | GatedBackward,
  h: string,
  kept: string,
  lengths: string | undefined,
  prefix: string,
) {
  const { graph, access } = place,
    { formulas } = access,
    width = tensorOf(graph, h).cols;
  const names = { sigma: `${prefix}_sigma`, phi: `${prefix}_phi` };
  const reads: GatedReads = {
    ...names,
    steps: timestepsOf(tensorOf(graph, h)),
    width,
    length: lengthOf(place, lengths),
    kept: (block) => access.store(kept, `row * ${KEPT_BLOCKS * width}u + ${block * width}u + col`),
  };
  const functions =
    activationFunction(names.sigma, gateFormula(op.gates.activation, formulas.values, hardValue)) +
    activationFunction(names.phi, formulaOf(formulas.values, op.activation));
  return { reads, functions, width };
}

/** fn name(example, col, t): number `col` of a sequence one step before, or of what is carried, or 0. */
function beforeFunction(place: RecurrentPlace, name: string, sequence: string, carried: string | undefined): string {
  const steps = timestepsOf(tensorOf(place.graph, sequence));
  const first = carried === undefined ? "0.0" : `select(${numberAt(place, carried, "example", "col")}, 0.0, step.fresh != 0u)`;
  return `
fn ${name}(example: u32, col: u32, t: u32) -> f32 {
  if (t == 0u) { return ${first}; }
  let row = example * ${steps}u + t - 1u;
  return ${numberAt(place, sequence, "row", "col")};
}`;
}

export function gatedForward(place: RecurrentPlace, op: GatedForward, prefix: string): Direction {
  const { access } = place,
    { z, weights, lengths, state, carriedCell, bias, h, kept, cell } = forwardOperands(op, op.inputs, op.outputs);
  const { reads, functions, width } = readsOf(place, op, h, kept, lengths, prefix),
    { steps } = reads,
    isLSTM = op.gates.cell === "lstm";
  const here = (tensor: string) => access.store(tensor, `row * ${width}u + col`);
  const all = {
    ...reads,
    z: (col: string) => numberAt(place, z, "row", col),
    bias: bias === undefined ? null : access.inRow(bias, access.rowStart(bias, "0u"), "col"),
    keptAt: (col: string) => access.store(kept, `row * ${KEPT_BLOCKS * width}u + ${col}`),
    before: `${prefix}_before(example, col, t)`,
    cellBefore: `${prefix}_cell_before(example, col, t)`,
    h: here(h),
    cell: isLSTM ? here(cell) : "",
  };
  const start = (example: string) => access.rowStart(h, `(${example}) * ${steps}u + max(t, 1u) - 1u`),
    own = access.inRow(h, "start", "col");
  const [finish, then] = [`${prefix}_finish`, `${prefix}_then`];
  return {
    form: "normal",
    weights,
    isFirst: state === undefined ? "t == 0u" : "t == 0u && step.fresh != 0u",
    neighbour: (example) =>
      state === undefined ? start(example) : `select(${start(example)}, ${access.rowStart(state, example)}, t == 0u)`,
    beside: state === undefined ? own : `select(${own}, ${access.inRow(state, "start", "col")}, t == 0u)`,
    functions:
      functions +
      beforeFunction(place, `${prefix}_before`, h, state) +
      (isLSTM
        ? beforeFunction(place, `${prefix}_cell_before`, cell, carriedCell) + lstmForwardFunctions(finish, then, all)
        : gruForwardFunctions(finish, then, all)),
    then,
  };
}

export function gatedBackward(place: RecurrentPlace, op: GatedBackward, prefix: string): Direction {
  const { access } = place,
    { formulas } = access,
    { gradient, h, weights, lengths, kept, cell, before, delta, direct, recurrent } = backwardOperands(op, op.inputs, op.outputs);
  const { reads, functions, width } = readsOf(place, op, h, kept, lengths, prefix),
    { steps } = reads,
    isLSTM = op.gates.cell === "lstm",
    cols = blocksOf(op.gates) * width,
    around = isLSTM ? delta : recurrent;
  const blockOf = (tensor: string) => (block: number) => access.store(tensor, `row * ${cols}u + ${block * width}u + col`);
  const all = {
    ...reads,
    gradient: (row: string) => numberAt(place, gradient, row, "col"),
    sigmaSlope: `${prefix}_sigma_slope`,
    phiSlope: `${prefix}_phi_slope`,
    cell: cell === undefined ? "" : numberAt(place, cell, "row", "col"),
    before: `${prefix}_before(example, col, t)`,
    direct: (row: string) => access.store(direct, `${row} * ${width}u + col`),
    delta: blockOf(delta),
    recurrent: blockOf(around),
  };
  return {
    form: "rightTransposed",
    weights,
    isFirst: `t == ${steps - 1}u`,
    neighbour: (example) => access.rowStart(around, `(${example}) * ${steps}u + min(t + 1u, ${steps - 1}u)`),
    beside: access.inRow(around, "start", "col"),
    functions:
      functions +
      activationDerivativeFunction(all.sigmaSlope, gateFormula(op.gates.activation, formulas.derivatives, hardDerivative)) +
      activationDerivativeFunction(all.phiSlope, formulaOf(formulas.derivatives, op.activation)) +
      beforeFunction(place, `${prefix}_before`, isLSTM ? cell! : h, before) +
      (isLSTM ? lstmBackwardFunction : gruBackwardFunction)(`${prefix}_finish`, all),
  };
}
