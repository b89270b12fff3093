// Writes what the workgroups of one part do: a product or a sum spread over the whole grid, or a program for some rows.

import type { BlockWriter, PartText, WorkgroupMemory } from "../../shaders/kernel.wgsl.ts";
import { finishFunction } from "../../shaders/epilogue.wgsl.ts";
import { lanesIn, type Operand, type ProductCut } from "../../shaders/product-part.wgsl.ts";
import { productMemory, productStatements, workgroupsOf } from "../../shaders/product.wgsl.ts";
import { reduceStatements } from "../../shaders/reduce.wgsl.ts";
import { eachNumber, eachRow, rowSumStatements } from "../../shaders/rows.wgsl.ts";
import { rowsOf, sizeOf, timestepsOf, tensorOf, type Graph, type ProductForm, type OpOf } from "../graph/types.ts";
import type { BufferAccess, TensorAccess } from "./access.ts";
import { writeEpilogue } from "./epilogue.ts";
import { storedOutputs, type Elsewhere, type Group } from "./groups.ts";
import { blocksOf } from "./formulas.ts";
import { rowsExpression } from "./launch.ts";
import { reduceText } from "./reduce.ts";
import { rowWiseText } from "./row-wise.ts";
import type { Norms } from "./norms.ts";
import type { Anchor } from "./ops.ts";
import type { RecurrentStep } from "./sequence-writer.ts";
import type { Part } from "./stages.ts";
import { chooseForProgram, chooseVariant, programRows, rowSumShares, type TileLimits } from "./tiles.ts";
import type { Choices, ProductSite } from "./tuning.ts";
import { isView, type View } from "./views.ts";

export interface WrittenPart extends PartText {
  readonly kernels: readonly string[];
  readonly flops: number;
  /** Needs shaders/product.wgsl.ts' QUAD_BROADCAST. */
  readonly broadcasts?: boolean;
  /** The product that it is, if it is one. */
  readonly product?: ProductSite;
}

/** What the writers of this file share. */
interface PartContext {
  readonly graph: Graph;
  readonly batch: number;
  /** All groups of the step: what they read must be in memory. */
  readonly groups: readonly Group[];
  readonly access: BufferAccess;
  /** Tensors that are in no memory. */
  readonly elsewhere: Elsewhere;
  /** Writes the norms that gradients are clipped by, if there are any. */
  readonly norms: Norms | null;
  readonly limits: TileLimits;
  /** Cuts of products that were chosen by measuring; the model's for all others. */
  readonly choices: Choices;
}

interface GroupText {
  readonly functions: string;
  readonly text: string;
}

const operandOf = (access: TensorAccess, tensor: string): Operand => {
  const at4 = access.fourInRow(tensor);
  return {
    row: (row) => access.rowStart(tensor, row),
    at: (start, col) => access.inRow(tensor, start, col),
    ...(at4 ? { at4 } : {}),
  };
};

/** The function that hands on each number, and its name. */
function finishOf({ graph, groups, access, norms, elsewhere }: PartContext, group: Group, prefix: string, from: string | null): GroupText {
  const stored = storedOutputs(graph, group, groups, elsewhere),
    cols = tensorOf(graph, group.ops[0].outputs[0]).cols;
  const epilogue = writeEpilogue(
    graph,
    from,
    from === null ? group.ops : group.ops.slice(1),
    stored,
    access,
    `${prefix}_f`,
    norms?.gradientOf(group),
  );
  return { functions: finishFunction(`${prefix}_finish`, epilogue, cols), text: `${prefix}_finish` };
}

/** ∂C/∂U where x picks rows of U is a product, too: that of one-hot rows, which are never built. */
type ProductStep = OpOf<"product" | "embeddingGradient">;
const formOf = (op: ProductStep): ProductForm => (op.type === "product" ? op.form : "leftTransposed");

/** One-hot rows of whole numbers. */
const oneHot = (access: TensorAccess, index: string): Operand => ({
  row: (row) => access.wholeAt(index, row),
  at: (hot, col) => `select(0.0, 1.0, ${hot} == ${col})`,
});

