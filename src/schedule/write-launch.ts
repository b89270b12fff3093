// From the parts of a stage to a launch: one kernel, what it binds, its grid.

import { ENABLE_HALF, HALF_FUNCTIONS, launchKernel } from "../../shaders/kernel.wgsl.ts";
import { QUAD_BROADCAST } from "../../shaders/product.wgsl.ts";
import { UnsupportedError } from "../errors.ts";
import type { Graph, StepOf } from "../graph/types.ts";
import { BufferAccess } from "./access.ts";
import { sharedFunctions } from "./elementwise.ts";
import type { Group } from "./groups.ts";
import { flatGrid, MAX_WORKGROUPS, type Launch } from "./launch.ts";
import { writePart } from "./parts.ts";
import type { Places } from "./places.ts";
import type { Stage } from "./stages.ts";
import { lanesOf, type Adapter } from "./tiles.ts";

export interface LaunchContext {
  readonly graph: Graph;
  readonly batch: number;
  readonly groups: readonly Group[];
  readonly places: Places;
  /** Gather steps whose rows are read from the data set, by the tensor that they make. */
  readonly gathered: ReadonlyMap<string, StepOf<"gather">>;
  readonly adapter: Adapter;
}

/** @throws UnsupportedError if it needs more workgroups than WebGPU has */
export function writeLaunch(context: LaunchContext, stage: Stage): Launch {
  const { graph, batch, groups, places, gathered, adapter } = context, lanes = lanesOf(adapter);
  const access = new BufferAccess(graph, batch, places, gathered);
  const members = new Set(stage.flatMap((part) => part.groups.flatMap(({ steps }) => steps)));
  const steps = graph.steps.filter((step) => members.has(step));
  const limits = { ...adapter, lanes };
  const parts = stage.map((part, i) => writePart({ graph, batch, groups, access, limits }, part, `p${i}`));
  const kernels = [...new Set(parts.flatMap((part) => part.kernels))];
  const label = [...new Set(steps.flatMap(({ outputs }) => outputs))].join(" ");
  const grid = flatGrid(parts.reduce((sum, { workgroups }) => sum + workgroups, 0));
  if (grid[1] > MAX_WORKGROUPS) {
    throw new UnsupportedError(`plan: ${label} needs ${grid[1]} × ${grid[0]} workgroups but WebGPU allows ${MAX_WORKGROUPS} in ` +
      "each dimension. Use fewer units or a smaller batchSize.");
  }
  // Parts that add up over a workgroup share its memory.
  const bindings = access.bindings(), hasHalf = bindings.some(({ type }) => type === "f16");
  const shared = sharedFunctions(steps) + (hasHalf ? HALF_FUNCTIONS : "") + (kernels.includes("reduce") ? `var<workgroup> partial: array<f32, ${lanes}>;\n` : "");
  const enabled = (hasHalf ? ENABLE_HALF : "") + (parts.some(({ broadcasts }) => broadcasts) ? QUAD_BROADCAST : "");
  return {
    kernel: kernels.join("+"), label, steps, source: enabled + launchKernel(lanes, bindings, shared, parts), bindings,
    touches: access.touches(), grid, flops: parts.reduce((sum, { flops }) => sum + flops, 0), table: "uniform",
  };
}
