// Penalties on weights and bounds on gradients: their sums over all of a tensor, in float64, and what they do number by number.

import type { Op, OpOf } from "../graph/types.ts";
import { allBits, f32, f32x4, F64, f64, f64x2, floats, get, i32, select, set, v128, type Code, type Local } from "./assembler.ts";
import { eachPanel, eachRow, liveLanes, masked, Site, type Cell } from "./cells.ts";
import type { GroupWriter } from "./emission.ts";
import { storeScalar } from "./reduce.ts";

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

/** Sums over all of a tensor. */
export function penaltySum(group: GroupWriter, op: Op): Code {
  if (op.type === "penalty") return penalty(group, op);
  if (op.type === "clipFactor") return clipFactor(group, op);
  throw new Error(`wasm: ${op.type} is no sum over a tensor`);
}

/** g + l1·sign(w) + 2·l2·w. */
function penaltyGradient(group: GroupWriter, { l1, l2, inputs: [g, w] }: OpOf<"penaltyGradient">, cell: Cell): Code {
  const weight = group.writer.scratch("penalized"),
    { madd } = group.math;
  const signed = v128.and(v128.or(v128.and(get(weight), allBits(0x80000000)), floats(l1)), f32x4.ne(get(weight), floats(0)));
  const whole = l1 === 0 ? group.value(g, cell) : f32x4.add(group.value(g, cell), signed);
  return [set(weight, group.memory(w, cell)), l2 === 0 ? whole : madd(get(weight), floats(2 * l2), whole)];
}

/** The number of a cell that an op makes. */
export function penaltyCell(group: GroupWriter, op: Op, cell: Cell): Code {
  if (op.type === "penaltyGradient") return penaltyGradient(group, op, cell);
  if (op.type === "clipValue") return f32x4.pmin(f32x4.pmax(group.value(op.inputs[0], cell), floats(-op.limit)), floats(op.limit));
  throw new Error(`wasm: ${op.type} does not work number by number`);
}
