// A training step cut in two, for a mini-batch that is computed a chunk of its rows at a time:
//   accumulate   forward, loss, δ and ∂C/∂θ of a chunk; Σ_θ += ∂C/∂θ, where the first chunk overwrites what was there
//   apply        once a mini-batch: the penalties and their gradients, clipping and update, all from Σ_θ
// The batch mean 1/B of the whole mini-batch enters with the loss' gradient of each chunk (StepScalars.whole), so that the sums
// are the gradients of the whole; dropout masks are those of the whole. What differs is the order of the sums over rows.

import { OPS } from "./ops.ts";
import { tensorOf, type Graph, type Op, type Tensor } from "./types.ts";

export interface CutGraph {
  readonly accumulate: Graph;
  /** Its step has one row; it leaves the penalties, which the losses of the chunks are without. */
  readonly apply: Graph;
  /** The tensors of the sums: one for each weight, of its shape. */
  readonly sums: readonly Tensor[];
  /** What is read and never made: a 0 that `apply` leaves where nothing is penalized. */
  readonly zeros: readonly Tensor[];
}

/**
 * Whether rows of a mini-batch can be computed apart from the others; those of an evaluation with padding can. Statistics of a mini-batch
 * are of all its rows.
 */
export const canCut = ({ purpose, tensors, ops }: Graph): boolean =>
  ![...tensors.values()].some(({ role }) => role === "carried") &&
  !(purpose === "train" && ops.some(({ type }) => type === "maskRows" || type === "moment"));

const part = (graph: Graph, purpose: Graph["purpose"], ops: readonly Op[], more: readonly Tensor[]): Graph => {
  const all = new Map([...graph.tensors, ...more.map((tensor) => [tensor.name, tensor] as const)]);
  const used = new Set(ops.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));
  return Object.freeze({ ...graph, purpose, ops, tensors: new Map([...all].filter(([name]) => used.has(name))) });
};

/** @param graph of a training step that canCut() */
export function cutGraph(graph: Graph): CutGraph {
  const applied = graph.ops.filter(({ type }) => OPS[type]?.perMiniBatch);
  const madeBy = new Map(applied.filter(({ type }) => type !== "update").map((op) => [op.outputs[0], op]));
  /** The sum of each gradient, which is what penalties and clipping start from. */
  const sumOf = new Map<string, Tensor>();
  for (const {
    type,
    inputs: [weight, taken],
  } of applied) {
    if (type !== "update") continue;
    let gradient = taken;
    for (let op = madeBy.get(gradient); op; op = madeBy.get(gradient)) gradient = op.inputs[0];
    const { rows, cols } = tensorOf(graph, weight);
    sumOf.set(gradient, { name: `chunk_sum_${weight}`, role: "state", rows, cols });
  }
  const sums = [...sumOf.values()],
    isPenalty = new Set(applied.filter(({ type }) => type === "penalty").flatMap(({ outputs }) => outputs));
  const accumulated = graph.ops
    .filter(({ type }) => !OPS[type]?.perMiniBatch)
    .flatMap((op): Op[] => {
      const sum = sumOf.get(op.outputs[0]);
      if (sum) return [op, { type: "accumulate", inputs: [op.outputs[0], sum.name], outputs: [sum.name] }];
      if (op.type === "dropout") return [{ ...op, chunked: true }];
      return [op.type === "summarize" ? { ...op, inputs: op.inputs.filter((name) => !isPenalty.has(name)) } : op];
    });
  return { accumulate: part(graph, "accumulate", accumulated, sums), ...applyGraph(graph, applied, sumOf, sums), sums };
}

function applyGraph(
  graph: Graph,
  applied: readonly Op[],
  sumOf: ReadonlyMap<string, Tensor>,
  sums: readonly Tensor[],
): Pick<CutGraph, "apply" | "zeros"> {
  const one = (name: string, role: Tensor["role"]): Tensor => ({ name, role, rows: 1, cols: 1 });
  const penalties = applied.filter(({ type }) => type === "penalty"),
    zeros = penalties.length === 0 ? [one("chunk_sum_none", "state")] : [];
  const rest = applied
    .filter(({ type }) => type !== "penalty")
    .map((op): Op => ({ ...op, inputs: op.inputs.map((name) => sumOf.get(name)?.name ?? name) }));
  const summary: Op = {
    type: "summarize",
    metrics: 0,
    inputs: [...penalties.flatMap(({ outputs }) => outputs), ...zeros.map(({ name }) => name)],
    outputs: ["results"],
  };
  return { apply: part(graph, "apply", [...penalties, summary, ...rest], [...sums, ...zeros, one("results", "result")]), zeros };
}