/** M, N and K as planned: rows of the mini-batch may be fewer. */
function sizesOf({ graph, batch }: PartContext, op: ProductStep) {
  const {
      inputs: [left],
      outputs: [out],
    } = op,
    form = formOf(op);
  const inner = tensorOf(graph, left);
  return {
    m: rowsOf(tensorOf(graph, out), batch),
    n: tensorOf(graph, out).cols,
    k: form === "leftTransposed" ? rowsOf(inner, batch) : inner.cols,
  };
}

/** What its sums are done in, where they go over the rows of a huge mini-batch (BP4). */
const blocksFor = (context: PartContext, op: ProductStep): BlockWriter | null =>
  formOf(op) === "leftTransposed" ? blocksOf(context.access.formulas, sizesOf(context, op).k) : null;

function productFlops(context: PartContext, op: ProductStep): number {
  const { m, n, k } = sizesOf(context, op);
  return 2 * m * n * k;
}

/** A product cut like `shape`: statements on `workgroup` and `lane`, and what they need at module scope. */
function productText(context: PartContext, group: Group, prefix: string, shape: ProductCut): GroupText {
  const { graph, access } = context,
    op = group.ops[0] as ProductStep,
    form = formOf(op);
  const {
    inputs: [left, right, bias],
    outputs: [out],
  } = op;
  const finish = finishOf(context, group, prefix, out);
  const k = form === "leftTransposed" ? rowsExpression(tensorOf(graph, left)) : `${tensorOf(graph, left).cols}u`;
  const blocks = blocksFor(context, op);
  const part = { ...shape, form, m: rowsExpression(tensorOf(graph, out)), n: tensorOf(graph, out).cols, k, blocks };
  return {
    functions: finish.functions,
    text: productStatements(
      part,
      op.type === "product" ? operandOf(access, left) : oneHot(access, left),
      operandOf(access, right),
      bias === undefined ? null : (col) => access.load(bias, col),
      (value, row, col) => `${finish.text}(${value}, ${row}, ${col});`,
      access.formulas.staged,
    ),
  };
}

const partialSums = (partial: number): WorkgroupMemory => ({ partial, staged: 0 });

/** A product by itself, spread over the whole grid, cut as it was chosen, else as the model says. */
function siteOf(context: PartContext, { ops }: Group): ProductSite {
  const { access, limits, choices } = context,
    op = ops[0] as ProductStep,
    { m, n, k } = sizesOf(context, op);
  const left = access.views.get(op.inputs[0]),
    flops = 2 * m * n * k,
    blocked = blocksFor(context, op) !== null;
  const source = op.type !== "product" ? "one-hot" : !left ? "in memory" : left.type === "gather" ? `gathered ${left.source}` : left.type;
  const key = [formOf(op), `${m}×${k}×${n}`, source, ...ops.slice(1).map(({ type }) => type)].join(" ");
  const shape = choices.get(key) ?? chooseVariant(m, n, k, limits, blocked);
  if (lanesIn(shape) !== limits.lanes)
    throw new Error(`plan: ${key} is cut for ${lanesIn(shape)} lanes but its launch has ${limits.lanes}`);
  return { key, shape, flops, product: { m, n, k, limits, blocked } };
}

function writeProduct(context: PartContext, group: Group, prefix: string): WrittenPart {
  const product = siteOf(context, group),
    { shape, flops } = product,
    { m, n } = sizesOf(context, group.ops[0] as ProductStep);
  return {
    ...productText(context, group, prefix, shape),
    kernels: ["product"],
    workgroups: workgroupsOf(shape, m, n),
    flops,
    product,
    broadcasts: shape.broadcast,
    memory: productMemory(shape),
  };
}

