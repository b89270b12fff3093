// Sums over all of a tensor: penalties, norms, the summary of a step. In float64, in a fixed order: what is squared neither
// overflows nor vanishes, and a mean over millions of rows keeps its digits.

import { timestepsOf, type Op, type OpOf } from "../graph/types.ts";
import { f32, f64, f64x2, get, i32, increase, loopWhile, select, set, v128, type Code, type Local } from "./assembler.ts";
import { eachPanel, eachRow, liveLanes, masked, Site, SLOT } from "./cells.ts";
import type { GroupWriter } from "./emission.ts";

const F64 = 0x7c;

/** Adds up what `of` makes of each number of a weight-shaped tensor, as two float64 lanes; `total` is left with the sum. */
function sumOver(group: GroupWriter, name: string, total: Local, of: (value: Code) => Code): Code {
  const { writer } = group,
    { rows, cols } = group.tensor(name),
    sums = writer.scratch("sums64"),
    value = writer.scratch("summed");
  const high = v128.shuffle(get(value), get(value), 2, 3, 2, 3);
  return [
    set(sums, v128.xor(get(sums), get(sums))),
    eachPanel(writer, cols, (panel, cells) =>
      eachRow(writer, i32.const(0), i32.const(Number(rows)), 1, (row) => {
        const site = new Site(writer, row, panel);
        return site.wrap(
          Array.from({ length: cells }, (_, quad) => {
            const cell = { site, below: 0, quad };
            return [
              set(value, masked(group.memory(name, cell), liveLanes(cell, cols), 0)),
              set(sums, f64x2.add(get(sums), f64x2.add(of(f64x2.fromF32(get(value))), of(f64x2.fromF32(high))))),
            ];
          }),
        );
      }),
    ),
    set(total, f64.add(get(total), f64.add(f64x2.lane(get(sums), 0), f64x2.lane(get(sums), 1)))),
  ];
}

const square =
  (group: GroupWriter) =>
  (value: Code): Code => {
    const local = group.writer.scratch("squared");
    return [set(local, value), f64x2.mul(get(local), get(local))];
  };

const storeScalar = (group: GroupWriter, name: string, value: Code): Code =>
  f32.store(i32.const(0), value, group.emission.layoutOf(name).base);

function penalty(group: GroupWriter, { l1, l2, inputs: [w], outputs: [out] }: OpOf<"penalty">): Code {
  const { writer } = group,
    absolute = writer.scratch("absolute", F64),
    squares = writer.scratch("squares", F64),
    zero = f64.const(0);
  return [
    set(absolute, zero),
    set(squares, zero),
    l1 === 0 ? [] : sumOver(group, w, absolute, f64x2.abs),
    l2 === 0 ? [] : sumOver(group, w, squares, square(group)),
    storeScalar(group, out, f32.fromF64(f64.add(f64.mul(get(absolute), f64.const(l1)), f64.mul(get(squares), f64.const(l2))))),
  ];
}

/** min(1, limit / ‖all inputs together‖₂). */
function clipFactor(group: GroupWriter, { limit, inputs, outputs: [out] }: OpOf<"clipFactor">): Code {
  const total = group.writer.scratch("squares", F64),
    norm = group.writer.scratch("norm", F64);
  return [
    set(total, f64.const(0)),
    inputs.map((name) => sumOver(group, name, total, square(group))),
    set(norm, f64.sqrt(get(total))),
    storeScalar(group, out, f32.fromF64(select(f64.const(1), f64.div(f64.const(limit), get(norm)), f64.le(get(norm), f64.const(limit))))),
  ];
}

/** Adds up a (rows, 1) tensor of the mini-batch, or of `1` row. */
function sumRows(group: GroupWriter, name: string, total: Local, read: (address: Code, offset: number) => Code): Code {
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
const wholeNumber = (address: Code, offset: number): Code => f64.fromI32U(i32.load(address, offset));

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

/** Σ lengths. */
function countSteps(group: GroupWriter, { inputs: [lengths], outputs: [out] }: OpOf<"countSteps">): Code {
  const total = group.writer.scratch("total", F64);
  return [set(total, f64.const(0)), sumRows(group, lengths, total, wholeNumber), storeScalar(group, out, f32.fromF64(get(total)))];
}

export function writeReduce(group: GroupWriter, ops: readonly Op[]): Code {
  return ops.map((op) => {
    switch (op.type) {
      case "penalty":
        return penalty(group, op);
      case "clipFactor":
        return clipFactor(group, op);
      case "summarize":
        return summarize(group, op);
      case "countSteps":
        return countSteps(group, op);
      default:
        throw new Error(`wasm: ${op.type} is no sum over a tensor`);
    }
  });
}
