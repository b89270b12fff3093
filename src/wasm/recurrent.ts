// The recurrence of a simple RNN, forward and back through time: at each timestep a product of the states of some examples with
// W or Wᵀ, finished in its registers. Examples are rows of the mini-batch that do not depend on one another.
//   h(t) = σ(z(t) + h(t−1)·W)      δ(t) = (g(t) + δ(t+1)·Wᵀ) ⊙ σ′(h(t))

import { LENGTHS, timestepsOf, type OpOf } from "../graph/types.ts";
import { f32x4, get, i32, increase, loopWhile, repeat, set, v128, when, type Code, type Local } from "./assembler.ts";
import { eachPanel, eachRow, rowOf, Site, SLOT, spread, type Cell } from "./cells.ts";
import type { GroupWriter } from "./emission.ts";
import type { Layout } from "./layout.ts";
import { writeProduct, type FinishCell, type Product } from "./tile.ts";

const { add, mul } = f32x4;

/** A sequence whose rows are its examples: timestep t lies t·rowStride further. */
export interface SequenceLayout {
  readonly examples: Layout;
  readonly rowStride: number;
}

export function sequenceOf(group: GroupWriter, name: string): SequenceLayout {
  const { base, rowStride, panelStride } = group.emission.layoutOf(name);
  return { examples: { base, rowStride: rowStride * timestepsOf(group.tensor(name)), panelStride }, rowStride };
}

export const load = ({ site, below, quad }: Cell, layout: Layout): Code => v128.load(...site.at(layout, below, quad));
export function store({ site, below, quad }: Cell, layout: Layout, value: Code): Code {
  const [address, offset] = site.at(layout, below, quad);
  return v128.store(address, value, offset);
}

/** The same cells without a product: at the end from which a sequence is gone through. */
export function eachExample(group: GroupWriter, cols: number, shift: Local, finish: (cell: Cell) => Code): Code {
  const { writer } = group;
  return eachPanel(writer, cols, (panel, cells) =>
    eachRow(writer, get(group.from), get(group.to), 1, (row) => {
      const site = new Site(writer, row, panel, shift);
      return site.wrap(Array.from({ length: cells }, (_, quad) => finish({ site, below: 0, quad })));
    }),
  );
}

/** All ones where timestep `t` plus `ahead` of the cell's example counts. */
export const counts = (group: GroupWriter, cell: Cell, t: Local, ahead = 0): Code =>
  spread(i32.ltU(i32.add(get(t), i32.const(ahead)), group.wordOf(LENGTHS, rowOf(cell))));

export function writeRecurrentForward(group: GroupWriter, op: OpOf<"recurrentForward">): Code {
  const { writer, math, emission } = group,
    {
      inputs: [z, w, ...rest],
      outputs: [h],
      activation,
      masked,
      stateful,
    } = op;
  const { cols } = group.tensor(h),
    timesteps = timestepsOf(group.tensor(h)),
    weights = emission.layoutOf(w);
  const ofZ = sequenceOf(group, z),
    ofH = sequenceOf(group, h),
    state = stateful ? emission.layoutOf(rest[masked ? 1 : 0]) : null;
  const t = writer.scratch("timestep", 0x7f),
    shift = writer.scratch("shift", 0x7f),
    value = writer.scratch("state"),
    none = writer.scratch("no shift", 0x7f);
  /** The state after this timestep from z(t) + h(t−1)·W; at padding the one before. */
  const finish =
    (before: ((cell: Cell) => Code) | null): ((cell: Cell, sum: Local | null) => Code) =>
    (cell, sum) => [
      set(value, math.activate(activation, sum ? add(get(sum), load(cell, ofZ.examples)) : load(cell, ofZ.examples))),
      !masked
        ? []
        : set(value, before ? v128.choose(get(value), before(cell), counts(group, cell, t)) : v128.and(get(value), counts(group, cell, t))),
      store(cell, ofH.examples, get(value)),
    ];
  const product = (left: Layout, leftShift: Local): Product => ({
    left: { base: left.base, row: left.rowStride, inner: 4 },
    terms: cols,
    cols,
    right: { base: weights.base, inner: weights.rowStride, panel: weights.panelStride },
    shift: { left: leftShift, cells: shift },
  });
  const earlier: Layout = { ...ofH.examples, base: ofH.examples.base - ofH.rowStride };
  const run = (of: Product, before: (cell: Cell) => Code): Code => writeProduct(group, of, get(group.from), get(group.to), finish(before));
  // Cells of the carried states lie without the timestep's shift, which is 0 where they are read.
  const fromState = (layout: Layout): Code => run(product(layout, none), (cell) => load(cell, layout));
  const fromZero = eachExample(group, cols, shift, (cell) => finish(null)(cell, null));
  return [
    set(t, i32.const(0)),
    set(shift, i32.const(0)),
    set(none, i32.const(0)),
    state ? when(group.scalar(SLOT.fresh), fromZero, fromState(state)) : fromZero,
    timesteps === 1
      ? []
      : [
          set(t, i32.const(1)),
          set(shift, i32.const(ofH.rowStride)),
          repeat(
            [run(product(earlier, shift), (cell) => load(cell, earlier)), increase(t, 1), increase(shift, ofH.rowStride)],
            i32.ltU(get(t), i32.const(timesteps)),
          ),
        ],
  ];
}