/** What one workgroup does with its examples for one group of a program; `first` and `end` count their rows of the group. */
function rowsText(context: PartContext, group: Group, prefix: string, examples: number): GroupText & { broadcasts?: boolean } {
  const { graph, access, limits } = context,
    { lanes } = limits,
    [first] = group.ops,
    out = tensorOf(graph, first.outputs[0]);
  const { cols } = out,
    steps = timestepsOf(out),
    rows = examples * steps;
  const range = `
  let first = program * ${rows}u;
  let end = min(first + ${rows}u, ${rowsExpression(out)});`;
  switch (group.anchor) {
    case "product": {
      const { n, k } = sizesOf(context, first as ProductStep),
        shape = chooseForProgram(rows, n, k, limits);
      const { functions, text } = productText(context, group, prefix, shape),
        blocks = workgroupsOf(shape, rows, n);
      return {
        functions,
        broadcasts: shape.broadcast,
        text: `
  for (var block = 0u; block < ${blocks}u; block++) {
    let workgroup = program * ${blocks}u + block;
    ${text}
  }`,
      };
    }
    case "recurrent":
      return access.sequences.recurrentText(context, first as RecurrentStep, prefix, examples);
    case "elementwise": {
      if (isView(first))
        return { functions: "", text: range + eachNumber(lanes, cols, copyStatement(context, first, `row * ${cols}u + col`)) };
      const { functions, text } = finishOf(context, group, prefix, null);
      return { functions, text: range + eachNumber(lanes, cols, `${text}(0.0, row, col);`) };
    }
    case "rowWise": {
      const { functions, statements } = rowWiseText(graph, group.ops, access, `${prefix}_f`);
      return { functions, text: range + eachRow(lanes, statements) };
    }
    default:
      throw new Error(`${group.anchor} mixes rows`);
  }
}

const flopsOf = (context: PartContext, { ops: [op] }: Group): number =>
  op.type === "product"
    ? productFlops(context, op)
    : op.type === "recurrentForward" || op.type === "recurrentBackward"
      ? context.access.sequences.recurrentFlops(context.graph, op, context.batch)
      : 0;

/** Some examples per workgroup through all groups; a barrier of the workgroup lets each group see what the one before wrote. */
function writeRowProgram(context: PartContext, groups: readonly Group[], prefix: string): WrittenPart {
  const hasProduct = groups.some(({ anchor }) => anchor === "product" || anchor === "recurrent");
  const { limits, batch } = context,
    examples = hasProduct ? programRows(limits, batch) : limits.lanes;
  const texts = groups.map((group, i) => rowsText(context, group, `${prefix}_${i}`, examples));
  return {
    kernels: groups.map(({ anchor }) => KERNEL_NAMES[anchor]),
    functions: texts.map(({ functions }) => functions).join(""),
    workgroups: Math.ceil(batch / examples),
    broadcasts: texts.some(({ broadcasts }) => broadcasts),
    flops: groups.reduce((sum, group) => sum + flopsOf(context, group), 0),
    text: `let program = workgroup;${texts.map(({ text }) => `{${text}\n  }`).join("\n  storageBarrier();\n  ")}`,
  };
}

/** Number by number, several an invocation. */
function writeElementwise(context: PartContext, group: Group, prefix: string): WrittenPart {
  const {
    limits: { lanes, kind },
    norms,
    access,
  } = context;
  const out = tensorOf(context.graph, group.ops[0].outputs[0]),
    elements = sizeOf(out, context.batch);
  const factor = norms?.writeFactor(group, lanes, access, prefix);
  const { functions, text } = finishOf(context, group, prefix, null);
  // A workgroup costs a software adapter as much as some numbers do; and so does the sum of a norm everywhere.
  const each = Math.max(1, Math.min(kind === "software" || factor ? 16 : 1, Math.ceil(elements / lanes)));
  return {
    kernels: ["elementwise"],
    functions: (factor?.functions ?? "") + functions,
    workgroups: Math.ceil(elements / (lanes * each)),
    flops: 0,
    memory: factor ? partialSums(lanes) : undefined,
    text: `${factor?.text ?? ""}for (var i = 0u; i < ${each}u; i++) {
    let element = (workgroup * ${each}u + i) * ${lanes}u + lane;
    let row = element / ${out.cols}u;
    if (row < ${rowsExpression(out)}) { ${text}(0.0, row, element % ${out.cols}u); }
  }`,
  };
}

