// Norms that gradients are clipped by, where they have no launch of their own. norms.ts writes them: a page loads it for networks
// that are clipped so.

import { formulaOf } from "../../shaders/kernel.wgsl.ts";
import type { Graph, StepOf } from "../graph/types.ts";
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
  const steps = graph.steps.filter((step): step is StepOf<"clipFactor"> => step.op === "clipFactor");
  return steps.length > 0 ? formulaOf({ norms }, "norms").write(new Map(steps.map((step) => [step.outputs[0], step]))) : null;
}
