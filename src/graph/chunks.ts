// A training step cut in two, for a mini-batch that is computed a chunk of its rows at a time:
//   accumulate   forward, loss, δ and ∂C/∂θ of a chunk; Σ_θ += ∂C/∂θ, where the first chunk overwrites what was there
//   apply        once a mini-batch: the penalties and their gradients, clipping and update, all from Σ_θ
// The batch mean 1/B of the whole mini-batch enters with the loss' gradient of each chunk (StepScalars.whole), so that the sums
// are the gradients of the whole; dropout masks are those of the whole. What differs is the order of the sums over rows.

import { OPS } from "./ops.ts";
import { tensorOf, type Graph, type Step, type Tensor } from "./types.ts";

export interface CutGraph {
  readonly accumulate: Graph;
  /** Its step has one row; it leaves the penalties, which the losses of the chunks are without. */
  readonly apply: Graph;
  /** The tensors of the sums: one for each weight, of its shape. */
  readonly sums: readonly Tensor[];
  /** What is read and never made: a 0 that `apply` leaves where nothing is penalized. */
  readonly zeros: readonly Tensor[];
}

/** Whether rows of a mini-batch can be computed apart from the others; those of an evaluation with padding can. */
export const canCut = ({ purpose, tensors, steps }: Graph): boolean =>
  ![...tensors.values()].some(({ role }) => role === "carried") && !(purpose === "train" && steps.some(({ op }) => op === "maskRows"));

const part = (graph: Graph, purpose: Graph["purpose"], steps: readonly Step[], more: readonly Tensor[]): Graph => {
  const all = new Map([...graph.tensors, ...more.map((tensor) => [tensor.name, tensor] as const)]);
  const used = new Set(steps.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));
  return Object.freeze({ ...graph, purpose, steps, tensors: new Map([...all].filter(([name]) => used.has(name))) });
};

/** @param graph of a training step that canCut() */
export function cutGraph(graph: Graph): CutGraph {
  const applied = graph.steps.filter(({ op }) => OPS[op].perMiniBatch);
  const madeBy = new Map(applied.filter(({ op }) => op !== "update").map((step) => [step.outputs[0], step]));
  /** The sum of each gradient, which is what penalties and clipping start from. */
  const sumOf = new Map<string, Tensor>();
  for (const { op, inputs: [weight, taken] } of applied) {
    if (op !== "update") continue;
    let gradient = taken;
    for (let step = madeBy.get(gradient); step; step = madeBy.get(gradient)) gradient = step.inputs[0];
    const { rows, cols } = tensorOf(graph, weight);
    sumOf.set(gradient, { name: `chunk_sum_${weight}`, role: "state", rows, cols });
  }
  const sums = [...sumOf.values()], isPenalty = new Set(applied.filter(({ op }) => op === "penalty").flatMap(({ outputs }) => outputs));
  const accumulated = graph.steps.filter(({ op }) => !OPS[op].perMiniBatch).flatMap((step): Step[] => {
    const sum = sumOf.get(step.outputs[0]);
    if (sum) return [step, { op: "accumulate", inputs: [step.outputs[0], sum.name], outputs: [sum.name] }];
    if (step.op === "dropout") return [{ ...step, chunked: true }];
    return [step.op === "summarize" ? { ...step, inputs: step.inputs.filter((name) => !isPenalty.has(name)) } : step];
  });
  return { accumulate: part(graph, "accumulate", accumulated, sums), ...applyGraph(graph, applied, sumOf, sums), sums };
}

function applyGraph(
  graph: Graph, applied: readonly Step[], sumOf: ReadonlyMap<string, Tensor>, sums: readonly Tensor[],
): Pick<CutGraph, "apply" | "zeros"> {
  const one = (name: string, role: Tensor["role"]): Tensor => ({ name, role, rows: 1, cols: 1 });
  const penalties = applied.filter(({ op }) => op === "penalty"), zeros = penalties.length === 0 ? [one("chunk_sum_none", "state")] : [];
  const rest = applied.filter(({ op }) => op !== "penalty")
    .map((step): Step => ({ ...step, inputs: step.inputs.map((name) => sumOf.get(name)?.name ?? name) }));
  const summary: Step = { op: "summarize", metrics: 0, inputs: [...penalties.flatMap(({ outputs }) => outputs), ...zeros.map(({ name }) => name)],
    outputs: ["results"] };
  return { apply: part(graph, "apply", [...penalties, summary, ...rest], [...sums, ...zeros, one("results", "result")]), zeros };
}