export function writeRecurrentBackward(group: GroupWriter, op: OpOf<"recurrentBackward">): Code {
  const { writer, math, emission } = group,
    {
      inputs: [g, h, w],
      outputs: [delta],
      activation,
      masked,
    } = op;
  const { cols } = group.tensor(h),
    timesteps = timestepsOf(group.tensor(h)),
    transpose = emission.transposeOf(w);
  if (!transpose) throw new Error(`wasm: the transpose of ${w} has no place`);
  const ofG = sequenceOf(group, g),
    ofH = sequenceOf(group, h),
    ofDelta = sequenceOf(group, delta),
    pending = masked ? emission.pendingOf(delta) : null;
  const t = writer.scratch("timestep", 0x7f),
    shift = writer.scratch("shift", 0x7f),
    total = writer.scratch("gradient"),
    lanes = writer.scratch("counts");
  const plain = (cell: Cell, value: Code): Code =>
    store(cell, ofDelta.examples, mul(value, math.derivative(activation, load(cell, ofH.examples))));
  /** Gradients that padding hands on lie without the timestep's shift: a site of their own finds them. */
  const withPadding = (cell: Cell, sum: Local | null, kept: Layout): Code => {
    const own = new Site(writer, cell.site.row, cell.site.panel),
      [address, offset] = own.at(kept, cell.below, cell.quad);
    const behind = sum ? v128.choose(get(sum), v128.load(address, offset), counts(group, cell, t, 1)) : null;
    return [
      own.prelude(),
      set(total, behind ? add(load(cell, ofG.examples), behind) : load(cell, ofG.examples)),
      set(lanes, counts(group, cell, t)),
      v128.store(address, get(total), offset),
      store(cell, ofDelta.examples, v128.and(mul(get(total), math.derivative(activation, load(cell, ofH.examples))), get(lanes))),
    ];
  };
  const finish = (cell: Cell, sum: Local | null): Code =>
    pending ? withPadding(cell, sum, pending) : plain(cell, sum ? add(get(sum), load(cell, ofG.examples)) : load(cell, ofG.examples));
  const onProduct: FinishCell = finish;
  const last = (timesteps - 1) * ofH.rowStride;
  const product: Product = {
    left: { base: ofDelta.examples.base + ofDelta.rowStride, row: ofDelta.examples.rowStride, inner: 4 },
    terms: cols,
    cols,
    right: { base: transpose.base, inner: transpose.rowStride, panel: transpose.panelStride },
    shift: { left: shift, cells: shift },
  };
  return [
    set(t, i32.const(timesteps - 1)),
    set(shift, i32.const(last)),
    eachExample(group, cols, shift, (cell) => finish(cell, null)),
    timesteps === 1
      ? []
      : loopWhile(i32.ne(get(t), i32.const(0)), [
          increase(t, -1),
          increase(shift, -ofH.rowStride),
          writeProduct(group, product, get(group.from), get(group.to), onProduct),
        ]),
  ];
}
