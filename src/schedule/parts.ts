// Writes what the workgroups of one part do: a product or a sum spread over the whole grid, or a program for some rows.

import { gatheredNumber, gatheredRow } from "../../shaders/gather.wgsl.ts";
import type { PartText } from "../../shaders/kernel.wgsl.ts";
import { finishFunction } from "../../shaders/epilogue.wgsl.ts";
import type { Operand, ProductShape } from "../../shaders/product-part.wgsl.ts";
import { productDeclarations, productStatements, workgroupsOf } from "../../shaders/product.wgsl.ts";
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
import { chooseForProgram, chooseVariant, programRows, type TileLimits } from "./tiles.ts";

export interface WrittenPart extends PartText {
  readonly kernels: readonly string[];
  readonly flops: number;
  /** Needs shaders/product.wgsl.ts' QUAD_BROADCAST. */
  readonly broadcasts?: boolean;
}

/** What the writers of this file share. */
interface Context {
  readonly graph: Graph;
  readonly batch: number;
  /** All groups of the step: what they read must be in memory. */
  readonly groups: readonly Group[];
  readonly access: BufferAccess;
  readonly limits: TileLimits;
}

interface GroupText {
  readonly functions: string;
  readonly text: string;
}

const operandOf = (access: TensorAccess, tensor: string): Operand => {
  const at4 = access.fourInRow(tensor);
  return {
    row: (row) => access.rowStart(tensor, row), at: (start, col) => access.inRow(tensor, start, col), ...(at4 ? { at4 } : {}),
  };
};

/** The function that hands on each number, and its name. */
function finishOf({ graph, groups, access }: Context, group: Group, prefix: string, from: string | null): GroupText {
  const stored = storedOutputs(graph, group, groups), cols = tensorOf(graph, group.steps[0].outputs[0]).cols;
  const epilogue = writeEpilogue(graph, from, from === null ? group.steps : group.steps.slice(1), stored, access, `${prefix}_f`);
  return { functions: finishFunction(`${prefix}_finish`, epilogue, cols), text: `${prefix}_finish` };
}

/** M, N and K as planned: rows of the mini-batch may be fewer. */
function sizesOf({ graph, batch }: Context, { inputs: [left], outputs: [out], form }: StepOf<"product">) {
  const inner = tensorOf(graph, left);
  return { m: rowsOf(tensorOf(graph, out), batch), n: tensorOf(graph, out).cols,
    k: form === "leftTransposed" ? rowsOf(inner, batch) : inner.cols };
}

function productFlops(context: Context, step: StepOf<"product">): number {
  const { m, n, k } = sizesOf(context, step);
  return 2 * m * n * k;
}

/** A product cut like `shape`: statements on `workgroup` and `lane`, and what they need at module scope. */
function productText(context: Context, group: Group, prefix: string, shape: ProductShape): GroupText {
  const { graph, access } = context, step = group.steps[0] as StepOf<"product">;
  const { form, inputs: [left, right, bias], outputs: [out] } = step;
  const finish = finishOf(context, group, prefix, out);
  const k = form === "leftTransposed" ? rowsExpression(tensorOf(graph, left)) : `${tensorOf(graph, left).cols}u`;
  const part = { ...shape, form, m: rowsExpression(tensorOf(graph, out)), n: tensorOf(graph, out).cols, k };
  return {
    functions: finish.functions + productDeclarations(part, prefix),
    text: productStatements(part, operandOf(access, left), operandOf(access, right),
      bias === undefined ? null : (col) => access.load(bias, col),
      (value, row, col) => `${finish.text}(${value}, ${row}, ${col});`, prefix),
  };
}

/** A product by itself, spread over the whole grid. */
function writeProduct(context: Context, group: Group, prefix: string): WrittenPart {
  const step = group.steps[0] as StepOf<"product">, { m, n, k } = sizesOf(context, step);
  const shape = chooseVariant(m, n, k, context.limits);
  return {
    ...productText(context, group, prefix, shape), kernels: ["product"], workgroups: workgroupsOf(shape, m, n),
    flops: productFlops(context, step), broadcasts: shape.broadcast,
  };
}

