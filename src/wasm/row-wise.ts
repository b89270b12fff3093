// Operations that look at a whole row: softmax, losses with their gradient, metrics. One row goes through all of a group's
// operations before the next begins, through memory that is still in the cache.

import type { Loss } from "../model/losses.ts";
import { matchingActivation, sumsOutputs, takesLabels } from "../model/losses.ts";
import { tensorOf, type Op, type OpOf } from "../graph/types.ts";
import { f32, f32x4, floats, get, i32, i32x4, set, v128, type Code, type Local } from "./assembler.ts";
import { columnsOf, eachRow, masked, type Cell } from "./cells.ts";
import { writeCell } from "./elementwise.ts";
import type { GroupWriter } from "./emission.ts";
import { metricRows } from "./metrics.ts";
import { acrossLanes, Row } from "./row.ts";

const { add, sub, mul, div } = f32x4;
const ZERO = floats(0),
  ONE = floats(1),
  HALF = floats(0.5);
/** Below every number, as the maximum of no numbers. */
const LOWEST = -Infinity;

/**
 * Leaves e^(z − top) in `out` if there is one, sets `sum` to their sum and notes the row's LogSum. What the largest z adds to the sum,
 * its 1, is kept apart until the end: beside it the digits of small ones would be lost.
 */
function logSumExp(row: Row, z: string, out: string | null, sum: Local): Code {
  const { group } = row,
    { writer, math } = group,
    { cols } = group.tensor(z);
  const known = row.totals.get(z);
  if (known && out === null) return [];
  const top = writer.scratch(`top ${z}`),
    rest = writer.scratch(`rest ${z}`),
    e = writer.scratch("softmax e"),
    largest = writer.scratch("softmax largest");
  row.totals.set(z, { top, rest });
  return [
    row.reduce(top, cols, LOWEST, f32x4.pmax, (cell) => group.memory(z, cell)),
    set(sum, ZERO),
    set(rest, ZERO),
    row.cells(cols, (cell, live) => [
      set(e, masked(math.exp(sub(group.memory(z, cell), get(top))), live, 0)),
      out === null ? [] : group.store(out, cell, get(e)),
      set(largest, masked(f32x4.eq(group.memory(z, cell), get(top)), live, 0)),
      set(rest, add(get(rest), v128.andNot(get(e), get(largest)))),
      set(sum, add(get(sum), v128.and(ONE, get(largest)))),
    ]),
    acrossLanes(rest, add),
    acrossLanes(sum, add),
    set(rest, add(get(rest), sub(get(sum), ONE))),
    set(sum, add(get(rest), ONE)),
    set(rest, math.log1p(get(rest))),
  ];
}

function softmax(row: Row, { inputs: [z], outputs: [a] }: OpOf<"softmax">): Code {
  const { group } = row,
    sum = group.writer.scratch("softmax sum");
  return [logSumExp(row, z, a, sum), row.cells(group.tensor(z).cols, (cell) => group.store(a, cell, div(group.memory(a, cell), get(sum))))];
}

/** δ = a ⊙ (g − Σ_row g⊙a). */
function softmaxPullback(row: Row, { inputs: [a, g], outputs: [delta] }: OpOf<"softmaxPullback">): Code {
  const { group } = row,
    { cols } = group.tensor(a),
    dot = group.writer.scratch("dot");
  return [
    row.sum(dot, cols, (cell) => mul(group.memory(a, cell), group.memory(g, cell))),
    row.cells(cols, (cell) => group.store(delta, cell, mul(group.memory(a, cell), sub(group.memory(g, cell), get(dot))))),
  ];
}

/** The target of each number of the cell: one-hot where targets are class indices. */
function targets(row: Row, loss: Loss, y: string, cell: Cell): Code {
  const { group } = row,
    { cols } = group.tensor(y);
  if (takesLabels(loss)) return v128.and(i32x4.eq(group.wordLanes(y, get(row.row)), columnsOf(cell)), ONE);
  const label = group.memory(y, cell);
  return loss.labelSmoothing ? group.uncommon.smooth(loss, cols, label) : label;
}

