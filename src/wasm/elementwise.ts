// Operations that work number by number, on one cell at a time: they follow a product or a sum in its registers, or one another.

import type { Optimizer } from "../model/optimizers.ts";
import { LENGTHS, timestepsOf, tensorOf, type Op, type OpOf } from "../graph/types.ts";
import { f32, f32x4, floats, get, i32, set, v128, allBits, type Code, type Local } from "./assembler.ts";
import { rowOf, SLOT, spread, type Cell } from "./cells.ts";
import type { GroupWriter } from "./emission.ts";
import { lastTimesteps, PANEL } from "./layout.ts";
import { signOf } from "./sums.ts";
import { normalizationOf } from "./normalization.ts";

const { add, sub, mul, div } = f32x4;
const ZERO = floats(0);

/** Number of the example and of the timestep that a row of a sequence belongs to. */
export const exampleOf = (row: Code, timesteps: number): Code => (timesteps === 1 ? row : i32.divU(row, i32.const(timesteps)));
export const timestepOf = (row: Code, timesteps: number): Code => (timesteps === 1 ? i32.const(0) : i32.remU(row, i32.const(timesteps)));

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

/** g + l1·sign(w) + 2·l2·w. */
function penaltyGradient(group: GroupWriter, { l1, l2, inputs: [g, w] }: OpOf<"penaltyGradient">, cell: Cell): Code {
  const weight = group.writer.scratch("penalized"),
    { madd } = group.math;
  const signed = v128.and(v128.or(v128.and(get(weight), allBits(0x80000000)), floats(l1)), f32x4.ne(get(weight), ZERO));
  const whole = l1 === 0 ? group.value(g, cell) : add(group.value(g, cell), signed);
  return [set(weight, group.memory(w, cell)), l2 === 0 ? whole : madd(get(weight), floats(2 * l2), whole)];
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
    case "penaltyGradient":
      return penaltyGradient(group, op, cell);
    case "clipValue":
      return f32x4.pmin(f32x4.pmax(one(), floats(-op.limit)), floats(op.limit));
    // To −0 every number adds up to itself.
    case "normalize":
      return normalizationOf(group, op, cell);
    case "accumulate":
      return add(one(), v128.choose(allBits(0x80000000), group.memory(second, cell), group.freshLanes()));
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
        cellOfRow(group, first, exampleOf(row, timesteps), cell),
        spread(i32.eq(timestepOf(row, timesteps), i32.const(timesteps - 1))),
      );
    }
    case "lastStep":
    case "carry":
      return v128.load(...cell.site.at(lastTimesteps(group.emission.layoutOf(first), group.tensor(first)), cell.below, cell.quad));
    default:
      throw new Error(`wasm: ${op.type} does not work number by number`);
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
  return [read, update(group, op.optimizer, w, g, kept), write, storeTransposed(group, weights, cell, w)];
}

/** The formulas of Keras 3, as in reference/optimizers.ts. */
function update(group: GroupWriter, optimizer: Optimizer, w: Local, g: Local, states: readonly Local[]): Code {
  const { madd } = group.math,
    { momentum, nesterov, beta1, beta2, rho, epsilon, centered, weightDecay } = optimizer;
  const rate = group.splat(SLOT.learningRate),
    x = group.writer.scratch("increment"),
    minus = (by: Code): Code => set(w, sub(get(w), by));
  /** s ← s + (value − s)·share */
  const towards = (s: Local, value: Code, share: number): Code => set(s, madd(sub(value, get(s)), floats(share), get(s)));
  /** into ← s·share + value·(1 − share) */
  const mixed = (into: Local, s: Code, share: number, value: Code): Code =>
    set(into, madd(s, floats(share), mul(value, floats(1 - share))));
  const square = mul(get(g), get(g));
  switch (optimizer.name) {
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
        optimizer.name === "adamW" ? minus(mul(mul(get(w), floats(weightDecay)), rate)) : [],
        towards(m, get(g), 1 - beta1),
        towards(v, square, 1 - beta2),
        minus(div(mul(get(m), group.splat(SLOT.correctedRate)), add(f32x4.sqrt(get(v)), floats(epsilon)))),
      ];
    }
    case "rmsprop": {
      const [v] = states,
        mean = states[states.length - 1];
      const variance = centered ? f32x4.pmax(sub(get(v), mul(get(mean), get(mean))), ZERO) : get(v);
      return [
        mixed(v, get(v), rho, square),
        centered ? mixed(mean, get(mean), rho, get(g)) : [],
        set(x, div(mul(rate, get(g)), f32x4.sqrt(add(variance, floats(epsilon))))),
        momentum > 0 ? [set(states[1], madd(get(states[1]), floats(momentum), get(x))), set(x, get(states[1]))] : [],
        minus(get(x)),
      ];
    }
    case "adagrad": {
      const [sum] = states;
      return [set(sum, add(get(sum), square)), minus(div(mul(rate, get(g)), f32x4.sqrt(add(get(sum), floats(epsilon)))))];
    }
    case "adadelta": {
      const [v, changes] = states,
        root = (of: Local): Code => f32x4.sqrt(add(get(of), floats(epsilon)));
      return [
        mixed(v, get(v), rho, square),
        set(x, div(mul(get(g), root(changes)), root(v))),
        mixed(changes, get(changes), rho, mul(get(x), get(x))),
        minus(mul(rate, get(x))),
      ];
    }
    case "adamax": {
      const [m, max] = states;
      return [
        towards(m, get(g), 1 - beta1),
        set(max, f32x4.pmax(f32x4.abs(get(g)), mul(get(max), floats(beta2)))),
        minus(div(mul(get(m), group.splat(SLOT.correctedRate)), add(get(max), floats(epsilon)))),
      ];
    }
    case "lion": {
      const [m] = states;
      return [mixed(x, get(m), beta1, get(g)), minus(mul(rate, signOf(get(x)))), mixed(m, get(m), beta2, get(g))];
    }
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