/** What one workgroup does with its rows, `first` to `end`, for one group of a program. */
function rowsText(context: Context, group: Group, prefix: string, rows: number): GroupText & { broadcasts?: boolean } {
  const { graph, access, limits } = context, { lanes } = limits, [first] = group.steps, { cols } = tensorOf(graph, first.outputs[0]);
  switch (group.anchor) {
    case "product": {
      const { n, k } = sizesOf(context, first as StepOf<"product">), shape = chooseForProgram(rows, n, k, limits);
      const { functions, text } = productText(context, group, prefix, shape), blocks = workgroupsOf(shape, rows, n);
      return { functions, broadcasts: shape.broadcast, text: `
  for (var block = 0u; block < ${blocks}u; block++) {
    let workgroup = program * ${blocks}u + block;
    ${text}
  }` };
    }
    case "elementwise": {
      const { functions, text } = finishOf(context, group, prefix, null);
      return { functions, text: eachNumber(lanes, cols, `${text}(0.0, row, col);`) };
    }
    case "rowWise": {
      const { functions, statements } = rowWiseText(graph, group.steps, access, `${prefix}_f`);
      return { functions, text: eachRow(lanes, statements) };
    }
    default:
      throw new Error(`${group.anchor} mixes rows`);
  }
}

/** Some rows per workgroup through all groups; a barrier of the workgroup lets each group see what the one before wrote. */
function writeRowProgram(context: Context, groups: readonly Group[], prefix: string): WrittenPart {
  const hasProduct = groups.some(({ anchor }) => anchor === "product");
  const { limits, batch } = context, rows = hasProduct ? programRows(limits, batch) : limits.lanes;
  const texts = groups.map((group, i) => rowsText(context, group, `${prefix}_${i}`, rows));
  return {
    kernels: groups.map(({ anchor }) => KERNEL_NAMES[anchor]), functions: texts.map(({ functions }) => functions).join(""),
    workgroups: Math.ceil(batch / rows), broadcasts: texts.some(({ broadcasts }) => broadcasts),
    flops: groups.reduce((sum, { steps: [step] }) => sum + (step.op === "product" ? productFlops(context, step) : 0), 0),
    text: `let program = workgroup;
  let first = program * ${rows}u;
  let end = min(first + ${rows}u, step.rows);${texts.map(({ text }) => text).join("\n  storageBarrier();")}`,
  };
}

/** One number an invocation. */
function writeElementwise(context: Context, group: Group, prefix: string): WrittenPart {
  const { lanes } = context.limits;
  const out = tensorOf(context.graph, group.steps[0].outputs[0]);
  const { functions, text } = finishOf(context, group, prefix, null);
  return {
    kernels: ["elementwise"], functions, workgroups: Math.ceil(sizeOf(out, context.batch) / lanes), flops: 0,
    text: `let element = workgroup * ${lanes}u + lane;
  let row = element / ${out.cols}u;
  if (row < ${rowsExpression(out)}) { ${text}(0.0, row, element % ${out.cols}u); }`,
  };
}

function writeRowSum(context: Context, group: Group, prefix: string): WrittenPart {
  const [step] = group.steps, { graph, access, limits: { lanes } } = context, { cols } = tensorOf(graph, step.outputs[0]);
  const { functions, text } = finishOf(context, group, prefix, step.outputs[0]);
  const matrix = access.inRow(step.inputs[0], access.rowStart(step.inputs[0], "row"), "col");
  return {
    kernels: ["row_sum"], functions, workgroups: Math.ceil(cols / lanes), flops: 0,
    text: rowSumStatements(lanes, cols, matrix, text),
  };
}

function writeReduce(context: Context, group: Group, prefix: string): WrittenPart {
  const { graph, batch, access, limits: { lanes } } = context;
  const { functions, reductions } = reduceText(graph, batch, group.steps, access, `${prefix}_f`);
  return {
    kernels: ["reduce"], functions, workgroups: reductions.length, flops: 0,
    text: reductions.map((reduction, i) => `if (workgroup == ${i}u) ${reduceStatements([reduction], lanes)}`).join("\n  "),
  };
}

/** Copies rows of the data set, where a gather is a launch of its own. */
function writeGather({ graph, batch, access, limits: { lanes } }: Context, { steps: [step] }: Group): WrittenPart {
  if (step.op !== "gather") throw new Error("a gather group holds a gather");
  const { cols } = tensorOf(graph, step.outputs[0]);
  const number = gatheredNumber(access.data(step), step, `${gatheredRow(access.order(), "row", cols)} + col`);
  return {
    kernels: ["gather"], functions: "", workgroups: Math.ceil((batch * cols) / lanes), flops: 0,
    text: `let element = workgroup * ${lanes}u + lane;
  let row = element / ${cols}u;
  let col = element % ${cols}u;
  if (row < step.rows) { ${access.assign(step.outputs[0], "element", number)} }`,
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