/** What each number adds to its row's loss; `total` is that of the row's logits. */
function lossOf(row: Row, loss: Loss, a: string, y: string, cell: Cell): Code {
  const { group } = row,
    { math, writer } = group,
    error = writer.scratch("error"),
    size = writer.scratch("error size");
  const difference = set(error, sub(group.memory(a, cell), targets(row, loss, y, cell)));
  switch (loss.name) {
    case "meanSquaredError":
      return [difference, mul(get(error), get(error))];
    case "halfSquaredError":
      return [difference, mul(mul(get(error), get(error)), HALF)];
    // z·([z > 0] − y) + ln(1 + e^−|z|): nothing cancels where y is 0 or 1.
    case "binaryCrossentropy":
      return [
        set(error, group.memory(a, cell)),
        set(size, targets(row, loss, y, cell)),
        add(
          mul(get(error), sub(v128.and(ONE, f32x4.gt(get(error), ZERO)), get(size))),
          math.log1p(math.exp(v128.or(get(error), floats(-0)))),
        ),
      ];
    case "categoricalCrossentropy":
    case "sparseCategoricalCrossentropy":
      return mul(targets(row, loss, y, cell), lossOfLogit(row, a, group.memory(a, cell)));
    default:
      return group.uncommon.term(group, loss, group.memory(a, cell), group.memory(y, cell));
  }
}

/** −ln of the probability that belongs to a logit. */
function lossOfLogit(row: Row, z: string, logit: Code): Code {
  const total = row.totals.get(z);
  if (!total) throw new Error(`wasm: the sum over ${z} is read before it is made`);
  return add(get(total.rest), sub(get(total.top), logit));
}

function lossRows(row: Row, { loss, inputs: [a, y], outputs: [out] }: OpOf<"lossRows">): Code {
  const { group } = row,
    { cols } = group.tensor(a),
    sum = group.writer.scratch("loss sum");
  const total = matchingActivation(loss) === "softmax" ? logSumExp(row, a, null, group.writer.scratch("softmax sum")) : [];
  if (takesLabels(loss)) return [total, row.storeNumber(out, lossOfLogit(row, a, row.numberAt(a, group.wordOf(y, get(row.row)))))];
  return [
    total,
    row.sum(sum, cols, (cell) => lossOf(row, loss, a, y, cell)),
    row.storeNumber(out, sumsOutputs(loss) ? get(sum) : div(get(sum), floats(cols))),
  ];
}

/** BP1 before ⊙σ′: the batch mean 1/B enters here. */
function lossGradient(row: Row, { loss, inputs: [a, y], outputs: [delta] }: OpOf<"lossGradient">): Code {
  const { group } = row,
    tensor = group.tensor(a),
    { cols } = tensor,
    { writer } = group;
  const mean = writer.scratch("mean rows"),
    over = sumsOutputs(loss) ? 1 : cols;
  const gradient = (cell: Cell): Code => {
    const difference = () => sub(group.memory(a, cell), targets(row, loss, y, cell));
    switch (loss.name) {
      case "meanSquaredError":
        return mul(difference(), floats(2));
      case "halfSquaredError":
      case "binaryCrossentropy":
      case "categoricalCrossentropy":
      case "sparseCategoricalCrossentropy":
        return difference();
      default:
        return group.uncommon.slope(group, loss, group.memory(a, cell), group.memory(y, cell));
    }
  };
  return [
    set(mean, f32x4.splat(f32.fromI32U(group.meanRows(tensor)))),
    row.cells(cols, (cell) => group.store(delta, cell, div(over === 1 ? gradient(cell) : div(gradient(cell), floats(over)), get(mean)))),
  ];
}

function rowStep(row: Row, op: Op, stored: ReadonlySet<string>): Code {
  switch (op.type) {
    case "softmax":
      return softmax(row, op);
    case "softmaxPullback":
      return softmaxPullback(row, op);
    case "normalizeRows":
      return row.group.sequences.row(row, op);
    case "lossRows":
      return lossRows(row, op);
    case "lossGradient":
      return lossGradient(row, op);
    case "metricRows":
      return metricRows(row, op);
    default:
      return row.cells(tensorOf(row.group.emission.graph, op.outputs[0]).cols, (cell) => {
        row.group.forget();
        return writeCell(row.group, [op], cell, stored);
      });
  }
}

export function writeRows(group: GroupWriter, ops: readonly Op[], timesteps: number): Code {
  // Whatever a row's operations hand on goes through memory.
  const stored = new Set(ops.flatMap(({ outputs }) => outputs)),
    times = i32.const(timesteps);
  return eachRow(group.writer, i32.mul(get(group.from), times), i32.mul(get(group.to), times), 1, (local) => {
    const row = new Row(group, local),
      code = ops.map((op) => rowStep(row, op, stored));
    group.forget();
    return code;
  });
}
