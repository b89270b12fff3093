// What graphs of sequences and of normalizations need beside those of an MLP, behind one door.

import { isGated } from "../graph/gated-operands.ts";
import { timestepsOf, type Op, type OpOf } from "../graph/types.ts";
import type { Group } from "../schedule/groups.ts";
import { f32, f64, f32x4, F64, fillMemory, get, i32, set, v128, type Code } from "./assembler.ts";
import { eachCell, eachPanel, eachRow, Site } from "./cells.ts";
import { writeCell } from "./elementwise.ts";
import type { GroupRows, GroupWriter, Sequences } from "./emission.ts";
import { writeGatedBackward, writeGatedForward } from "./gated.ts";
import { allRows } from "./groups.ts";
import { PANEL } from "./layout.ts";
import { rowNormalization, termsOf } from "./normalization.ts";
import { writeRecurrentBackward, writeRecurrentForward } from "./recurrent.ts";
import { storeScalar, sumRows } from "./reduce.ts";
import { sequenceCell } from "./sequence-cells.ts";

/** Row v of the gradient is the sum of the δ rows whose index is v, ascending; then what follows, over the whole gradient. */
function writePickRowsGradient(group: GroupWriter, whole: Group, op: OpOf<"embeddingGradient">, stored: ReadonlySet<string>): Code {
  const { writer, emission } = group,
    {
      inputs: [index, delta],
      outputs: [out],
    } = op,
    { base, rowStride, panelStride } = emission.layoutOf(out);
  const { rows, cols } = group.tensor(out),
    picked = writer.scratch("picked", 0x7f),
    timesteps = timestepsOf(group.tensor(delta));
  const bytes = Math.ceil(cols / PANEL) * panelStride;
  return [
    fillMemory(i32.const(base), 0, i32.const(bytes)),
    eachRow(writer, i32.const(0), allRows(group, timesteps), 1, (row) => [
      set(picked, i32.mul(group.wordOf(index, get(row)), i32.const(rowStride))),
      eachPanel(writer, cols, (panel, cells) => {
        const site = new Site(writer, row, panel),
          constant = base + (typeof panel === "number" ? panel * panelStride : 0);
        const address = typeof panel === "number" ? get(picked) : i32.add(get(picked), i32.mul(get(panel), i32.const(panelStride)));
        return site.wrap(
          Array.from({ length: cells }, (_, quad) =>
            v128.store(
              address,
              f32x4.add(v128.load(address, constant + 16 * quad), group.memory(delta, { site, below: 0, quad })),
              constant + 16 * quad,
            ),
          ),
        );
      }),
    ]),
    eachCell(writer, cols, i32.const(0), i32.const(Number(rows)), (cell) => {
      group.forget();
      return writeCell(group, whole.ops.slice(1), cell, stored);
    }),
  ];
}

const wholeNumber = (address: Code, offset: number): Code => f64.fromI32U(i32.load(address, offset));

/** Σ lengths. */
function countSteps(group: GroupWriter, { inputs: [lengths], outputs: [out] }: OpOf<"countSteps">): Code {
  const total = group.writer.scratch("total", F64);
  return [set(total, f64.const(0)), sumRows(group, lengths, total, wholeNumber), storeScalar(group, out, f32.fromF64(get(total)))];
}

function writeOther(
  group: GroupWriter,
  whole: Group,
  stored: ReadonlySet<string>,
): { readonly extent: GroupRows; readonly body: Code } | null {
  const [op] = whole.ops;
  switch (op.type) {
    case "embeddingGradient":
      return { extent: "whole", body: writePickRowsGradient(group, whole, op, new Set([...stored, op.outputs[0]])) };
    case "recurrentForward":
      return { extent: "examples", body: isGated(op) ? writeGatedForward(group, op) : writeRecurrentForward(group, op) };
    case "recurrentBackward":
      return { extent: "examples", body: isGated(op) ? writeGatedBackward(group, op) : writeRecurrentBackward(group, op) };
    default:
      return null;
  }
}

const unknown = ({ type }: Op): never => {
  throw new Error(`wasm: ${type} is of no sequence`);
};

export const SEQUENCES: Sequences = {
  cell: sequenceCell,
  row: (row, op) => (op.type === "normalizeRows" ? rowNormalization(row, op) : unknown(op)),
  sum: (group, op) => (op.type === "countSteps" ? countSteps(group, op) : unknown(op)),
  terms: termsOf,
  group: writeOther,
};
