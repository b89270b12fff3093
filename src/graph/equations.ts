// The ops of a graph as the textbook writes them: which of BP1 to BP4 each belongs to, its formula with the names of its tensors, and how
// far float32 may take it from the formula. For people: reports, logs, the command `npm run kernels`. Nothing is computed from it.
//
// Notation (types.ts): BP1 δᴸ = ∇ₐC ⊙ σ′(zᴸ), BP2 δˡ = (δˡ⁺¹·(Wˡ⁺¹)ᵀ) ⊙ σ′(zˡ), BP3 ∂C/∂b = Σ_rows δ, BP4 ∂C/∂W = a_prevᵀ·δ.

import { derivativeSource } from "../model/activations.ts";
import { matchingActivation } from "../model/losses.ts";
import { gatedFormula, gatedStarts } from "./gated-equations.ts";
import { isGated, productSizes } from "./gated-operands.ts";
import { productRoundings, roundingsOf } from "./long-sums.ts";
import { rowsOf, timestepsOf, tensorOf, type Graph, type NormalizationOp, type OpName, type Op, type OpOf } from "./types.ts";

/** What a tensor is for. z = a·W + b; BP1 to BP4 are Nielsen's, with the pieces that they are put together from. */
export type Equation = "data" | "z" | "a" | "loss" | "BP1" | "BP2" | "BP3" | "BP4" | "update";

/** The equation of each operation; null where that depends on what stands before it in the graph. */
const EQUATIONS: Readonly<Record<OpName, Equation | null>> = {
  gather: "data",
  product: null,
  embeddingLookup: "z",
  activation: "a",
  softmax: "a",
  recurrentForward: "a",
  lastStep: "a",
  carry: "a",
  dropout: null,
  lossRows: "loss",
  metricRows: "loss",
  penalty: "loss",
  summarize: "loss",
  countSteps: "loss",
  maskRows: null,
  weightRows: null,
  lossGradient: "BP1",
  activationDerivative: null,
  hadamard: null,
  softmaxPullback: null,
  lastStepGradient: null,
  recurrentBackward: null,
  rowSum: "BP3",
  embeddingGradient: "BP4",
  previousStep: "BP4",
  penaltyGradient: null,
  accumulate: null,
  moment: null,
  normalize: null,
  normalizeRows: null,
  clipValue: "update",
  clipFactor: "update",
  scale: "update",
  update: "update",
};

/** The gradient of a penalty, and a sum over chunks, belong to what they are added to: ∂C/∂b, ∂C/∂γ or ∂C/∂W. */
const gradientEquation = ({ outputs: [name] }: Op): Equation => (/(^|_)[bg]\d+$/.test(name) ? "BP3" : "BP4");

function productEquation({ form }: OpOf<"product">): Equation {
  switch (form) {
    case "normal":
      return "z";
    case "rightTransposed":
      return "BP2";
    case "leftTransposed":
      return "BP4";
  }
}

/** Moments that a gradient ends with are BP3's; those that the way back goes through are its own. */
function normalizationEquation({ type, kind, outputs: [name] }: NormalizationOp, back: "BP1" | "BP2"): Equation {
  if (kind === "moving") return "update";
  return type === "moment" && name.includes("grad_g") ? "BP3" : back;
}

/** The equation of each op: σ′ and ⊙ belong to BP1 until δ goes through the first weights, and to BP2 from there on. */
export function equationsOf({ ops }: Graph): ReadonlyMap<Op, Equation> {
  let back: "BP1" | "BP2" | null = null;
  return new Map(
    ops.map((op): [Op, Equation] => {
      if (op.type === "lossGradient") back = "BP1";
      if (op.type === "product") {
        const equation = productEquation(op);
        if (equation === "BP2") back = "BP2";
        return [op, equation];
      }
      if (op.type === "moment" || op.type === "normalize" || op.type === "normalizeRows")
        return [op, back === null ? "z" : normalizationEquation(op, back)];
      if (op.type === "penaltyGradient" || op.type === "accumulate") return [op, gradientEquation(op)];
      return [op, EQUATIONS[op.type] ?? back ?? (op.type === "dropout" ? "a" : "loss")];
    }),
  );
}

