// The recurrences of LSTM and GRU, forward and back through time, by the formulas of graph/gated.ts. At each timestep the product of h(t−1) with all
// blocks of W is left where the gates are kept, and then each unit reads its blocks, H columns apart; on the way back each sum of the product is
// finished to all δ of its unit. Blocks begin at any column, not only at whole vectors: they are read four numbers at a time wherever they lie, and of
// a last vector that is not full only the numbers that belong to the block are written.

import {
  backwardOperands,
  blocksOf,
  forwardOperands,
  type GatedBackward,
  type GatedForward,
  HARD_SLOPES,
  isHard,
} from "../graph/gated-operands.ts";
import { LENGTHS, timestepsOf } from "../graph/types.ts";
import type { GateActivation } from "../model/activations.ts";
import { f32x4, floats, get, i32, increase, loopWhile, set, v128, when, type Code, type Local } from "./assembler.ts";
import { rowOf, Site, SLOT, spread, type Cell } from "./cells.ts";
import type { GroupWriter } from "./emission.ts";
import type { VectorFunctions } from "./functions.ts";
import { PANEL, type Layout } from "./layout.ts";
import { eachExample, sequenceOf, store, type SequenceLayout } from "./recurrent.ts";
import { writeProduct, type Product } from "./tile.ts";

const { add, mul, sub } = f32x4;
const I32 = 0x7f,
  LANES = 4,
  ZERO = floats(0),
  ONE = floats(1);

/** NaN, the first operand, stays NaN. */
const activateGate = (math: VectorFunctions, name: GateActivation, z: Code): Code =>
  isHard(name) ? f32x4.pmax(f32x4.pmin(add(mul(z, floats(HARD_SLOPES[name])), floats(0.5)), ONE), ZERO) : math.activate(name, z);
const gateDerivative = (math: VectorFunctions, name: GateActivation, a: Code): Code =>
  isHard(name) ? v128.and(v128.and(f32x4.gt(a, ZERO), f32x4.lt(a, ONE)), floats(HARD_SLOPES[name])) : math.derivative(name, a);

/** A sequence of so many columns with the bytes from its first timestep to the present one. */
interface Track {
  readonly sequence: SequenceLayout;
  readonly shift: Local;
}

/** Where the sequences of a layer lie at the present timestep: those of H columns, of all blocks, and of what is kept. */
class Tracks {
  readonly timestep: Local;
  readonly #strides = new Map<string, { readonly shift: Local; readonly stride: number }>();

  constructor(
    readonly group: GroupWriter,
    readonly timesteps: number,
  ) {
    this.timestep = group.writer.scratch("timestep", I32);
  }

  /** Sequences of the same columns share one shift. */
  of(tensor: string): Track {
    const sequence = sequenceOf(this.group, tensor),
      key = `shift ${sequence.rowStride}`;
    const known = this.#strides.get(key) ?? { shift: this.group.writer.scratch(key, I32), stride: sequence.rowStride };
    this.#strides.set(key, known);
    return { sequence, shift: known.shift };
  }

