// Operations that work number by number, on one cell at a time: they follow a product or a sum in its registers, or one another.

import { timestepsOf, tensorOf, type Op, type OpOf } from "../graph/types.ts";
import { allBits, f32x4, floats, get, i32, set, v128, type Code, type Local } from "./assembler.ts";
import { rowOf, SLOT, type Cell } from "./cells.ts";
import type { GroupWriter } from "./emission.ts";
import { PANEL } from "./layout.ts";

const { add, sub, mul, div } = f32x4;

/** Number of the example and of the timestep that a row of a sequence belongs to. */
export const exampleOf = (row: Code, timesteps: number): Code => (timesteps === 1 ? row : i32.divU(row, i32.const(timesteps)));
export const timestepOf = (row: Code, timesteps: number): Code => (timesteps === 1 ? i32.const(0) : i32.remU(row, i32.const(timesteps)));

/** 0 where dropped, else v/(1 − rate); the mask was drawn before (dropout.ts). */
function dropout(group: GroupWriter, op: OpOf<"dropout">, cell: Cell): Code {
  const { cols } = group.tensor(op.inputs[0]),
    {
      site: { panel },
      quad,
    } = cell,
    { held = 1, layer, rate } = op;
  const element = i32.mul(exampleOf(rowOf(cell), held), i32.const(cols)),
    first = typeof panel === "number" ? panel * PANEL : 0;
  const at = typeof panel === "number" ? element : i32.add(element, i32.mul(get(panel), i32.const(PANEL)));
  const mask = v128.load(i32.mul(i32.add(at, maskShift(group, op)), i32.const(4)), group.emission.maskOf(layer) + (first + quad * 4) * 4);
  return v128.and(mul(group.value(op.inputs[0], cell), floats(1 / (1 - rate))), mask);
}

/** Where the first element of this chunk lies: masks in memory begin at a multiple of 16 elements of the whole mini-batch. */
function maskShift(group: GroupWriter, op: OpOf<"dropout">): Code {
  if (!op.chunked) return i32.const(0);
  const tensor = group.tensor(op.inputs[0]);
  return i32.and(i32.mul(group.scalar(SLOT.firstRow), i32.const((timestepsOf(tensor) * tensor.cols) / (op.held ?? 1))), i32.const(15));
}

/** New value of every output of the op; [0] is the first one's. */
function values(group: GroupWriter, op: Op, cell: Cell): Code {
  const [first, second] = op.inputs,
    one = () => group.value(first, cell),
    other = () => group.value(second, cell);
  switch (op.type) {
    case "activation":
      return group.math.activate(op.activation, one());
    case "activationDerivative":
      return group.math.derivative(op.activation, one());
    case "hadamard":
      return mul(one(), other());
    case "scale":
      return mul(one(), other());
    case "dropout":
      return dropout(group, op, cell);
    // To −0 every number adds up to itself.
    case "accumulate":
      return add(one(), v128.choose(allBits(0x80000000), group.memory(second, cell), group.freshLanes()));
    case "penaltyGradient":
    case "clipValue":
      return group.uncommon.cell(group, op, cell);
    default:
      return group.sequences.cell(group, op, cell);
  }
}

/** Writes the group's elementwise operations for one cell, in order; those in `stored` go to memory. */
export function writeCell(group: GroupWriter, ops: readonly Op[], cell: Cell, stored: ReadonlySet<string>): Code {
  return ops.map((op) => {
    if (op.type === "update") return writeUpdate(group, op, cell);
    const [output] = op.outputs,
      local = group.writer.scratch(`made ${output}`);
    const code: Code = [set(local, values(group, op, cell)), stored.has(output) ? group.store(output, cell, get(local)) : []];
    group.keep(output, local);
    return code;
  });
}

/** Weights and optimizer states of one cell after the step, and the weights' place in the transpose. */
function writeUpdate(group: GroupWriter, op: OpOf<"update">, cell: Cell): Code {
  const [weights, gradient, ...states] = op.inputs,
    { writer } = group;
  const w = writer.scratch("w"),
    g = writer.scratch("g"),
    kept = states.map((_, i) => writer.scratch(`state ${i}`));
  const read: Code = [
    set(g, group.value(gradient, cell)),
    set(w, group.memory(weights, cell)),
    kept.map((local, i) => set(local, group.memory(states[i], cell))),
  ];
  const write: Code = [group.store(weights, cell, get(w)), kept.map((local, i) => group.store(states[i], cell, get(local)))];
  return [read, update(group, op, w, g, kept), write, storeTransposed(group, weights, cell, w)];
}

/** s ← s + (value − s)·share */
export const towards = ({ math }: GroupWriter, s: Local, value: Code, share: number): Code =>
  set(s, math.madd(sub(value, get(s)), floats(share), get(s)));

/** The formulas of Keras 3, as in reference/optimizers.ts. */
function update(group: GroupWriter, op: OpOf<"update">, w: Local, g: Local, states: readonly Local[]): Code {
  const { momentum, nesterov, beta1, beta2, epsilon, weightDecay, name } = op.optimizer;
  const rate = group.splat(SLOT.learningRate),
    x = group.writer.scratch("increment"),
    minus = (by: Code): Code => set(w, sub(get(w), by));
  switch (name) {
    case "sgd": {
      if (momentum === 0) return minus(mul(rate, get(g)));
      const [v] = states;
      return [
        set(x, mul(rate, get(g))),
        set(v, sub(mul(get(v), floats(momentum)), get(x))),
        set(w, add(get(w), nesterov ? sub(mul(get(v), floats(momentum)), get(x)) : get(v))),
      ];
    }
    case "adam":
    case "adamW": {
      const [m, v] = states;
      return [
        name === "adamW" ? minus(mul(mul(get(w), floats(weightDecay)), rate)) : [],
        towards(group, m, get(g), 1 - beta1),
        towards(group, v, mul(get(g), get(g)), 1 - beta2),
        minus(div(mul(get(m), group.splat(SLOT.correctedRate)), add(f32x4.sqrt(get(v)), floats(epsilon)))),
      ];
    }
    default:
      return group.uncommon.update(group, op, w, g, states);
  }
}

/** Number (row, col) of W is number (col, row) of Wᵀ: the four lanes go to four rows. */
function storeTransposed({ emission }: GroupWriter, weights: string, cell: Cell, w: Local): Code {
  const layout = emission.transposeOf(weights),
    { cols } = tensorOf(emission.graph, weights);
  if (!layout) return [];
  const {
      site: { row, panel, writer },
      below,
      quad,
    } = cell,
    { base, rowStride, panelStride } = layout;
  const first = quad * 4 + (typeof panel === "number" ? panel * PANEL : 0);
  const at = writer.scratch("transposed", 0x7f);
  const inPanel = i32.add(
    i32.mul(i32.shrU(get(row), i32.const(3)), i32.const(panelStride)),
    i32.shl(i32.and(get(row), i32.const(7)), i32.const(2)),
  );
  const address: Code =
    below === 0 && quad === 0
      ? set(at, typeof panel === "number" ? inPanel : i32.add(inPanel, i32.mul(get(panel), i32.const(PANEL * rowStride))))
      : [];
  // Behind the last column there is no row of the transpose.
  const lanes = [0, 1, 2, 3].filter((lane) => typeof panel !== "number" || first + lane < cols);
  return [address, lanes.map((lane) => v128.storeLane(get(at), get(w), lane, base + (first + lane) * rowStride + below * 4))];
}
