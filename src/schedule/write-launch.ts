// From the parts of a stage to a launch: one kernel, what it binds, its grid.

import { ENABLE_HALF, HALF_FUNCTIONS, launchKernel } from "../../shaders/kernel.wgsl.ts";
import { NORMS, SQUARES } from "../../shaders/norm-memory.ts";
import { QUAD_BROADCAST } from "../../shaders/product.wgsl.ts";
import { UnsupportedError } from "../errors.ts";
import type { Graph } from "../graph/types.ts";
import { BufferAccess } from "./access.ts";
import { sharedFunctions } from "./elementwise.ts";
import { behind, type Elsewhere, type Group } from "./groups.ts";
import { flatGrid, MAX_WORKGROUPS, type Launch } from "./launch.ts";
import { writePart } from "./parts.ts";
import type { PlanFormulas } from "./norm-writer.ts";
import type { Norms } from "./norms.ts";
import type { Places } from "./places.ts";
import type { SequenceWriter } from "./sequence-writer.ts";
import type { Stage } from "./stages.ts";
import type { View } from "./views.ts";
import { lanesOf, type Adapter } from "./tiles.ts";
import type { Choices } from "./tuning.ts";

export interface LaunchContext {
  readonly graph: Graph;
  readonly batch: number;
  readonly groups: readonly Group[];
  readonly places: Places;
  /** Tensors that are read from where others lie. */
  readonly views: ReadonlyMap<string, View>;
  /** Tensors that are in no memory. */
  readonly elsewhere: Elsewhere;
  readonly norms: Norms | null;
  readonly adapter: Adapter;
  readonly choices: Choices;
  readonly formulas: PlanFormulas;
  /** Writes the ops of sequences, if there are any. */
  readonly sequences?: SequenceWriter;
}

/** @throws UnsupportedError if it needs more workgroups than WebGPU has */
export function writeLaunch(context: LaunchContext, stage: Stage): Launch {
  const { graph, batch, groups, places, views, elsewhere, norms, adapter, choices, formulas, sequences } = context,
    lanes = lanesOf(adapter);
  const access = new BufferAccess(graph, batch, places, views, formulas, sequences);
  const members = new Set(stage.flatMap((part) => part.groups.flatMap(({ ops }) => ops)));
  const read = behind(
    [...members].flatMap(({ inputs }) => inputs),
    elsewhere,
  );
  const ops = graph.ops.filter((op) => members.has(op) || (elsewhere.has(op.outputs[0]) && read.has(op.outputs[0])));
  const limits = { ...adapter, lanes },
    { maxWorkgroups = MAX_WORKGROUPS } = adapter;
  const parts = stage.map((part, i) => writePart({ graph, batch, groups, access, elsewhere, norms, limits, choices }, part, `p${i}`));
  const kernels = [...new Set(parts.flatMap((part) => part.kernels))];
  const label = [...new Set(ops.filter((op) => members.has(op)).flatMap(({ outputs }) => outputs))].join(" ");
  const grid = flatGrid(
    parts.reduce((sum, { workgroups }) => sum + workgroups, 0),
    maxWorkgroups,
  );
  if (grid[1] > maxWorkgroups) {
    throw new UnsupportedError(
      `plan: ${label} needs ${grid[1]} × ${grid[0]} workgroups but WebGPU allows ${maxWorkgroups} in ` +
        "each dimension. Use fewer units or a smaller batchSize.",
    );
  }
  // Written last: while their text is written, parts bind what they touch.
  const bindings = access.bindings(),
    hasHalf = bindings.some(({ type }) => type === "f16");
  const hasNorms = bindings.some(({ memory }) => memory === NORMS);
  const shared =
    sharedFunctions(ops, formulas, hasNorms) + (hasHalf ? HALF_FUNCTIONS : "") + access.functions() + (hasNorms ? SQUARES : "");
  const enabled = (hasHalf ? ENABLE_HALF : "") + (parts.some(({ broadcasts }) => broadcasts) ? QUAD_BROADCAST : "");
  return {
    kernel: kernels.join("+"),
    label,
    ops,
    source: enabled + launchKernel(lanes, bindings, shared, parts),
    bindings,
    touches: access.touches(),
    grid,
    flops: parts.reduce((sum, { flops }) => sum + flops, 0),
    table: "uniform",
    products: parts.flatMap(({ product }) => product ?? []),
  };
}
