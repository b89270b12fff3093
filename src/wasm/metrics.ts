// What metrics that most networks have are made of, of each row: formulas of reference/losses.ts.

import type { MetricKind, OpOf } from "../graph/types.ts";
import { f32, f32x4, floats, get, i32, increase, loopWhile, set, select, v128, type Code } from "./assembler.ts";
import type { Cell } from "./cells.ts";
import type { RowSite } from "./emission.ts";
import type { Row } from "./row.ts";

const { sub, mul, div } = f32x4;
const ZERO = floats(0),
  ONE = floats(1),
  HALF = floats(0.5);

/** Where the largest number of a row is, the first of equals, as a whole number on the stack. */
export function argmax({ group, row }: RowSite, name: string, key: string): Code {
  const { writer } = group,
    { base, rowStride, panelStride } = group.emission.layoutOf(name),
    { cols } = group.tensor(name);
  const [best, at, j, start] = ["best", "at", "j", "start"].map((local) =>
    writer.scratch(`argmax ${key} ${local}`, local === "best" ? 0x7d : 0x7f),
  );
  const panel = i32.mul(i32.shrU(get(j), i32.const(3)), i32.const(panelStride));
  const number = f32.load(i32.add(get(start), i32.add(panel, i32.shl(i32.and(get(j), i32.const(7)), i32.const(2)))), base);
  const value = writer.scratch(`argmax ${key} value`, 0x7d),
    better = f32.gt(get(value), get(best));
  return [
    set(start, i32.mul(get(row), i32.const(rowStride))),
    set(best, f32.load(get(start), base)),
    set(at, i32.const(0)),
    set(j, i32.const(1)),
    loopWhile(i32.ltU(get(j), i32.const(cols)), [
      set(value, number),
      set(at, select(get(j), get(at), better)),
      set(best, select(get(value), get(best), better)),
      increase(j, 1),
    ]),
    get(at),
  ];
}

/** What each number of a row adds to a metric that is the sum or the mean over its row. */
function termOf(row: Row, metric: MetricKind, a: string, y: string, cell: Cell): Code {
  const { group } = row,
    error = group.writer.scratch("error"),
    difference = set(error, sub(group.memory(a, cell), group.memory(y, cell)));
  switch (metric) {
    case "meanSquaredError":
      return [difference, mul(get(error), get(error))];
    case "meanAbsoluteError":
      return [difference, f32x4.abs(get(error))];
    case "binaryAccuracy":
    case "binaryLogitAccuracy":
      return v128.andNot(
        ONE,
        v128.xor(f32x4.gt(group.memory(a, cell), metric === "binaryLogitAccuracy" ? ZERO : HALF), f32x4.gt(group.memory(y, cell), HALF)),
      );
    default:
      throw new Error(`wasm: ${metric} is no sum over numbers`);
  }
}

function valueOf(row: Row, metric: MetricKind, a: string, y: string): Code {
  const { group } = row,
    { cols } = group.tensor(a),
    sum = group.writer.scratch("metric sum");
  const number = (condition: Code): Code => f32x4.splat(f32.fromI32U(condition)),
    label = () => group.wordOf(y, get(row.row));
  const total = () => row.sum(sum, cols, (cell) => termOf(row, metric, a, y, cell));
  switch (metric) {
    case "sparseAccuracy":
      return number(i32.eq(argmax(row, a, "a"), label()));
    case "categoricalAccuracy":
      return number(i32.eq(argmax(row, a, "a"), argmax(row, y, "y")));
    case "meanSquaredError":
    case "meanAbsoluteError":
    case "binaryAccuracy":
    case "binaryLogitAccuracy":
      return [total(), div(get(sum), floats(cols))];
    default:
      return group.uncommon.metric(row, metric, a, y);
  }
}

export const metricRows = (row: Row, { metric, inputs: [a, y], outputs: [out] }: OpOf<"metricRows">): Code =>
  row.storeNumber(out, valueOf(row, metric, a, y));
