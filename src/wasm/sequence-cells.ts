// Operations of sequences that work number by number, on one cell at a time: see elementwise.ts.

import { LENGTHS, timestepsOf, type Op, type OpOf } from "../graph/types.ts";
import { f32, f32x4, get, i32, v128, type Code } from "./assembler.ts";
import { rowOf, SLOT, spread, type Cell } from "./cells.ts";
import { exampleOf, timestepOf } from "./elementwise.ts";
import type { GroupWriter } from "./emission.ts";
import { lastTimesteps } from "./layout.ts";
import { normalizationOf } from "./normalization.ts";

const { add, mul } = f32x4;

/** All ones where the row is no padding. */
export const countsLanes = (group: GroupWriter, row: Code, timesteps: number): Code =>
  spread(i32.ltU(timestepOf(row, timesteps), group.wordOf(LENGTHS, exampleOf(row, timesteps))));

/** A cell of row `row` of a tensor whose rows are not those of the site. */
function cellOfRow(group: GroupWriter, name: string, row: Code, { site: { panel }, quad }: Cell): Code {
  const { base, rowStride, panelStride } = group.emission.layoutOf(name);
  const offset = base + quad * 16 + (typeof panel === "number" ? panel * panelStride : 0),
    at = i32.mul(row, i32.const(rowStride));
  return v128.load(typeof panel === "number" ? at : i32.add(at, i32.mul(get(panel), i32.const(panelStride))), offset);
}

function previousTimestep(group: GroupWriter, { inputs: [h, state], stateful }: OpOf<"previousStep">, cell: Cell): Code {
  const timesteps = timestepsOf(group.tensor(h)),
    row = rowOf(cell);
  const first = spread(i32.eqz(timestepOf(row, timesteps)));
  const before = v128.load(...cell.site.at(group.emission.layoutOf(h), cell.below - 1, cell.quad));
  if (!stateful) return v128.andNot(before, first);
  return v128.choose(v128.andNot(cellOfRow(group, state, exampleOf(row, timesteps), cell), group.freshLanes()), before, first);
}

function embeddingLookup(group: GroupWriter, { inputs: [index, table, bias] }: OpOf<"embeddingLookup">, cell: Cell): Code {
  const picked = cellOfRow(group, table, group.wordOf(index, rowOf(cell)), cell);
  return bias === undefined ? picked : add(picked, group.memory(bias, cell));
}

/** v·(B·T / count), and 0 at padding. */
function maskRows(group: GroupWriter, { inputs: [v, , count] }: OpOf<"maskRows">, cell: Cell): Code {
  const timesteps = timestepsOf(group.tensor(v)),
    rows = i32.mul(group.scalar(SLOT.rows), i32.const(timesteps));
  const scale = f32.div(f32.fromI32U(rows), f32.load(i32.const(0), group.emission.layoutOf(count).base));
  return v128.and(mul(group.value(v, cell), f32x4.splat(scale)), countsLanes(group, rowOf(cell), timesteps));
}

/** v·w, one weight a row. */
function weightRows(group: GroupWriter, { inputs: [v, weights] }: OpOf<"weightRows">, cell: Cell): Code {
  const { base, rowStride } = group.emission.layoutOf(weights);
  return mul(group.value(v, cell), v128.loadSplat(i32.mul(rowOf(cell), i32.const(rowStride)), base));
}

/** The number of a cell that an op makes. */
export function sequenceCell(group: GroupWriter, op: Op, cell: Cell): Code {
  switch (op.type) {
    case "normalize":
      return normalizationOf(group, op, cell);
    case "maskRows":
      return maskRows(group, op, cell);
    case "weightRows":
      return weightRows(group, op, cell);
    case "embeddingLookup":
      return embeddingLookup(group, op, cell);
    case "previousStep":
      return previousTimestep(group, op, cell);
    case "lastStepGradient": {
      const timesteps = timestepsOf(group.tensor(op.outputs[0])),
        row = rowOf(cell);
      return v128.and(
        cellOfRow(group, op.inputs[0], exampleOf(row, timesteps), cell),
        spread(i32.eq(timestepOf(row, timesteps), i32.const(timesteps - 1))),
      );
    }
    case "lastStep":
    case "carry":
      return v128.load(
        ...cell.site.at(lastTimesteps(group.emission.layoutOf(op.inputs[0]), group.tensor(op.inputs[0])), cell.below, cell.quad),
      );
    default:
      throw new Error(`wasm: ${op.type} does not work number by number`);
  }
}
