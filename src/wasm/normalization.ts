// Batch normalization: the terms of its sums over rows, and what it does number by number. Formulas: graph/types.ts, NormalizationOp.

import type { OpOf } from "../graph/types.ts";
import { f32, f32x4, floats, get, set, v128, type Code, type Local } from "./assembler.ts";
import type { Cell } from "./cells.ts";
import type { GroupWriter } from "./emission.ts";

const { add, sub, mul, div } = f32x4;

/** R in all lanes, of a tensor of the mini-batch. */
const rowsOf = (group: GroupWriter, name: string): Code => f32x4.splat(f32.fromI32U(group.meanRows(group.tensor(name))));

/** The terms of a sum over rows, four columns at a time. */
interface Terms {
  /** Before the sum. */
  begin(cell: Cell): Code;
  /** @param address and offset of the first input's number */
  term(address: Code, offset: number, quad: number): Code;
  /** Makes the sum what is wanted. */
  end(sum: Local): Code;
}

export function termsOf(group: GroupWriter, op: OpOf<"rowSum" | "moment">): Terms {
  const { writer, emission } = group,
    [first, second] = op.inputs,
    nothing = (): Code => [];
  const divided = (sum: Local): Code => set(sum, div(get(sum), rowsOf(group, first)));
  if (op.type === "rowSum") return { begin: nothing, term: (address, offset) => v128.load(address, offset), end: nothing };
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
