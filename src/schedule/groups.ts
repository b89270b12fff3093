// Which steps of a graph share one kernel. Pure: a graph in, groups of its steps out, in an order that can be executed.
//
// Fused:    a product or a row sum takes along the elementwise steps that follow it (bias and σ; ⊙σ′ of BP2; the update);
//           what is done row by row around the loss becomes one kernel; rows are gathered where they are read.
// Unfused:  every step by itself: the vocabulary of kernels, and what fused ones are checked against.

import { stepsOf, tensorOf, type Graph, type Step } from "../graph/types.ts";
import { SCHEDULE, type Anchor } from "./ops.ts";
import { isView } from "./views.ts";

export interface Group {
  readonly anchor: Anchor;
  readonly steps: readonly Step[];
}

function sameShape(graph: Graph, a: string, b: string): boolean {
  const s = tensorOf(graph, a), t = tensorOf(graph, b);
  return s.rows === t.rows && stepsOf(s) === stepsOf(t) && s.cols === t.cols;
}

/** Whether `step` may join the group that is being made. */
function joins(graph: Graph, group: Group, step: Step): boolean {
  const { anchor: next, fused = next, first: isFirst } = SCHEDULE[step.op];
  // A view that is stored is copied by itself.
  if (isFirst || isView(group.steps[0])) return false;
  const first = tensorOf(graph, group.steps[0].outputs[0]);
  const ofOneRow = (name: string) => tensorOf(graph, name).rows === "batch" && stepsOf(tensorOf(graph, name)) === stepsOf(first);
  switch (group.anchor) {
    case "gather":
    case "recurrent":
    case "reduce": return false;
    case "product":
    case "rowSum":
    case "elementwise":
      return fused === "elementwise" &&
        sameShape(graph, step.outputs[0], group.steps[group.steps.length - 1].outputs[0]);
    case "rowWise":
      return (next === "rowWise" && step.outputs.every(ofOneRow)) || (next === "elementwise" && step.outputs.every(ofOneRow));
  }
}

/**
 * Every step in a group of its own, or together with those before it as far as they fit one kernel.
 * @param elsewhere tensors that no kernel makes: their readers do
 */
export function groupSteps(graph: Graph, fuse: boolean, elsewhere: Elsewhere): Group[] {
  const groups: Group[] = [];
  for (const step of graph.steps) {
    if (elsewhere.has(step.outputs[0])) continue;
    const group = groups[groups.length - 1];
    if (fuse && group !== undefined && joins(graph, group, step)) {
      groups[groups.length - 1] = { anchor: group.anchor, steps: [...group.steps, step] };
    } else {
      const { anchor, fused = anchor } = SCHEDULE[step.op];
      groups.push({ anchor: fuse ? fused : anchor, steps: [step] });
    }
  }
  return groups;
}

/** The tensors of a group that must be in memory: all but intermediates that only the group itself reads. */
export function storedOutputs(graph: Graph, group: Group, groups: readonly Group[], views: Elsewhere): Set<string> {
  const readElsewhere = new Set(groups.filter((g) => g !== group).flatMap((g) => [...behind(g.steps.flatMap((s) => s.inputs), views)]));
  // Row by row steps hand tensors on through memory.
  const throughMemory = group.anchor === "rowWise" || group.steps.length === 1;
  const outputs = group.steps.flatMap((step) => step.outputs);
  return new Set(outputs.filter((name) =>
    throughMemory || tensorOf(graph, name).role !== "intermediate" || readElsewhere.has(name)));
}

/** Tensors that are in no memory, by the steps that make them. */
export type Elsewhere = ReadonlyMap<string, Step>;

/** These tensors, and for those that are in no memory what they are read from. */
export function behind(tensors: Iterable<string>, elsewhere: Elsewhere): Set<string> {
  const found = new Set<string>();
  const add = (name: string) => {
    found.add(name);
    elsewhere.get(name)?.inputs.forEach(add);
  };
  for (const name of tensors) add(name);
  return found;
}

/** What a group reads that it has not made itself, and what it makes. */
export function operandsOf({ steps }: Group): { reads: Set<string>; writes: Set<string> } {
  const reads = new Set<string>(), writes = new Set<string>();
  for (const { inputs, outputs } of steps) {
    inputs.filter((name) => !writes.has(name)).forEach((name) => reads.add(name));
    outputs.forEach((name) => writes.add(name));
  }
  return { reads, writes };
}
