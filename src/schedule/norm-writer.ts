// Norms that gradients are clipped by, where they have no launch of their own. norms.ts writes them: a page loads it for networks
// that are clipped so.

import { formulaOf } from "../../shaders/kernel.wgsl.ts";
import type { Graph, OpOf } from "../graph/types.ts";
import type { Formulas } from "./formulas.ts";
import type { ClipFactors, Norms } from "./norms.ts";

export interface NormWriter {
  readonly write: (factors: ClipFactors) => Norms;
  /** The functions at module scope that norms are added up with. */
  readonly functions: string;
}

/** All that a plan writes kernels from. */
export interface PlanFormulas extends Formulas {
  readonly norms?: NormWriter;
}

/** What writes the norms of a graph, if it has any. */
export function normsOf(graph: Graph, { norms }: PlanFormulas): Norms | null {
  const ops = graph.ops.filter((op): op is OpOf<"clipFactor"> => op.type === "clipFactor");
  return ops.length > 0 ? formulaOf({ norms }, "norms").write(new Map(ops.map((op) => [op.outputs[0], op]))) : null;
}
