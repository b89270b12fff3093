// From a group of steps to a launch: picks the kernel, binds its operands, writes its source.

import { elementwiseKernel } from "../../shaders/elementwise.wgsl.ts";
import type { Epilogue } from "../../shaders/epilogue.wgsl.ts";
import { gatherKernel, invocationsPerRow } from "../../shaders/gather.wgsl.ts";
import { LANES } from "../../shaders/kernel.wgsl.ts";
import { productKernel } from "../../shaders/product.wgsl.ts";
import { reduceKernel } from "../../shaders/reduce.wgsl.ts";
import { rowSumKernel } from "../../shaders/row_sum.wgsl.ts";
import { rowWiseKernel } from "../../shaders/row_wise.wgsl.ts";
import { rowsOf, sizeOf, tensorOf, type Graph, type Step } from "../graph/types.ts";
import { UnsupportedError } from "../errors.ts";
import { sharedFunctions } from "./elementwise.ts";
import { gatherSources } from "./gather.ts";
import { writeEpilogue } from "./epilogue.ts";
import type { Group } from "./groups.ts";
import { BindingList, flatGrid, MAX_WORKGROUPS, rowsExpression, type Launch } from "./launch.ts";
import { reduceText } from "./reduce.ts";
import { rowWiseText } from "./row-wise.ts";
import { chooseTile } from "./tiles.ts";

/** What the writer of one kernel gives; the rest of a launch is the same for all. */
interface Written {
  readonly source: string;
  readonly grid: readonly [number, number];
  readonly flops?: number;
}

function writeGather(graph: Graph, batch: number, steps: readonly Step[], bindings: BindingList): Written {
  bindings.read("order", "order");
  const sources = gatherSources(graph, steps, (data) => bindings.read(data), bindings);
  const invocations = batch * invocationsPerRow(sources);
  return { source: gatherKernel(sources, bindings.list()), grid: flatGrid(Math.ceil(invocations / LANES)) };
}

/** The epilogue with the functions that its steps share. */
function epilogueOf(...[graph, value, steps, stored, access]: Parameters<typeof writeEpilogue>): Epilogue {
  const { functions, body } = writeEpilogue(graph, value, steps, stored, access);
  return { functions: sharedFunctions(steps) + functions, body };
}

function writeProduct(
  graph: Graph, batch: number, steps: readonly Step[], stored: ReadonlySet<string>, bindings: BindingList,
): Written {
  const [product, ...rest] = steps;
  if (product.op !== "product") throw new Error("a product group starts with a product");
  const { form, inputs, outputs } = product;
  const out = tensorOf(graph, outputs[0]);
  const left = tensorOf(graph, inputs[0]);
  bindings.read(inputs[0], "left");
  bindings.read(inputs[1], "right");
  if (inputs.length > 2) bindings.read(inputs[2], "bias");
  const epilogue = epilogueOf(graph, outputs[0], rest, stored, bindings);
  const m = rowsOf(out, batch), n = out.cols;
  const k = form === "leftTransposed" ? rowsOf(left, batch) : left.cols;
  const tile = chooseTile(m, n);
  const grid = [Math.ceil(n / (tile.lanesX * tile.tileCols)), Math.ceil(m / (tile.lanesY * tile.tileRows))] as const;
  if (Math.max(...grid) > MAX_WORKGROUPS) {
    throw new UnsupportedError(`plan: ${outputs[0]} (${m}, ${n}) needs ${Math.max(...grid)} workgroups in one dimension ` +
      `but WebGPU allows ${MAX_WORKGROUPS}. Use fewer units or a smaller batch.`);
  }
  const source = productKernel({
    ...tile, form, m: rowsExpression(out), n,
    k: form === "leftTransposed" ? rowsExpression(left) : `${left.cols}u`, bias: inputs.length > 2,
  }, bindings.list(), epilogue);
  return { source, grid, flops: 2 * m * n * k };
}

function writeRowSum(
  graph: Graph, steps: readonly Step[], stored: ReadonlySet<string>, bindings: BindingList,
): Written {
  const [sum, ...rest] = steps;
  bindings.read(sum.inputs[0], "matrix");
  const epilogue = epilogueOf(graph, sum.outputs[0], rest, stored, bindings);
  const cols = tensorOf(graph, sum.outputs[0]).cols;
  return { source: rowSumKernel(cols, bindings.list(), epilogue), grid: flatGrid(Math.ceil(cols / LANES)) };
}

function writeElementwise(
  graph: Graph, batch: number, steps: readonly Step[], stored: ReadonlySet<string>, bindings: BindingList,
): Written {
  const epilogue = epilogueOf(graph, null, steps, stored, bindings);
  const shape = tensorOf(graph, steps[0].outputs[0]);
  return {
    source: elementwiseKernel(rowsExpression(shape), shape.cols, bindings.list(), epilogue),
    grid: flatGrid(Math.ceil(sizeOf(shape, batch) / LANES)),
  };
}

function writeRowWise(graph: Graph, steps: readonly Step[], bindings: BindingList): string {
  const { functions, statements } = rowWiseText(graph, steps, bindings);
  return rowWiseKernel(bindings.list(), sharedFunctions(steps) + functions, statements);
}

function write(
  graph: Graph, batch: number, group: Group, stored: ReadonlySet<string>, bindings: BindingList,
): Written {
  const { anchor, steps } = group;
  switch (anchor) {
    case "gather": return writeGather(graph, batch, steps, bindings);
    case "product": return writeProduct(graph, batch, steps, stored, bindings);
    case "rowSum": return writeRowSum(graph, steps, stored, bindings);
    case "elementwise": return writeElementwise(graph, batch, steps, stored, bindings);
    case "rowWise":
      return { source: writeRowWise(graph, steps, bindings), grid: flatGrid(Math.ceil(batch / LANES)) };
    case "reduce": {
      const { functions, reductions } = reduceText(graph, batch, group, stored, bindings);
      return { source: reduceKernel(bindings.list(), functions, reductions), grid: [1, 1] };
    }
  }
}

const KERNEL_FILES = {
  gather: "gather", product: "product", rowSum: "row_sum", elementwise: "elementwise", rowWise: "row_wise", reduce: "reduce",
} as const;

/** @param stored the tensors of the group that must be in memory afterwards */
export function writeLaunch(graph: Graph, batch: number, group: Group, stored: ReadonlySet<string>): Launch {
  const bindings = new BindingList(graph, batch);
  const { source, grid, flops = 0 } = write(graph, batch, group, stored, bindings);
  const names = new Set(group.steps.flatMap(({ outputs }) => outputs));
  return {
    kernel: KERNEL_FILES[group.anchor], label: [...names].join(" "), steps: group.steps, source,
    bindings: bindings.list(), grid, flops, table: "uniform",
  };
}
