// A launch: one dispatch of one kernel, with everything that it needs named but nothing created.

import { literal, STEP_BYTES } from "../../shaders/kernel.wgsl.ts";
import { timestepsOf, type Op, type Tensor } from "../graph/types.ts";
import type { LaunchBinding, Touch } from "./access.ts";
import type { ProductSite } from "./tuning.ts";

export { STEP_BYTES };

/** Workgroups in one dimension that every device allows. */
export const MAX_WORKGROUPS = 65535;

/** More weights than this are better spread over many workgroups than kept in one (persistent.ts). */
export const MAX_PERSISTENT_WEIGHTS = 3000;

/** What runs between two barriers of all threads, on whichever engine: one launch of a GPU, one stage of a WebAssembly program. */
export interface PlannedStage {
  /** The kernels that share it: those in shaders/, or the kinds of functions that wasm/ writes. */
  readonly kernel: string;
  /** What it computes, by the names of the graph: "z1 a1". */
  readonly label: string;
  /** In the order of the graph. */
  readonly ops: readonly Op[];
  /** Tensors in memory that it reads or writes. */
  readonly touches: readonly Touch[];
  /** Multiplications and additions of its products, for reports. */
  readonly flops: number;
}

export interface Launch extends PlannedStage {
  readonly source: string;
  /** In binding order from 1; binding 0 is the step's numbers. */
  readonly bindings: readonly LaunchBinding[];
  /** Workgroups in x and y. */
  readonly grid: readonly [number, number];
  /** Its products that have the whole grid to themselves; none if left out. */
  readonly products?: readonly ProductSite[];
  /** What binding 0 is: one step's numbers, chosen by a dynamic offset; or a table of many steps that it goes through. */
  readonly table: "uniform" | "storage";
}

/** The rows of a tensor as a WGSL expression. */
export const rowsExpression = (tensor: Tensor): string =>
  tensor.rows !== "batch" ? `${tensor.rows}u` : timestepsOf(tensor) === 1 ? "step.rows" : `step.rows * ${timestepsOf(tensor)}u`;

/** One over the rows of a tensor of a mini-batch. */
export const meanOver = (tensor: Tensor): string =>
  timestepsOf(tensor) === 1 ? "step.inverse_rows" : `(step.inverse_rows * ${literal(1 / timestepsOf(tensor))})`;

/** A grid of at least so many workgroups; one dimension holds `most`. */
export function flatGrid(workgroups: number, most: number): readonly [number, number] {
  const x = Math.min(workgroups, most);
  return [x, Math.ceil(workgroups / x)];
}
