// Sums over all of a tensor: penalties, norms, the summary of a step. In float64, in a fixed order: what is squared neither
// overflows nor vanishes, and a mean over millions of rows keeps its digits.

import { timestepsOf, type Op, type OpOf } from "../graph/types.ts";
import { f32, F64, f64, get, i32, increase, loopWhile, set, type Code, type Local } from "./assembler.ts";
import { SLOT } from "./cells.ts";
import type { GroupWriter } from "./emission.ts";

export const storeScalar = (group: GroupWriter, name: string, value: Code): Code =>
  f32.store(i32.const(0), value, group.emission.layoutOf(name).base);

/** Adds up a (rows, 1) tensor of the mini-batch, or of `1` row. */
export function sumRows(group: GroupWriter, name: string, total: Local, read: (address: Code, offset: number) => Code): Code {
  const tensor = group.tensor(name),
    { base, rowStride } = group.emission.layoutOf(name),
    { writer } = group;
  if (tensor.rows !== "batch") return set(total, f64.add(get(total), read(i32.const(0), base)));
  const at = writer.scratch("sum at", 0x7f),
    end = writer.scratch("sum end", 0x7f);
  return [
    set(at, i32.const(0)),
    set(end, i32.mul(group.scalar(SLOT.rows), i32.const(timestepsOf(tensor) * rowStride))),
    loopWhile(i32.ltU(get(at), get(end)), [set(total, f64.add(get(total), read(get(at), base))), increase(at, rowStride)]),
  ];
}

const number = (address: Code, offset: number): Code => f64.fromF32(f32.load(address, offset));

/** [mean loss + Σ penalties, mean of each metric, the count where there is one]. */
function summarize(group: GroupWriter, { metrics, counted, inputs, outputs: [out] }: OpOf<"summarize">): Code {
  const total = group.writer.scratch("total", F64),
    { base } = group.emission.layoutOf(out);
  const penalties = inputs.slice(1 + metrics, counted ? -1 : undefined);
  const means = inputs.slice(0, 1 + metrics).map((name, i): Code => {
    const tensor = group.tensor(name),
      mean = f64.fromI32U(tensor.rows === "batch" ? group.meanRows(tensor) : i32.const(1));
    return [
      set(total, f64.const(0)),
      sumRows(group, name, total, number),
      set(total, f64.div(get(total), mean)),
      i > 0 ? [] : penalties.map((penalized) => sumRows(group, penalized, total, number)),
      f32.store(i32.const(0), f32.fromF64(get(total)), base + 4 * i),
    ];
  });
  const count = counted
    ? f32.store(i32.const(0), f32.load(i32.const(0), group.emission.layoutOf(inputs[inputs.length - 1]).base), base + 4 * (1 + metrics))
    : [];
  return [means, count];
}

export function writeReduce(group: GroupWriter, ops: readonly Op[]): Code {
  return ops.map((op) => {
    switch (op.type) {
      case "summarize":
        return summarize(group, op);
      case "countSteps":
        return group.sequences.sum(group, op);
      default:
        return group.uncommon.sum(group, op);
    }
  });
}
