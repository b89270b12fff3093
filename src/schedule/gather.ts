// Reads gather steps into what shaders/gather.wgsl.ts copies.

import type { GatherSource } from "../../shaders/gather.wgsl.ts";
import { tensorOf, type Graph, type Step, type StepOf } from "../graph/types.ts";
import type { TensorAccess } from "./launch.ts";

const isGather = (step: Step): step is StepOf<"gather"> => step.op === "gather";

/** @param bind gives the shader's name for a data set */
export function gatherSources(
  graph: Graph, steps: readonly Step[], bind: (data: string) => string, access: TensorAccess,
): GatherSource[] {
  return steps.filter(isGather).map(({ inputs, outputs, source, scale }) => {
    // Bound now: the list of bindings is written before the statements.
    access.store(outputs[0], "0u");
    return {
      data: bind(inputs[0]), store: (index) => access.store(outputs[0], index), cols: tensorOf(graph, outputs[0]).cols,
      type: source, scale,
    };
  });
}
