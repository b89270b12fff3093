// Writes what the workgroups of one part do: a product or a sum spread over the whole grid, or a program for some rows.

import { gatheredNumber, gatheredRow } from "../../shaders/gather.wgsl.ts";
import type { PartText } from "../../shaders/kernel.wgsl.ts";
import { finishFunction } from "../../shaders/epilogue.wgsl.ts";
import { productTileFunction, tilesAcross, type Operand, type ProductTile } from "../../shaders/product.wgsl.ts";
import { reduceStatements } from "../../shaders/reduce.wgsl.ts";
import { eachNumber, eachRow, rowSumStatements } from "../../shaders/rows.wgsl.ts";
import { rowsOf, sizeOf, tensorOf, type Graph, type StepOf } from "../graph/types.ts";
import type { BufferAccess, TensorAccess } from "./access.ts";
import { writeEpilogue } from "./epilogue.ts";
import { storedOutputs, type Anchor, type Group } from "./groups.ts";
import { rowsExpression } from "./launch.ts";
import { reduceText } from "./reduce.ts";
import { rowWiseText } from "./row-wise.ts";
import type { Part } from "./stages.ts";
import { chooseProgramTile, chooseTile, LANES, PROGRAM_ROWS } from "./tiles.ts";

export interface WrittenPart extends PartText {
  readonly kernels: readonly string[];
  readonly flops: number;
}

/** What the writers of this file share. */
interface Context {
  readonly graph: Graph;
  readonly batch: number;
  /** All groups of the step: what they read must be in memory. */
  readonly groups: readonly Group[];
  readonly access: BufferAccess;
}

interface GroupText {
  readonly functions: string;
  readonly text: string;
}

const operandOf = (access: TensorAccess, tensor: string): Operand => ({
  rowStart: (row) => access.rowStart(tensor, row), inRow: (start, col) => access.inRow(tensor, start, col),
});

/** The function that hands on each number, and its name. */
function finishOf({ graph, groups, access }: Context, group: Group, prefix: string, from: string | null): GroupText {
  const stored = storedOutputs(graph, group, groups), cols = tensorOf(graph, group.steps[0].outputs[0]).cols;
  const epilogue = writeEpilogue(graph, from, from === null ? group.steps : group.steps.slice(1), stored, access, `${prefix}_f`);
  return { functions: finishFunction(`${prefix}_finish`, epilogue, cols), text: `${prefix}_finish` };
}

function productFlops({ graph, batch }: Context, { inputs: [left], outputs: [out], form }: StepOf<"product">): number {
  const { rows, cols } = tensorOf(graph, left);
  return 2 * sizeOf(tensorOf(graph, out), batch) * (form === "leftTransposed" ? (rows === "batch" ? batch : rows) : cols);
}

/** A function (row, tile, end) for the tiles of a product; `text` is its name. */
function tileFunction(context: Context, group: Group, prefix: string, tile: ProductTile): GroupText {
  const { graph, access } = context, [step] = group.steps;
  if (step.op !== "product") throw new Error("a product group starts with a product");
  const { form, inputs: [left, right, bias], outputs: [out] } = step;
  const finish = finishOf(context, group, prefix, out);
  const k = form === "leftTransposed" ? rowsExpression(tensorOf(graph, left)) : `${tensorOf(graph, left).cols}u`;
  const name = `${prefix}_tile`;
  const tiles = productTileFunction(name, finish.text, {
    ...tile, form, n: tensorOf(graph, out).cols, k, left: operandOf(access, left), right: operandOf(access, right),
    bias: bias === undefined ? null : (col) => access.load(bias, col),
  });
  return { functions: finish.functions + tiles, text: name };
}

/** A product by itself: its tiles dealt out to all invocations of the grid. */
function writeProduct(context: Context, group: Group, prefix: string): WrittenPart {
  const { graph, batch } = context, step = group.steps[0] as StepOf<"product">;
  const out = tensorOf(graph, step.outputs[0]), rows = rowsOf(out, batch);
  const tile = chooseTile(rows, out.cols), across = tilesAcross({ n: out.cols, ...tile });
  const tiles = across * Math.ceil(rows / tile.tileRows);
  const { functions, text } = tileFunction(context, group, prefix, tile);
  return {
    kernels: ["product"], functions, workgroups: Math.ceil(tiles / LANES), flops: productFlops(context, step),
    text: `let tile = workgroup * ${LANES}u + lane;
  ${text}((tile / ${across}u) * ${tile.tileRows}u, tile % ${across}u, ${rowsExpression(out)});`,
  };
}

