// Batch and layer normalization: the terms of sums over rows, and what is done number by number and row by row. Formulas: graph/types.ts,
// NormalizationOp.

import type { OpOf } from "../graph/types.ts";
import { f32, f32x4, floats, get, set, v128, type Code, type Local } from "./assembler.ts";
import type { Cell } from "./cells.ts";
import type { GroupWriter, RowSite, Terms } from "./emission.ts";

const { add, sub, mul, div } = f32x4;

/** R in all lanes, of a tensor of the mini-batch. */
const rowsOf = (group: GroupWriter, name: string): Code => f32x4.splat(f32.fromI32U(group.meanRows(group.tensor(name))));

export function termsOf(group: GroupWriter, op: OpOf<"moment">): Terms {
  const { writer, emission } = group,
    [first, second] = op.inputs,
    nothing = (): Code => [];
  const divided = (sum: Local): Code => set(sum, div(get(sum), rowsOf(group, first)));
  switch (op.kind) {
    case "mean":
      return { begin: nothing, term: (address, offset) => v128.load(address, offset), end: divided };
    case "variance": {
      const mean = (quad: number): Local => writer.scratch(`column mean ${quad}`),
        difference = writer.scratch("difference");
      return {
        begin: (cell) => set(mean(cell.quad), group.memory(second, cell)),
        end: divided,
        term: (address, offset, quad) => [
          set(difference, sub(v128.load(address, offset), get(mean(quad)))),
          mul(get(difference), get(difference)),
        ],
      };
    }
    case "product": {
      const a = emission.layoutOf(first),
        b = emission.layoutOf(second);
      if (a.rowStride !== b.rowStride || a.panelStride !== b.panelStride)
        throw new Error(`wasm: rows of ${first} and ${second} lie differently`);
      return {
        begin: nothing,
        term: (address, offset) => mul(v128.load(address, offset), v128.load(address, offset + b.base - a.base)),
        end: nothing,
      };
    }
  }
}

/** The number of a cell that an op makes. */
export function normalizationOf(group: GroupWriter, op: OpOf<"normalize">, cell: Cell): Code {
  const { madd } = group.math,
    of = (i: number): Code => group.value(op.inputs[i], cell);
  switch (op.kind) {
    case "normalize":
      return div(sub(of(0), of(1)), f32x4.sqrt(add(of(2), floats(op.epsilon))));
    case "affine": {
      const last = op.inputs.length - 1;
      if (!op.center) return mul(of(0), of(1));
      return op.scale ? madd(of(0), of(1), of(last)) : add(of(0), of(last));
    }
    case "pullBack": {
      const through = div(madd(of(1), of(4), of(3)), rowsOf(group, op.inputs[0]));
      return div(sub(of(0), through), f32x4.sqrt(add(of(2), floats(op.epsilon))));
    }
    case "rescale":
      return div(of(0), f32x4.sqrt(add(of(1), floats(op.epsilon))));
    case "moving":
      return madd(of(0), floats(op.momentum), mul(of(1), floats(1 - op.momentum)));
  }
}

/** Sets `mean` and `root` to μ and √(v + ε) of a row of x. */
function rowStatistics(row: RowSite, x: string, epsilon: number, mean: Local, root: Local): Code {
  const { group } = row,
    { cols } = group.tensor(x),
    difference = group.writer.scratch("difference");
  return [
    row.sum(mean, cols, (cell) => group.memory(x, cell)),
    set(mean, div(get(mean), floats(cols))),
    row.sum(root, cols, (cell) => [set(difference, sub(group.memory(x, cell), get(mean))), mul(get(difference), get(difference))]),
    set(root, f32x4.sqrt(add(div(get(root), floats(cols)), floats(epsilon)))),
  ];
}

/** A row's normalization by itself, and the way back through its mean and variance: see shaders/normalization.wgsl.ts. */
export function rowNormalization(row: RowSite, { kind, epsilon, inputs, outputs: [out] }: OpOf<"normalizeRows">): Code {
  const { group } = row,
    { writer } = group,
    { cols } = group.tensor(out),
    mean = writer.scratch("row mean"),
    root = writer.scratch("row root");
  const statistics = rowStatistics(row, inputs[inputs.length - 1], epsilon, mean, root);
  if (kind === "normalize")
    return [statistics, row.cells(cols, (cell) => group.store(out, cell, div(sub(group.memory(inputs[0], cell), get(mean)), get(root))))];
  const [g, n] = inputs,
    total = writer.scratch("row sum"),
    dot = writer.scratch("dot");
  const through = (cell: Cell): Code => div(add(get(total), mul(group.memory(n, cell), get(dot))), floats(cols));
  return [
    statistics,
    row.sum(total, cols, (cell) => group.memory(g, cell)),
    row.sum(dot, cols, (cell) => mul(group.memory(g, cell), group.memory(n, cell))),
    row.cells(cols, (cell) => group.store(out, cell, div(sub(group.memory(g, cell), through(cell)), get(root)))),
  ];
}
