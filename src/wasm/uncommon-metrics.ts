// What metrics that few networks have are made of, of each row: formulas of reference/losses.ts.

import { LOSS_EPSILON } from "../model/loss-details.ts";
import { outputOf } from "../graph/metric-kinds.ts";
import type { MetricKind } from "../graph/types.ts";
import { f32x4, floats, get, i32, set, v128, type Code } from "./assembler.ts";
import type { Cell } from "./cells.ts";
import type { RowSite } from "./emission.ts";
import { argmax } from "./metrics.ts";

const { sub, mul, div } = f32x4;
const ONE = floats(1),
  HALF = floats(0.5),
  EPSILON = floats(LOSS_EPSILON),
  TOP_K = floats(5);

/** 1 for a number of a row that counts, else 0. */
function countOf({ group }: RowSite, metric: MetricKind, a: string, y: string, cell: Cell): Code {
  const said = f32x4.gt(group.memory(a, cell), HALF),
    meant = f32x4.gt(group.memory(y, cell), HALF);
  switch (metric) {
    case "truePositives":
      return v128.and(v128.and(ONE, said), meant);
    case "trueNegatives":
      return v128.andNot(v128.andNot(ONE, said), meant);
    case "falsePositives":
      return v128.andNot(v128.and(ONE, said), meant);
    case "falseNegatives":
      return v128.and(v128.andNot(ONE, said), meant);
    default:
      throw new Error(`wasm: ${metric} counts nothing`);
  }
}

/** Whether fewer than 5 answers are larger than that of the class. */
function inTop(row: RowSite, a: string, wanted: Code): Code {
  const { group } = row,
    sum = group.writer.scratch("metric sum"),
    least = group.writer.scratch("least of the top");
  return [
    set(least, row.numberAt(a, wanted)),
    row.sum(sum, group.tensor(a).cols, (cell) => v128.and(ONE, f32x4.gt(group.memory(a, cell), get(least)))),
    v128.and(ONE, f32x4.lt(get(sum), TOP_K)),
  ];
}

/** a·y / (‖a‖·‖y‖), both norms no less than ε; the first operand of pmax is taken where it is not a number. */
function cosine(row: RowSite, a: string, y: string): Code {
  const { group } = row,
    { cols } = group.tensor(a),
    [dot, ofA, ofY] = ["dot", "square a", "square y"].map((name) => group.writer.scratch(`cosine ${name}`));
  const sumOf = (into: typeof dot, left: string, right: string) =>
    row.sum(into, cols, (cell) => mul(group.memory(left, cell), group.memory(right, cell)));
  const norm = (of: typeof dot): Code => f32x4.pmax(f32x4.sqrt(get(of)), EPSILON);
  return [sumOf(dot, a, y), sumOf(ofA, a, a), sumOf(ofY, y, y), div(get(dot), mul(norm(ofA), norm(ofY)))];
}

/** y, y² or (a − y)² of one output. */
function ofOutput(row: RowSite, metric: MetricKind, a: string, y: string): Code {
  const x = row.group.writer.scratch("of output"),
    at = i32.const(outputOf(metric)),
    target = row.numberAt(y, at);
  if (metric.startsWith("target")) return target;
  return [set(x, metric.startsWith("squaredError") ? sub(row.numberAt(a, at), target) : target), mul(get(x), get(x))];
}

export function metric(row: RowSite, kind: MetricKind, a: string, y: string): Code {
  const { group } = row,
    sum = group.writer.scratch("metric sum");
  switch (kind) {
    case "sparseTopKAccuracy":
      return inTop(row, a, group.wordOf(y, get(row.row)));
    case "topKAccuracy":
      return inTop(row, a, argmax(row, y, "y"));
    case "cosineSimilarity":
      return cosine(row, a, y);
    case "truePositives":
    case "trueNegatives":
    case "falsePositives":
    case "falseNegatives":
      return [row.sum(sum, group.tensor(a).cols, (cell) => countOf(row, kind, a, y, cell)), get(sum)];
    default:
      return ofOutput(row, kind, a, y);
  }
}
