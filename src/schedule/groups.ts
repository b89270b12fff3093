// Which ops of a graph share one kernel. Pure: a graph in, groups of its ops out, in an order that can be executed.
//
// Fused:    a product or a row sum takes along the elementwise ops that follow it (bias and σ; ⊙σ′ of BP2; the update);
//           what is done row by row around the loss becomes one kernel; rows are gathered where they are read.
// Unfused:  every op by itself: the vocabulary of kernels, and what fused ones are checked against.

import { timestepsOf, tensorOf, type Graph, type Op } from "../graph/types.ts";
import { scheduleOf, type Anchor } from "./ops.ts";
import { isView } from "./views.ts";

export interface Group {
  readonly anchor: Anchor;
  readonly ops: readonly Op[];
}

function sameShape(graph: Graph, a: string, b: string): boolean {
  const s = tensorOf(graph, a),
    t = tensorOf(graph, b);
  return s.rows === t.rows && timestepsOf(s) === timestepsOf(t) && s.cols === t.cols;
}

/** Whether `op` may join the group that is being made. */
function joins(graph: Graph, group: Group, op: Op): boolean {
  const { anchor: next, fused = next, first: isFirst } = scheduleOf(op.type);
  // A view that is stored is copied by itself.
  if (isFirst || isView(group.ops[0])) return false;
  const first = tensorOf(graph, group.ops[0].outputs[0]);
  const ofOneRow = (name: string) => tensorOf(graph, name).rows === "batch" && timestepsOf(tensorOf(graph, name)) === timestepsOf(first);
  switch (group.anchor) {
    case "gather":
    case "recurrent":
    case "reduce":
      return false;
    case "product":
    case "rowSum":
    case "elementwise":
      return fused === "elementwise" && sameShape(graph, op.outputs[0], group.ops[group.ops.length - 1].outputs[0]);
    case "rowWise":
      return (next === "rowWise" && op.outputs.every(ofOneRow)) || (next === "elementwise" && op.outputs.every(ofOneRow));
  }
}

/**
 * Every op in a group of its own, or together with those before it as far as they fit one kernel.
 * @param elsewhere tensors that no kernel makes: their readers do
 */
export function groupSteps(graph: Graph, fuse: boolean, elsewhere: Elsewhere): Group[] {
  const groups: Group[] = [];
  for (const op of graph.ops) {
    if (elsewhere.has(op.outputs[0])) continue;
    const group = groups[groups.length - 1];
    if (fuse && group !== undefined && joins(graph, group, op)) {
      groups[groups.length - 1] = { anchor: group.anchor, ops: [...group.ops, op] };
    } else {
      const { anchor, fused = anchor } = scheduleOf(op.type);
      groups.push({ anchor: fuse ? fused : anchor, ops: [op] });
    }
  }
  return groups;
}

/** The tensors of a group that must be in memory: all but intermediates that only the group itself reads. */
export function storedOutputs(graph: Graph, group: Group, groups: readonly Group[], views: Elsewhere): Set<string> {
  const readElsewhere = new Set(
    groups
      .filter((g) => g !== group)
      .flatMap((g) => [
        ...behind(
          g.ops.flatMap((s) => s.inputs),
          views,
        ),
      ]),
  );
  // Row by row ops hand tensors on through memory.
  const throughMemory = group.anchor === "rowWise" || group.ops.length === 1;
  const outputs = group.ops.flatMap((op) => op.outputs);
  return new Set(outputs.filter((name) => throughMemory || tensorOf(graph, name).role !== "intermediate" || readElsewhere.has(name)));
}

/** Tensors that are in no memory, by the ops that make them. */
export type Elsewhere = ReadonlyMap<string, Op>;

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
export function operandsOf({ ops }: Group): { reads: Set<string>; writes: Set<string> } {
  const reads = new Set<string>(),
    writes = new Set<string>();
  for (const { inputs, outputs } of ops) {
    inputs.filter((name) => !writes.has(name)).forEach((name) => reads.add(name));
    outputs.forEach((name) => writes.add(name));
  }
  return { reads, writes };
}
