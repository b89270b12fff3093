// Norms that gradients are clipped by, where they have no launch of their own. norms.ts writes them: a page loads it for networks
// that are clipped so.

import { formulaOf } from "../../shaders/kernel.wgsl.ts";
import type { Graph, StepOf } from "../graph/types.ts";
import type { ClipFactors, Norms } from "./norms.ts";

/** Has its entry once uncommon.ts was loaded. */
export const NORM_WRITERS: Partial<Record<"norms", { readonly write: (factors: ClipFactors) => Norms; readonly functions: string }>> = {};

/** The functions at module scope that norms are added up with. */
export const normFunctions = (): string => formulaOf(NORM_WRITERS, "norms").functions;

/** What writes the norms of a graph, if it has any. */
export function normsOf(graph: Graph): Norms | null {
  const steps = graph.steps.filter((step): step is StepOf<"clipFactor"> => step.op === "clipFactor");
  return steps.length > 0 ? formulaOf(NORM_WRITERS, "norms").write(new Map(steps.map((step) => [step.outputs[0], step]))) : null;
}
