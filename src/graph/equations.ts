// The steps of a graph as the textbook writes them: which of BP1 to BP4 each belongs to, its formula with the names of its tensors, and how
// far float32 may take it from the formula. For people: reports, logs, the command `npm run kernels`. Nothing is computed from it.
//
// Notation (types.ts): BP1 δᴸ = ∇ₐC ⊙ σ′(zᴸ), BP2 δˡ = (δˡ⁺¹·(Wˡ⁺¹)ᵀ) ⊙ σ′(zˡ), BP3 ∂C/∂b = Σ_rows δ, BP4 ∂C/∂W = a_prevᵀ·δ.

import { derivativeSource } from "../model/activations.ts";
import { matchingActivation } from "../model/losses.ts";
import { productRoundings, roundingsOf } from "./long-sums.ts";
import { rowsOf, stepsOf, tensorOf, type Graph, type Op, type Step, type StepOf } from "./types.ts";

/** What a tensor is for. z = a·W + b; BP1 to BP4 are Nielsen's, with the pieces that they are put together from. */
export type Equation = "data" | "z" | "a" | "loss" | "BP1" | "BP2" | "BP3" | "BP4" | "update";

/** The equation of each operation; null where that depends on what stands before it in the graph. */
const EQUATIONS: Readonly<Record<Op, Equation | null>> = {
  gather: "data", product: null, pickRows: "z", activation: "a", softmax: "a", recurrentForward: "a", lastStep: "a", carry: "a", dropout: null,
  lossRows: "loss", metricRows: "loss", penalty: "loss", summarize: "loss", countSteps: "loss", maskRows: null,
  lossGradient: "BP1", activationDerivative: null, hadamard: null, softmaxPullback: null, lastStepGradient: null, recurrentBackward: null,
  rowSum: "BP3", pickRowsGradient: "BP4", previousStep: "BP4", penaltyGradient: null, accumulate: null,
  clipValue: "update", clipFactor: "update", scale: "update", update: "update",
};

/** The gradient of a penalty, and a sum over chunks, belong to what they are added to: ∂C/∂b or ∂C/∂W. */
const gradientEquation = ({ outputs: [name] }: Step): Equation => (/(^|_)b\d+$/.test(name) ? "BP3" : "BP4");

function productEquation({ form }: StepOf<"product">): Equation {
  switch (form) {
    case "normal": return "z";
    case "rightTransposed": return "BP2";
    case "leftTransposed": return "BP4";
  }
}

/** The equation of each step: σ′ and ⊙ belong to BP1 until δ goes through the first weights, and to BP2 from there on. */
export function equationsOf({ steps }: Graph): ReadonlyMap<Step, Equation> {
  let back: "BP1" | "BP2" | null = null;
  return new Map(steps.map((step): [Step, Equation] => {
    if (step.op === "lossGradient") back = "BP1";
    if (step.op === "product") {
      const equation = productEquation(step);
      if (equation === "BP2") back = "BP2";
      return [step, equation];
    }
    if (step.op === "penaltyGradient" || step.op === "accumulate") return [step, gradientEquation(step)];
    return [step, EQUATIONS[step.op] ?? back ?? (step.op === "dropout" ? "a" : "loss")];
  }));
}

/** The derivative of σ at a value: σ′ is taken from z, or from a where that is enough. */
const slope = ({ activation, inputs: [of] }: StepOf<"activationDerivative">): string =>
  `${activation}′(${derivativeSource(activation) === "a" ? `z) from ${of}` : `${of})`}`;

function productFormula({ form, inputs: [left, right, bias] }: StepOf<"product">): string {
  switch (form) {
    case "normal": return `${left}·${right}${bias ? ` + ${bias}` : ""}`;
    case "rightTransposed": return `${left}·${right}ᵀ`;
    case "leftTransposed": return `${left}ᵀ·${right}`;
  }
}

const penaltyTerms = (l1: number, l2: number, one: string, two: string): string =>
  [...(l1 > 0 ? [`${l1}·${one}`] : []), ...(l2 > 0 ? [`${l2}·${two}`] : [])].join(" + ");

function costFormula(step: StepOf<"lossGradient" | "summarize">): string {
  const [first, second] = step.inputs;
  if (step.op === "lossGradient") {
    const matching = matchingActivation(step.loss);
    return matching ? `(${first} − ${second}) / ${matching === "softmax" ? "B" : "(B·units)"}, δᴸ of ${step.loss.name}`
      : `∇ₐC / B, C = ${step.loss.name}(${first}, ${second})`;
  }
  return `means over the rows: ${step.inputs.slice(0, 1 + step.metrics).join(", ")}` +
    (step.inputs.length > 1 + step.metrics ? `; with ${step.inputs.slice(1 + step.metrics).join(", ")}` : "");
}