/** The derivative of σ at a value: σ′ is taken from z, or from a where that is enough. */
const slope = ({ activation, inputs: [of] }: OpOf<"activationDerivative">): string =>
  `${activation}′(${derivativeSource(activation) === "a" ? `z) from ${of}` : `${of})`}`;

function productFormula({ form, inputs: [left, right, bias] }: OpOf<"product">): string {
  switch (form) {
    case "normal":
      return `${left}·${right}${bias ? ` + ${bias}` : ""}`;
    case "rightTransposed":
      return `${left}·${right}ᵀ`;
    case "leftTransposed":
      return `${left}ᵀ·${right}`;
  }
}

const penaltyTerms = (l1: number, l2: number, one: string, two: string): string =>
  [...(l1 > 0 ? [`${l1}·${one}`] : []), ...(l2 > 0 ? [`${l2}·${two}`] : [])].join(" + ");

function costFormula(op: OpOf<"lossGradient" | "summarize">): string {
  const [first, second] = op.inputs;
  if (op.type === "lossGradient") {
    const matching = matchingActivation(op.loss);
    return matching
      ? `(${first} − ${second}) / ${matching === "softmax" ? "B" : "(B·units)"}, δᴸ of ${op.loss.name}`
      : `∇ₐC / B, C = ${op.loss.name}(${first}, ${second})`;
  }
  return (
    `means over the rows: ${op.inputs.slice(0, 1 + op.metrics).join(", ")}` +
    (op.inputs.length > 1 + op.metrics ? `; with ${op.inputs.slice(1 + op.metrics).join(", ")}` : "")
  );
}

function normalizationFormula(op: NormalizationOp): string {
  const [first, second, third, fourth, fifth] = op.inputs,
    { kind } = op;
  switch (kind) {
    case "mean":
      return `Σ_rows ${first} / rows`;
    case "variance":
      return `Σ_rows (${first} − ${second})² / rows`;
    case "product":
      return `Σ_rows ${first}⊙${second}`;
    case "affine":
      return [op.scale ? `${second} ⊙ ${first}` : first, ...(op.center ? [op.inputs[op.inputs.length - 1]] : [])].join(" + ");
    case "rescale":
      return `${first} / √(${second} + ${op.epsilon})`;
    case "moving":
      return `${op.momentum}·${first} + ${Number((1 - op.momentum).toPrecision(6))}·${second}`;
    case "normalize":
      return op.type === "normalize"
        ? `(${first} − ${second}) / √(${third} + ${op.epsilon})`
        : `(${first} − mean of the row) / √(variance of the row + ${op.epsilon})`;
    case "pullBack":
      return op.type === "normalize"
        ? `(${first} − (${fourth} + ${second} ⊙ ${fifth}) / rows) / √(${third} + ${op.epsilon})`
        : `(${first} − mean of ${first} − ${second} ⊙ mean of ${first}⊙${second}) / √(variance of ${third} + ${op.epsilon}), means over the row`;
  }
}