  start(timestep: number): Code {
    return [
      set(this.timestep, i32.const(timestep)),
      [...this.#strides.values()].map(({ shift, stride }) => set(shift, i32.const(timestep * stride))),
    ];
  }

  move(by: 1 | -1): Code {
    return [increase(this.timestep, by), [...this.#strides.values()].map(({ shift, stride }) => increase(shift, by * stride))];
  }

  /** All ones where the present timestep, or the one behind it, counts. */
  counts(cell: Cell, ahead = 0): Code {
    return spread(i32.ltU(i32.add(get(this.timestep), i32.const(ahead)), this.group.wordOf(LENGTHS, rowOf(cell))));
  }
}

/** The same unit of the same example in sequences of any columns: a cell of H columns, read at block after block. */
class Unit {
  readonly #sites = new Map<Local | null, Site>();

  constructor(
    readonly group: GroupWriter,
    readonly cell: Cell,
    readonly width: number,
  ) {}

  #at(layout: Layout, shift: Local | null): readonly [Code, number] {
    const { cell, group } = this;
    const site = this.#sites.get(shift) ?? new Site(group.writer, cell.site.row, cell.site.panel, shift);
    this.#sites.set(shift, site);
    return site.at(layout, cell.below, cell.quad);
  }

  #block({ sequence: { examples, rowStride } }: Track, block: number, ahead: number): Layout {
    return { ...examples, base: examples.base + ahead * rowStride + block * this.width * 4 };
  }

  /** @param ahead timesteps */
  read(track: Track, block = 0, ahead = 0): Code {
    return v128.load(...this.#at(this.#block(track, block, ahead), track.shift));
  }

  write(track: Track, value: Local, block = 0): Code {
    const [address, offset] = this.#at(this.#block(track, block, 0), track.shift),
      { panel } = this.cell.site;
    const left = typeof panel === "number" ? this.width - panel * PANEL - this.cell.quad * LANES : LANES;
    if (left >= LANES) return v128.store(address, get(value), offset);
    return Array.from({ length: left }, (_, lane) => v128.storeLane(address, get(value), lane, offset + 4 * lane));
  }

  /** Of a tensor of one row an example, or one row for all. */
  readRow(layout: Layout, block = 0): Code {
    return v128.load(...this.#at({ ...layout, base: layout.base + block * this.width * 4 }, null));
  }

  writeRow(layout: Layout, value: Local): Code {
    const [address, offset] = this.#at(layout, null);
    return v128.store(address, get(value), offset);
  }

  /** The addresses that were asked for, before the code that uses them. */
  wrap(code: Code): Code {
    return [[...this.#sites.values()].map((site) => site.prelude()), code];
  }
}

/** A carried state, 0 where the sequences begin with this step. */
const carriedAt = (group: GroupWriter, unit: Unit, layout: Layout): Code => v128.choose(ZERO, unit.readRow(layout), group.freshLanes());

export function writeGatedForward(group: GroupWriter, op: GatedForward): Code {
  const { writer, math, emission } = group,
    { z, weights, lengths, state, carriedCell, bias, h, kept, cell: c } = forwardOperands(op, op.inputs, op.outputs);
  const width = group.tensor(h).cols,
    timesteps = timestepsOf(group.tensor(h)),
    tracks = new Tracks(group, timesteps),
    isLSTM = op.gates.cell === "lstm",
    ofZ = tracks.of(z),
    ofH = tracks.of(h),
    ofKept = tracks.of(kept),
    ofC = isLSTM ? tracks.of(c) : null,
    layoutOf = (name: string | undefined) => (name === undefined ? null : emission.layoutOf(name));
  const stateLayout = layoutOf(state),
    cellLayout = layoutOf(carriedCell),
    biasLayout = layoutOf(bias),
    right = emission.layoutOf(weights);
  const [a, i, f, g, o, before, next] = ["a", "gate i", "gate f", "gate g", "gate o", "before", "next"].map((name) => writer.scratch(name));
  const sigma = (value: Code): Code => activateGate(math, op.gates.activation, value),
    phi = (value: Code): Code => math.activate(op.activation, value);

  /** The states of a unit, whose product is where its gates will be kept. */
  const finish = (cell: Cell, hasProduct: boolean, isFirst: boolean): Code => {
    const unit = new Unit(group, cell, width);
    const product = (block: number): Code => {
      const added = hasProduct ? unit.read(ofKept, block) : ZERO;
      return biasLayout ? add(added, unit.readRow(biasLayout, block)) : added;
    };
    const earlier = (track: Track, carried: Layout | null): Code =>
      !isFirst ? unit.read(track, 0, -1) : carried ? carriedAt(group, unit, carried) : ZERO;
    const counting = lengths === undefined ? null : writer.scratch("counts");
    const live = (value: Code): Code => (counting ? v128.and(value, get(counting)) : value);
    const orBefore = (value: Code): Code => (counting ? v128.choose(value, get(before), get(counting)) : value);
    const begin = counting ? set(counting, tracks.counts(cell)) : [];
    if (ofC) {
      const gate = (local: Local, block: number, activation: (value: Code) => Code): Code =>
        set(local, live(activation(add(unit.read(ofZ, block), product(block)))));
      return unit.wrap([
        begin,
        gate(i, 0, sigma),
        gate(f, 1, sigma),
        gate(g, 2, phi),
        gate(o, 3, sigma),
        [i, f, g, o].map((local, block) => unit.write(ofKept, local, block)),
        set(before, earlier(ofC, cellLayout)),
        set(next, orBefore(add(mul(get(f), get(before)), mul(get(i), get(g))))),
        unit.write(ofC, next),
        set(a, mul(get(o), phi(get(next)))),
        counting ? [set(before, earlier(ofH, stateLayout)), set(a, orBefore(get(a)))] : [],
        unit.write(ofH, a),
      ]);
    }
    // i is the update gate, f the reset gate, o what the last third of the product came to.
    return unit.wrap([
      begin,
      set(i, live(sigma(add(unit.read(ofZ, 0), product(0))))),
      set(f, live(sigma(add(unit.read(ofZ, 1), product(1))))),
      set(o, live(product(2))),
      set(g, live(phi(add(unit.read(ofZ, 2), mul(get(f), get(o)))))),
      [i, f, g, o].map((local, block) => unit.write(ofKept, local, block)),
      set(before, earlier(ofH, stateLayout)),
      set(next, orBefore(add(mul(get(i), get(before)), mul(sub(ONE, get(i)), get(g))))),
      unit.write(ofH, next),
    ]);
  };

  const none = writer.scratch("no shift", I32);
  const step = (left: Layout, leftShift: Local, isFirst: boolean): Code => {
    const product: Product = {
      left: { base: left.base, row: left.rowStride, inner: 4 },
      terms: width,
      cols: blocksOf(op.gates) * width,
      right: { base: right.base, inner: right.rowStride, panel: right.panelStride },
      shift: { left: leftShift, cells: ofKept.shift },
    };
    return [
      writeProduct(group, product, get(group.from), get(group.to), (cell, sum) => store(cell, ofKept.sequence.examples, get(sum))),
      eachExample(group, width, ofH.shift, (cell) => finish(cell, true, isFirst)),
    ];
  };
  const fromZero = eachExample(group, width, ofH.shift, (cell) => finish(cell, false, true));
  const earlier: Layout = { ...ofH.sequence.examples, base: ofH.sequence.examples.base - ofH.sequence.rowStride };
  return [
    tracks.start(0),
    set(none, i32.const(0)),
    stateLayout ? when(group.scalar(SLOT.fresh), fromZero, step(stateLayout, none, true)) : fromZero,
    timesteps === 1
      ? []
      : [
          tracks.start(1),
          loopWhile(i32.ltU(get(tracks.timestep), i32.const(timesteps)), [step(earlier, ofH.shift, false), tracks.move(1)]),
        ],
  ];
}

export function writeGatedBackward(group: GroupWriter, op: GatedBackward): Code {
  const { writer, math, emission } = group,
    operands = backwardOperands(op, op.inputs, op.outputs),
    { gradient, h, weights, lengths, kept, before, delta, direct } = operands;
  const width = group.tensor(h).cols,
    timesteps = timestepsOf(group.tensor(h)),
    tracks = new Tracks(group, timesteps),
    isLSTM = op.gates.cell === "lstm",
    around = isLSTM ? delta : operands.recurrent,
    transpose = emission.transposeOf(weights);
  if (!transpose) throw new Error(`wasm: the transpose of ${weights} has no place`);
  const ofG = tracks.of(gradient),
    ofKept = tracks.of(kept),
    ofDelta = tracks.of(delta),
    ofAround = tracks.of(around),
    ofDirect = tracks.of(direct),
    ofBefore = tracks.of(isLSTM ? operands.cell! : h),
    beforeLayout = before === undefined ? null : emission.layoutOf(before),
    pending = lengths === undefined ? null : emission.pendingOf(delta);
  const [total, straight, i, f, g, o, y, d, previous, value, live] = [
    ...["gradient", "straight", "gate i", "gate f", "gate g", "gate o", "state", "cell gradient", "before", "value", "counts"],
  ].map((name) => writer.scratch(name));
  const sigma = (a: Local): Code => gateDerivative(math, op.gates.activation, get(a)),
    phi = (a: Local): Code => math.derivative(op.activation, get(a));

  /** δ of a unit from its sum of the product, which there is none of at the last timestep. */
  const finish = (cell: Cell, sum: Local | null, isFirst: boolean): Code => {
    const unit = new Unit(group, cell, width);
    const put = (track: Track, block: number, code: Code): Code => [
      set(value, pending ? v128.and(code, get(live)) : code),
      unit.write(track, value, block),
    ];
    const earlier = !isFirst ? unit.read(ofBefore, 0, -1) : beforeLayout ? carriedAt(group, unit, beforeLayout) : ZERO;
    const behind = !sum ? null : pending ? v128.choose(get(sum), unit.readRow(pending), tracks.counts(cell, 1)) : get(sum);
    const begin: Code = [
      pending ? set(live, tracks.counts(cell)) : [],
      set(straight, sum ? unit.read(ofDirect, 0, 1) : ZERO),
      set(total, behind ? add(behind, unit.read(ofG)) : unit.read(ofG)),
      isLSTM ? [] : set(total, add(get(total), get(straight))),
      pending ? unit.writeRow(pending, total) : [],
      [i, f, g, o].map((local, block) => set(local, unit.read(ofKept, block))),
      set(previous, earlier),
    ];
    if (isLSTM)
      return unit.wrap([
        begin,
        set(y, math.activate(op.activation, unit.read(ofBefore))),
        set(d, add(mul(mul(get(total), get(o)), phi(y)), get(straight))),
        put(ofDirect, 0, mul(get(d), get(f))),
        put(ofDelta, 0, mul(mul(get(d), get(g)), sigma(i))),
        put(ofDelta, 1, mul(mul(get(d), get(previous)), sigma(f))),
        put(ofDelta, 2, mul(mul(get(d), get(i)), phi(g))),
        put(ofDelta, 3, mul(mul(get(total), get(y)), sigma(o))),
      ]);
    const gates = (track: Track): Code => [
      put(track, 0, mul(mul(get(total), sub(get(previous), get(g))), sigma(i))),
      put(track, 1, mul(mul(get(d), get(o)), sigma(f))),
    ];
    return unit.wrap([
      begin,
      set(d, mul(mul(get(total), sub(ONE, get(i))), phi(g))),
      put(ofDirect, 0, mul(get(total), get(i))),
      gates(ofDelta),
      put(ofDelta, 2, get(d)),
      gates(ofAround),
      put(ofAround, 2, mul(get(d), get(f))),
    ]);
  };

  const { examples, rowStride } = ofAround.sequence;
  const product: Product = {
    left: { base: examples.base + rowStride, row: examples.rowStride, inner: 4 },
    terms: blocksOf(op.gates) * width,
    cols: width,
    right: { base: transpose.base, inner: transpose.rowStride, panel: transpose.panelStride },
    shift: { left: ofAround.shift, cells: ofG.shift },
  };
  const step = (isFirst: boolean): Code =>
    writeProduct(group, product, get(group.from), get(group.to), (cell, sum) => finish(cell, sum, isFirst));
  return [
    tracks.start(timesteps - 1),
    eachExample(group, width, ofG.shift, (cell) => finish(cell, null, timesteps === 1)),
    timesteps === 1
      ? []
      : [tracks.move(-1), loopWhile(i32.ne(get(tracks.timestep), i32.const(0)), [step(false), tracks.move(-1)]), step(true)],
  ];
}
