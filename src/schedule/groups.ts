// Which steps of a graph share one launch. Pure: a graph in, groups of its steps out, in an order that can be executed.
//
// Fused:    a product or a row sum takes along the elementwise steps that follow it (bias and σ; ⊙σ′ of BP2; the update);
//           what is done row by row around the loss becomes one launch; so do the gathers, and the sums of the summary.
// Unfused:  every step by itself: the vocabulary of kernels, and what fused ones are checked against.

import { tensorOf, type Graph, type Op, type Step } from "../graph/types.ts";

/** The kind of kernel that a group becomes. */
export type Anchor = "gather" | "product" | "rowSum" | "elementwise" | "rowWise" | "reduce";

export interface Group {
  readonly anchor: Anchor;
  readonly steps: readonly Step[];
  /** Only these inputs, from and to, of a reduction with more inputs than a launch can bind; its sum goes on in the next. */
  readonly slice?: readonly [number, number];
}

const ANCHOR_OF: Record<Op, Anchor> = {
  gather: "gather", product: "product", rowSum: "rowSum",
  activation: "elementwise", activationDerivative: "elementwise", hadamard: "elementwise", dropout: "elementwise",
  penaltyGradient: "elementwise", clipValue: "elementwise", scale: "elementwise", update: "elementwise",
  lossGradient: "elementwise",
  softmax: "rowWise", softmaxPullback: "rowWise", lossRows: "rowWise", metricRows: "rowWise",
  penalty: "reduce", clipFactor: "reduce", summarize: "reduce",
};

/** Steps that work on one number at a time and so can follow any kernel that makes numbers of their shape. */
const anchorOf = (step: Step): Anchor => ANCHOR_OF[step.op];

function sameShape(graph: Graph, a: string, b: string): boolean {
  const s = tensorOf(graph, a), t = tensorOf(graph, b);
  return s.rows === t.rows && s.cols === t.cols;
}

/** Whether `step` may join the group that is being made. */
function joins(graph: Graph, group: Group, step: Step): boolean {
  const next = anchorOf(step);
  const ofOneRow = (name: string) => tensorOf(graph, name).rows === "batch";
  switch (group.anchor) {
    case "gather": return next === "gather";
    case "product":
    case "rowSum":
    case "elementwise":
      return next === "elementwise" && step.op !== "lossGradient" &&
        sameShape(graph, step.outputs[0], group.steps[group.steps.length - 1].outputs[0]);
    case "rowWise":
      return next === "rowWise" || (next === "elementwise" && step.outputs.every(ofOneRow));
    // A norm is needed by the very next step, a summary by none: only summaries wait for one another.
    case "reduce": return (step.op === "penalty" || step.op === "summarize") && group.steps[0].op !== "clipFactor";
  }
}

/** Buffers that a launch of these steps binds at the most. */
function bindings(steps: readonly Step[]): number {
  return new Set(steps.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])).size;
}

/** A reduction over more tensors than can be bound, cut into launches that add up in the same place. */
function slices(step: Step, maxBuffers: number): Group[] {
  const size = maxBuffers - step.outputs.length;
  return Array.from({ length: Math.ceil(step.inputs.length / size) }, (_, i) => ({
    anchor: "reduce", steps: [step], slice: [i * size, Math.min((i + 1) * size, step.inputs.length)],
  }));
}

/**
 * @param maxBuffers storage buffers that one launch may bind
 */
export function groupSteps(graph: Graph, fuse: boolean, maxBuffers: number): Group[] {
  const groups: Group[] = [];
  for (const step of graph.steps) {
    const group = groups[groups.length - 1];
    if (fuse && group !== undefined && group.slice === undefined && joins(graph, group, step) && bindings([...group.steps, step]) <= maxBuffers) {
      groups[groups.length - 1] = { anchor: group.anchor, steps: [...group.steps, step] };
    } else if (anchorOf(step) === "reduce" && bindings([step]) > maxBuffers) {
      groups.push(...slices(step, maxBuffers));
    } else {
      // δᴸ of a loss is taken row by row in a fused plan, so that softmax, loss and δᴸ share one launch.
      const anchor = fuse && step.op === "lossGradient" ? "rowWise" : anchorOf(step);
      groups.push({ anchor, steps: [step] });
    }
  }
  return groups;
}

/** The tensors of a group that must be in memory: all but intermediates that only the group itself reads. */
export function storedOutputs(graph: Graph, group: Group, groups: readonly Group[]): Set<string> {
  const readElsewhere = new Set(groups.filter((g) => g !== group).flatMap((g) => g.steps.flatMap((s) => s.inputs)));
  // Row by row, and in reductions, steps hand tensors on through memory.
  const throughMemory = group.anchor === "rowWise" || group.anchor === "gather" || group.steps.length === 1;
  const outputs = group.steps.flatMap((step) => step.outputs);
  return new Set(outputs.filter((name) =>
    throughMemory || tensorOf(graph, name).role !== "intermediate" || readElsewhere.has(name)));
}