/** The right-hand side of a step's formula. */
function rightSide(step: Step): string {
  const [first, second, third] = step.inputs;
  switch (step.op) {
    case "gather": return `${first}[${second}[i]]${step.scale === 1 ? "" : ` · ${Number(step.scale.toPrecision(6))}`}, ${step.source}`;
    case "product": return productFormula(step);
    case "pickRows": return `row ${first}[i] of ${second}${third ? ` + ${third}` : ""}`;
    case "pickRowsGradient": return `onehot(${first})ᵀ·${second}`;
    case "rowSum": return `Σ_rows ${first}`;
    case "activation": return `${step.activation}(${first})`;
    case "activationDerivative": return slope(step);
    case "hadamard": return `${first} ⊙ ${second}`;
    case "softmax": return `softmax(${first})`;
    case "softmaxPullback": return `${first} ⊙ (${second} − Σ_row ${second}⊙${first})`;
    case "dropout": return `${first} ⊙ mask / ${Number((1 - step.rate).toPrecision(6))}, mask 0 with probability ${step.rate}`;
    case "lossRows": return `${step.loss.name}(${first}, ${second})`;
    case "lossGradient": case "summarize": return costFormula(step);
    case "metricRows": return `${step.metric}(${first}, ${second})`;
    case "penalty": return penaltyTerms(step.l1, step.l2, `Σ|${first}|`, `Σ${first}²`);
    case "penaltyGradient": return `${first} + ${penaltyTerms(step.l1, 2 * step.l2, `sign(${second})`, second)}`;
    case "clipValue": return `clamp(${first}, ±${step.limit})`;
    case "clipFactor": return `min(1, ${step.limit} / ‖${step.inputs.join(", ")}‖₂)`;
    case "scale": return `${first}·${second}`;
    case "update": return `${step.optimizer.name}(${step.inputs.join(", ")})`;
    case "accumulate": return `${second} + ${first}`;
    case "recurrentForward": return `${step.activation}(${first}(t) + ${step.outputs[0]}(t−1)·${second}), t ascending`;
    case "recurrentBackward": return `(${first}(t) + ${step.outputs[0]}(t+1)·${third}ᵀ) ⊙ ${step.activation}′(${second}(t)), t descending`;
    case "previousStep": return `${first}(t−1)`;
    case "lastStep": return `${first}(T−1)`;
    case "lastStepGradient": return `${first} at t = T−1, else 0`;
    case "carry": return `${first}(T−1), for the next mini-batch`;
    case "countSteps": return `Σ ${first}`;
    case "maskRows": return `${first}·B·T / ${third}, 0 at padding (t ≥ ${second})`;
  }
}

/** "delta1 = grad_a1 ⊙ slope_z1": a step with the names of its tensors. */
export const formulaOf = (step: Step): string => `${step.outputs.join(", ")} ${step.op === "update" ? "←" : "="} ${rightSide(step)}`;

const UNIT_TEXT = "2⁻²⁴";
const sumBound = (roundings: number, of = "|error|"): string => `${of} ≤ ${roundings}·${UNIT_TEXT}·Σ|terms|`;

/**
 * "|error| ≤ 785·2⁻²⁴·Σ|terms|": what rounding in float32 may do to a sum, to first order and for exact inputs; null for a step that adds
 * nothing up. The bound in full, with what WGSL allows exp, log, division and sqrt, is that of src/reference/bounds.ts.
 */
export function roundingText(graph: Graph, step: Step, batch: number): string | null {
  const rows = (name: string) => rowsOf(tensorOf(graph, name), batch), { cols } = tensorOf(graph, step.inputs[0]);
  switch (step.op) {
    case "product": {
      const terms = step.form === "leftTransposed" ? rows(step.inputs[0]) : cols;
      return sumBound(productRoundings(step.form, terms, step.inputs.length > 2));
    }
    case "rowSum": case "pickRowsGradient": return sumBound(roundingsOf(rows(step.inputs[0])));
    case "recurrentForward": case "recurrentBackward": return sumBound(cols + 1, "|error of the sum at each t|");
    default: return null;
  }
}

/** "(64, 128)"; the rows of a sequence as "64·20", 20 time steps of each of 64 examples; those of a data set are its own. */
export function shapeText(graph: Graph, name: string, batch: number): string {
  const tensor = tensorOf(graph, name), { rows, cols, role } = tensor, steps = stepsOf(tensor);
  if (role === "data") return name === "order" ? "(rows)" : `(rows, ${cols})`;
  return `(${rows === "batch" ? (steps > 1 ? `${batch}·${steps}` : batch) : rows}, ${cols})`;
}