/** The right-hand side of an op's formula. */
function rightSide(op: Op): string {
  const [first, second, third] = op.inputs;
  switch (op.type) {
    case "gather":
      return `${first}[${second}[i]]${op.scale === 1 ? "" : ` · ${Number(op.scale.toPrecision(6))}`}, ${op.source}`;
    case "product":
      return productFormula(op);
    case "embeddingLookup":
      return `row ${first}[i] of ${second}${third ? ` + ${third}` : ""}`;
    case "embeddingGradient":
      return `onehot(${first})ᵀ·${second}`;
    case "rowSum":
      return `Σ_rows ${first}`;
    case "activation":
      return `${op.activation}(${first})`;
    case "activationDerivative":
      return slope(op);
    case "hadamard":
      return `${first} ⊙ ${second}`;
    case "softmax":
      return `softmax(${first})`;
    case "softmaxPullback":
      return `${first} ⊙ (${second} − Σ_row ${second}⊙${first})`;
    case "dropout":
      return `${first} ⊙ mask / ${Number((1 - op.rate).toPrecision(6))}, mask 0 with probability ${op.rate}`;
    case "lossRows":
      return `${op.loss.name}(${first}, ${second})`;
    case "lossGradient":
    case "summarize":
      return costFormula(op);
    case "metricRows":
      return `${op.metric}(${first}, ${second})`;
    case "penalty":
      return penaltyTerms(op.l1, op.l2, `Σ|${first}|`, `Σ${first}²`);
    case "penaltyGradient":
      return `${first} + ${penaltyTerms(op.l1, 2 * op.l2, `sign(${second})`, second)}`;
    case "clipValue":
      return `clamp(${first}, ±${op.limit})`;
    case "clipFactor":
      return `min(1, ${op.limit} / ‖${op.inputs.join(", ")}‖₂)`;
    case "scale":
      return `${first}·${second}`;
    case "update":
      return `${op.optimizer.name}(${op.inputs.join(", ")})`;
    case "accumulate":
      return `${second} + ${first}`;
    case "moment":
    case "normalize":
    case "normalizeRows":
      return normalizationFormula(op);
    case "recurrentForward":
      if (isGated(op)) return gatedFormula(op);
      return `${op.activation}(${first}(t) + ${op.outputs[0]}(t−1)·${second}), t ascending`;
    case "recurrentBackward":
      if (isGated(op)) return gatedFormula(op);
      return `(${first}(t) + ${op.outputs[0]}(t+1)·${third}ᵀ) ⊙ ${op.activation}′(${second}(t)), t descending`;
    case "previousStep":
      return `${first}(t−1)`;
    case "lastStep":
      return `${first}(T−1)`;
    case "lastStepGradient":
      return `${first} at t = T−1, else 0`;
    case "carry":
      return `${first}(T−1), for the next mini-batch`;
    case "countSteps":
      return `Σ ${first}`;
    case "weightRows":
      return `${first} ⊙ ${second}, row by row`;
    case "maskRows":
      return `${first}·B·T / ${third}, 0 at padding (t ≥ ${second})`;
  }
}

/** "delta1 = grad_a1 ⊙ slope_z1": an op with the names of its tensors. */
export const formulaOf = (op: Op): string => `${op.outputs.join(", ")} ${op.type === "update" ? "←" : "="} ${rightSide(op)}`;

const UNIT_TEXT = "2⁻²⁴";
const sumBound = (roundings: number, of = "|error|"): string => `${of} ≤ ${roundings}·${UNIT_TEXT}·Σ|terms|`;

/** The terms of the product of a time step and what is added to it. */
const recurrentRoundings = (graph: Graph, op: OpOf<"recurrentForward" | "recurrentBackward">): number =>
  productSizes(op, tensorOf(graph, op.outputs[0]).cols).k + (isGated(op) ? gatedStarts(op) : 1);

/**
 * "|error| ≤ 785·2⁻²⁴·Σ|terms|": what rounding in float32 may do to a sum, to first order and for exact inputs; null for an op that adds
 * nothing up. The bound in full, with what WGSL allows exp, log, division and sqrt, is that of src/reference/bounds.ts.
 */
export function roundingText(graph: Graph, op: Op, batch: number): string | null {
  const rows = (name: string) => rowsOf(tensorOf(graph, name), batch),
    { cols } = tensorOf(graph, op.inputs[0]);
  switch (op.type) {
    case "product": {
      const terms = op.form === "leftTransposed" ? rows(op.inputs[0]) : cols;
      return sumBound(productRoundings(op.form, terms, op.inputs.length > 2));
    }
    case "rowSum":
    case "embeddingGradient":
    case "moment":
      return sumBound(roundingsOf(rows(op.inputs[0])));
    case "recurrentForward":
    case "recurrentBackward":
      return sumBound(recurrentRoundings(graph, op), "|error of the sum at each t|");
    default:
      return null;
  }
}

/** "(64, 128)"; the rows of a sequence as "64·20", 20 time steps of each of 64 examples; those of a data set are its own. */
export function shapeText(graph: Graph, name: string, batch: number): string {
  const tensor = tensorOf(graph, name),
    { rows, cols, role } = tensor,
    steps = timestepsOf(tensor);
  if (role === "data") return name === "order" ? "(rows)" : `(rows, ${cols})`;
  return `(${rows === "batch" ? (steps > 1 ? `${batch}·${steps}` : batch) : rows}, ${cols})`;
}
