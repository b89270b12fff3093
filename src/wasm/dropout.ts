// The masks of dropout, drawn once a step for both ways through a layer: word i of the masks is all ones where element i is kept.
// The same Philox4x32-10 words as random.ts draws, for four blocks of four elements at a time.

import { dropoutThreshold, keyOf, PHILOX, STEP_HIGH_SHIFT, STREAM } from "../random.ts";
import { timestepsOf, type OpOf } from "../graph/types.ts";
import { allBits, bits, get, i32, i32x4, i64x2, increase, loopWhile, set, v128, type Code, type Local } from "./assembler.ts";
import { SLOT } from "./cells.ts";
import type { GroupWriter } from "./emission.ts";

/** Elements that one turn draws. */
const TURN = 16;

/** Words of the masks of `batch` rows, with room for a whole turn at either end. */
export const maskWords = (elements: number): number => Math.ceil(elements / TURN) * TURN + 2 * TURN;

/** Numbers of a row of the mini-batch that draw a mask of their own. */
export const maskedElements = (group: Pick<GroupWriter, "tensor">, { inputs: [input], held = 1 }: OpOf<"dropout">): number => {
  const tensor = group.tensor(input);
  return (timestepsOf(tensor) * tensor.cols) / held;
};

/** Ten rounds of Philox on four counters, one a lane. */
function philox([c0, c1, c2, c3]: readonly Local[], key: readonly [number, number], [low, high, next]: readonly Local[]): Code {
  const round = (index: number): Code => {
    const k0 = key[0] + index * PHILOX.weyl0,
      k1 = key[1] + index * PHILOX.weyl1;
    // 64-bit products of lanes 0 and 1 and of lanes 2 and 3: their high words are the odd 32-bit lanes, their low words the even ones.
    const multiply = (counter: Local, by: number): Code => [
      set(low, i64x2.mulLow(get(counter), allBits(by))),
      set(high, i64x2.mulHigh(get(counter), allBits(by))),
    ];
    const highWords = v128.shuffle(get(low), get(high), 1, 3, 5, 7),
      lowWords = v128.shuffle(get(low), get(high), 0, 2, 4, 6);
    return [
      multiply(c0, PHILOX.multiplier0),
      set(next, v128.xor(v128.xor(highWords, get(c3)), allBits(k1))),
      set(c3, lowWords),
      multiply(c2, PHILOX.multiplier1),
      set(c0, v128.xor(v128.xor(highWords, get(c1)), allBits(k0))),
      set(c1, lowWords),
      set(c2, get(next)),
    ];
  };
  return Array.from({ length: 10 }, (_, index) => round(index));
}

/** Draws the masks of this layer for rows `from` to `to`. */
export function writeMasks(group: GroupWriter, op: OpOf<"dropout">): Code {
  const { writer, emission } = group,
    { layer, rate } = op,
    perRow = i32.const(maskedElements(group, op));
  const counters = ["c0", "c1", "c2", "c3"].map((name) => writer.scratch(name)),
    temporary = ["low", "high", "next"].map((name) => writer.scratch(name));
  const element = writer.scratch("element", 0x7f),
    end = writer.scratch("mask end", 0x7f),
    at = writer.scratch("mask at", 0x7f);
  const first = writer.scratch("mask first", 0x7f),
    [c0, c1, c2, c3] = counters,
    threshold = allBits(dropoutThreshold(rate));
  const [pair0, pair1] = temporary,
    kept = (counter: Local): Code => i32x4.geU(get(counter), threshold);
  const turned = (from: readonly [number, number, number, number], offset: number): Code => [
    set(pair0, v128.shuffle(get(c0), get(c1), ...from)),
    set(pair1, v128.shuffle(get(c2), get(c3), ...from)),
    v128.store(get(at), v128.shuffle(get(pair0), get(pair1), 0, 1, 4, 5), emission.maskOf(layer) + offset),
    v128.store(get(at), v128.shuffle(get(pair0), get(pair1), 2, 3, 6, 7), emission.maskOf(layer) + offset + 16),
  ];
  return [
    set(first, op.chunked ? i32.mul(group.scalar(SLOT.firstRow), perRow) : i32.const(0)),
    set(element, i32.and(i32.add(get(first), i32.mul(get(group.from), perRow)), i32.const(-TURN))),
    set(end, i32.add(get(first), i32.mul(get(group.to), perRow))),
    set(at, i32.mul(i32.sub(get(element), i32.and(get(first), i32.const(-TURN))), i32.const(4))),
    loopWhile(i32.ltU(get(element), get(end)), [
      set(c0, i32x4.add(i32x4.splat(i32.shrU(get(element), i32.const(2))), bits(0, 1, 2, 3))),
      set(c1, i32x4.splat(group.scalar(SLOT.stepLow))),
      set(c2, allBits(layer)),
      set(c3, i32x4.splat(i32.add(i32.shl(group.scalar(SLOT.stepHigh), i32.const(STEP_HIGH_SHIFT)), i32.const(STREAM.dropout)))),
      philox(counters, keyOf(emission.graph.seed), temporary),
      counters.map((counter) => set(counter, kept(counter))),
      turned([0, 4, 1, 5], 0),
      turned([2, 6, 3, 7], 32),
      increase(element, TURN),
      increase(at, TURN * 4),
    ]),
  ];
}