function writeRowSum(context: PartContext, group: Group, prefix: string): WrittenPart {
  const [op] = group.ops,
    { graph, batch, access, limits } = context,
    { cols } = tensorOf(graph, op.outputs[0]);
  const { lanes } = limits,
    shares = rowSumShares(limits, batch),
    summed = tensorOf(graph, op.inputs[0]);
  const { functions, text } = finishOf(context, group, prefix, op.outputs[0]);
  const matrix =
    op.type === "moment"
      ? access.sequences.term!(access, op, "row")
      : access.inRow(op.inputs[0], access.rowStart(op.inputs[0], "row"), "col");
  return {
    kernels: ["row_sum"],
    functions,
    workgroups: Math.ceil((cols * shares) / lanes),
    flops: 0,
    text: rowSumStatements(lanes, shares, blocksOf(access.formulas, rowsOf(summed, batch)), rowsExpression(summed), cols, matrix, text),
    memory: shares > 1 ? partialSums(lanes) : undefined,
  };
}

function writeReduce(context: PartContext, group: Group, prefix: string): WrittenPart {
  const {
    graph,
    batch,
    access,
    limits: { lanes },
  } = context;
  const { functions, reductions } = reduceText(graph, batch, group.ops, access, `${prefix}_f`);
  return {
    kernels: ["reduce"],
    functions,
    workgroups: reductions.length,
    flops: 0,
    memory: partialSums(lanes),
    text: reductions.map((reduction, i) => `if (workgroup == ${i}u) ${reduceStatements([reduction], lanes)}`).join("\n  "),
  };
}

/** The statement that copies the number at `row` and `col` of a view to place `index` of its own. */
function copyStatement({ access }: PartContext, op: View, index: string): string {
  const view = access.viewText(op);
  return access.assign(op.outputs[0], index, view.inRow(view.rowStart("row"), "col"));
}

/** Copies what a view shows, where it is a result or every op is a launch of its own. */
function writeCopy(context: PartContext, op: View): WrittenPart {
  const {
      graph,
      batch,
      limits: { lanes },
    } = context,
    out = tensorOf(graph, op.outputs[0]),
    { cols } = out;
  return {
    kernels: ["gather"],
    functions: "",
    workgroups: Math.ceil(sizeOf(out, batch) / lanes),
    flops: 0,
    text: `let element = workgroup * ${lanes}u + lane;
  let row = element / ${cols}u;
  let col = element % ${cols}u;
  if (row < ${rowsExpression(out)}) { ${copyStatement(context, op, "element")} }`,
  };
}

const KERNEL_NAMES: Readonly<Record<Anchor, string>> = {
  gather: "gather",
  product: "product",
  rowSum: "row_sum",
  elementwise: "elementwise",
  rowWise: "row_wise",
  reduce: "reduce",
  recurrent: "recurrent",
};

/** A part by itself, and what its workgroups leave for a norm. */
function withSquares(context: PartContext, group: Group, part: WrittenPart): WrittenPart {
  const {
      norms,
      access,
      limits: { lanes },
    } = context,
    gradient = norms?.gradientOf(group);
  if (!norms || !gradient) return part;
  const { partial = 0, staged = 0 } = part.memory ?? {};
  return {
    ...part,
    memory: { partial: Math.max(partial, lanes), staged },
    text: part.text + norms.writeSum(gradient, part.workgroups, lanes, access),
  };
}

/** @param prefix starts the names of the part's functions */
export function writePart(context: PartContext, { groups }: Part, prefix: string): WrittenPart {
  const [group] = groups;
  if (groups.length > 1 || group.anchor === "rowWise" || group.anchor === "recurrent") return writeRowProgram(context, groups, prefix);
  if (isView(group.ops[0])) return writeCopy(context, group.ops[0]);
  switch (group.anchor) {
    case "gather":
      throw new Error("a gather is a view");
    case "product":
      return withSquares(context, group, writeProduct(context, group, prefix));
    case "rowSum":
      return withSquares(context, group, writeRowSum(context, group, prefix));
    case "elementwise":
      return withSquares(context, group, writeElementwise(context, group, prefix));
    case "reduce":
      return writeReduce(context, group, prefix);
  }
}
