// In how few launches a step can run. A launch is the only barrier between all workgroups that WebGPU has, so a step takes
// at least as many as the longest chain of groups that need one another's numbers from other rows. Two things shorten it:
//
// Row programs: rows of a mini-batch do not depend on one another on the way forward and back, only sums over the batch
//   mix them. So one workgroup can take some rows through several groups, with a barrier of its own between them.
// Side by side: groups that do not depend on one another share a launch, each with workgroups of its own.

import { sizeOf, timestepsOf, tensorOf, type Graph } from "../graph/types.ts";
import { behind, operandsOf, type Elsewhere, type Group } from "./groups.ts";

/** Groups that one workgroup does one after the other, for its own rows if there are several. */
export interface Part {
  readonly groups: readonly Group[];
}

/** Parts that do not depend on one another. */
export type Stage = readonly Part[];

/**
 * Products with more weights than this (128 × 128) are spread over workgroups by columns as well as by rows: in a row
 * program every workgroup would read them all.
 */
const MAX_PROGRAM_WEIGHTS = 128 * 128;
/** Where each example brings many rows, its time steps, reading them pays sooner. */
const MAX_SEQUENCE_WEIGHTS = 256 * 256;

interface PartNode extends Part {
  readonly reads: ReadonlySet<string>;
  readonly writes: ReadonlySet<string>;
}

const some = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => [...a].some((name) => b.has(name));

/** Whether `later` must see what `earlier` wrote, or must not overwrite what `earlier` reads or writes. */
const conflict = (earlier: PartNode, later: PartNode): boolean =>
  some(earlier.writes, later.reads) || some(earlier.reads, later.writes) || some(earlier.writes, later.writes);

/** Whether each row of what the group makes depends on the same row only, at a price that suits a row program. */
function isRowLocal(graph: Graph, { anchor, ops: [first] }: Group): boolean {
  if (tensorOf(graph, first.outputs[0]).rows !== "batch") return false;
  // Carried states are replaced when all that reads the old ones is done.
  if (first.type === "carry") return false;
  if (anchor === "rowWise" || anchor === "elementwise" || anchor === "recurrent") return true;
  const most = timestepsOf(tensorOf(graph, first.outputs[0])) > 1 ? MAX_SEQUENCE_WEIGHTS : MAX_PROGRAM_WEIGHTS;
  return first.type === "product" && sizeOf(tensorOf(graph, first.inputs[1]), 1) <= most;
}

function nodeOf(groups: readonly Group[], elsewhere: Elsewhere): PartNode {
  const { reads, writes } = operandsOf({ anchor: groups[0].anchor, ops: groups.flatMap(({ ops }) => ops) });
  // Who reads a view needs what it is a view of; who scales by a factor, the gradients that it is made of.
  return { groups, reads: behind(reads, elsewhere), writes };
}

/** Row-local groups joined into programs, each where its first group stood; the others by themselves. */
function programs(graph: Graph, groups: readonly Group[], elsewhere: Elsewhere): PartNode[] {
  const nodes: PartNode[] = [];
  let open = -1;
  for (const group of groups) {
    const node = nodeOf([group], elsewhere);
    if (!isRowLocal(graph, group)) nodes.push(node);
    else if (open >= 0 && !nodes.slice(open + 1).some((between) => conflict(between, node))) {
      // Nothing between the program and this group stands in the way of doing it earlier.
      nodes[open] = nodeOf([...nodes[open].groups, group], elsewhere);
    } else {
      open = nodes.push(node) - 1;
    }
  }
  return nodes;
}

/** Each part in the first launch in which all that it needs is there, and nothing that others need is lost. */
function levels(nodes: readonly PartNode[]): Stage[] {
  const levelOf: number[] = [];
  nodes.forEach((node, i) => {
    const after = nodes.slice(0, i).flatMap((earlier, e) => (conflict(earlier, node) ? [levelOf[e]] : []));
    levelOf.push(Math.max(-1, ...after) + 1);
  });
  return Array.from({ length: Math.max(...levelOf) + 1 }, (_, level) => nodes.filter((_, i) => levelOf[i] === level));
}

/**
 * @param fuse else every group is a launch of its own, in the order of the graph
 * @param elsewhere tensors that are in no memory
 */
export const stagesOf = (graph: Graph, groups: readonly Group[], fuse: boolean, elsewhere: Elsewhere): Stage[] =>
  fuse ? levels(programs(graph, groups, elsewhere)) : groups.map((group) => [{ groups: [group] }]);