/** What one workgroup does with its rows, `first` to `end`, for one group of a program. */
function rowsText(context: Context, group: Group, prefix: string, rows: number): GroupText {
  const { graph, access } = context, [first] = group.steps, { cols } = tensorOf(graph, first.outputs[0]);
  switch (group.anchor) {
    case "product": {
      const tile = chooseProgramTile(rows, cols), across = tilesAcross({ n: cols, ...tile });
      const { functions, text } = tileFunction(context, group, prefix, tile);
      return { functions, text: `
  for (var tile = lane; tile < ${across * Math.ceil(rows / tile.tileRows)}u; tile += ${LANES}u) {
    ${text}(first + (tile / ${across}u) * ${tile.tileRows}u, tile % ${across}u, end);
  }` };
    }
    case "elementwise": {
      const { functions, text } = finishOf(context, group, prefix, null);
      return { functions, text: eachNumber(LANES, cols, `${text}(0.0, row, col);`) };
    }
    case "rowWise": {
      const { functions, statements } = rowWiseText(graph, group.steps, access, `${prefix}_f`);
      return { functions, text: eachRow(LANES, statements) };
    }
    default:
      throw new Error(`${group.anchor} mixes rows`);
  }
}

/** Some rows per workgroup through all groups; a barrier of the workgroup lets each group see what the one before wrote. */
function writeRowProgram(context: Context, groups: readonly Group[], prefix: string): WrittenPart {
  const hasProduct = groups.some(({ anchor }) => anchor === "product");
  const rows = Math.min(hasProduct ? PROGRAM_ROWS : LANES, context.batch);
  const texts = groups.map((group, i) => rowsText(context, group, `${prefix}_${i}`, rows));
  return {
    kernels: groups.map(({ anchor }) => KERNEL_NAMES[anchor]), functions: texts.map(({ functions }) => functions).join(""),
    workgroups: Math.ceil(context.batch / rows),
    flops: groups.reduce((sum, { steps: [step] }) => sum + (step.op === "product" ? productFlops(context, step) : 0), 0),
    text: `let first = workgroup * ${rows}u;
  let end = min(first + ${rows}u, step.rows);${texts.map(({ text }) => text).join("\n  storageBarrier();")}`,
  };
}

/** One number an invocation. */
function writeElementwise(context: Context, group: Group, prefix: string): WrittenPart {
  const out = tensorOf(context.graph, group.steps[0].outputs[0]);
  const { functions, text } = finishOf(context, group, prefix, null);
  return {
    kernels: ["elementwise"], functions, workgroups: Math.ceil(sizeOf(out, context.batch) / LANES), flops: 0,
    text: `let element = workgroup * ${LANES}u + lane;
  let row = element / ${out.cols}u;
  if (row < ${rowsExpression(out)}) { ${text}(0.0, row, element % ${out.cols}u); }`,
  };
}

function writeRowSum(context: Context, group: Group, prefix: string): WrittenPart {
  const [step] = group.steps, { graph, access } = context, { cols } = tensorOf(graph, step.outputs[0]);
  const { functions, text } = finishOf(context, group, prefix, step.outputs[0]);
  const matrix = access.inRow(step.inputs[0], access.rowStart(step.inputs[0], "row"), "col");
  return {
    kernels: ["row_sum"], functions, workgroups: Math.ceil(cols / LANES), flops: 0,
    text: rowSumStatements(LANES, cols, matrix, text),
  };
}

function writeReduce(context: Context, group: Group, prefix: string): WrittenPart {
  const { graph, batch, access } = context;
  const { functions, reductions } = reduceText(graph, batch, group.steps, access, `${prefix}_f`);
  return {
    kernels: ["reduce"], functions, workgroups: reductions.length, flops: 0,
    text: reductions.map((reduction, i) => `if (workgroup == ${i}u) ${reduceStatements([reduction], LANES)}`).join("\n  "),
  };
}

/** Copies rows of the data set, where a gather is a launch of its own. */
function writeGather({ graph, batch, access }: Context, { steps: [step] }: Group): WrittenPart {
  if (step.op !== "gather") throw new Error("a gather group holds a gather");
  const { cols } = tensorOf(graph, step.outputs[0]);
  const number = gatheredNumber(access.data(step), step, `${gatheredRow(access.order(), "row", cols)} + col`);
  return {
    kernels: ["gather"], functions: "", workgroups: Math.ceil((batch * cols) / LANES), flops: 0,
    text: `let element = workgroup * ${LANES}u + lane;
  let row = element / ${cols}u;
  let col = element % ${cols}u;
  if (row < step.rows) { ${access.store(step.outputs[0], "element")} = ${number}; }`,
  };
}

const KERNEL_NAMES: Readonly<Record<Anchor, string>> = {
  gather: "gather", product: "product", rowSum: "row_sum", elementwise: "elementwise", rowWise: "row_wise", reduce: "reduce",
};

/** @param prefix starts the names of the part's functions */
export function writePart(context: Context, { groups }: Part, prefix: string): WrittenPart {
  const [group] = groups;
  if (groups.length > 1 || group.anchor === "rowWise") return writeRowProgram(context, groups, prefix);
  switch (group.anchor) {
    case "gather": return writeGather(context, group);
    case "product": return writeProduct(context, group, prefix);
    case "rowSum": return writeRowSum(context, group, prefix);
    case "elementwise": return writeElementwise(context, group, prefix);
    case "reduce": return writeReduce(context, group, prefix);
  }
}
