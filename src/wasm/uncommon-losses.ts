// What one number adds to a loss that is a sum or a mean over outputs, and its derivative: the formulas of reference/losses.ts that few
// networks use, and smoothed labels. Not-a-number goes through all of them.

import { LOSS_EPSILON, smoothing } from "../model/loss-details.ts";
import type { Loss } from "../model/losses.ts";
import { f32x4, floats, get, set, v128, type Code } from "./assembler.ts";
import type { GroupWriter } from "./emission.ts";
import { expm1 } from "./uncommon-functions.ts";

const { add, sub, mul, div } = f32x4;
const ZERO = floats(0),
  ONE = floats(1),
  MINUS_ONE = floats(-1),
  EPSILON = floats(LOSS_EPSILON);

/** The first operand is taken where it is not a number. */
const atLeast = (x: Code): Code => f32x4.pmax(x, EPSILON);
const share = (x: Code): Code => f32x4.pmin(atLeast(x), ONE);

/** −1, 0 or 1 of what is in a local. */
export const signOf = (e: Code): Code => v128.choose(v128.or(v128.and(e, floats(-0)), ONE), e, f32x4.gt(f32x4.abs(e), ZERO));

/** Sets `side`, where 0 counts as −1, and gives 1 − y·a. */
function marginOf(group: GroupWriter, a: Code, y: Code): { readonly before: Code; readonly side: Code; readonly margin: Code } {
  const side = group.writer.scratch("side"),
    margin = group.writer.scratch("margin");
  return {
    before: [
      set(side, y),
      set(side, v128.choose(MINUS_ONE, get(side), f32x4.eq(get(side), ZERO))),
      set(margin, sub(ONE, mul(get(side), a))),
    ],
    side: get(side),
    margin: get(margin),
  };
}

/** ln cosh s, s ≥ 0: near 0 from cosh s − 1 = (1 − e^−s)² / 2e^−s, where nothing cancels. */
function logCosh({ math, writer }: GroupWriter, value: Code): Code {
  const s = writer.scratch("cosh s"),
    p = writer.scratch("cosh p"),
    l = writer.scratch("cosh l"),
    q = add(ONE, get(p));
  const far = f32x4.gt(get(s), ONE);
  return [
    set(s, value),
    set(p, expm1(math, f32x4.neg(get(s)))),
    set(l, math.log1p(v128.choose(mul(q, q), div(mul(get(p), get(p)), mul(floats(2), q)), far))),
    v128.choose(add(get(s), sub(get(l), floats(Math.LN2))), get(l), far),
  ];
}

/** ln(1 + a) − ln(1 + y), both no less than ε. */
function logDifference({ math, writer }: GroupWriter, a: Code, y: Code): Code {
  const log = writer.scratch("log of answer");
  return [set(log, math.log1p(atLeast(a))), sub(get(log), math.log1p(atLeast(y)))];
}

/** What a smoothed label counts as. */
export function smooth(loss: Loss, outputs: number, label: Code): Code {
  const smoothed = smoothing(loss, outputs);
  return smoothed ? add(mul(label, floats(smoothed.scale)), floats(smoothed.shift)) : label;
}

export function termOf(group: GroupWriter, loss: Loss, a: Code, y: Code): Code {
  const { math, writer } = group,
    size = writer.scratch("term size"),
    target = writer.scratch("term target");
  switch (loss.name) {
    case "huber":
      return [
        set(target, sub(a, y)),
        set(size, f32x4.abs(get(target))),
        v128.choose(
          mul(mul(get(target), get(target)), floats(0.5)),
          mul(sub(get(size), floats(0.5 * loss.delta)), floats(loss.delta)),
          f32x4.le(get(size), floats(loss.delta)),
        ),
      ];
    case "meanAbsoluteError":
      return f32x4.abs(sub(a, y));
    case "meanAbsolutePercentageError":
      return [set(target, y), div(mul(floats(100), f32x4.abs(sub(get(target), a))), atLeast(f32x4.abs(get(target))))];
    case "meanSquaredLogarithmicError":
      return [set(size, logDifference(group, a, y)), mul(get(size), get(size))];
    case "logCosh":
      return logCosh(group, f32x4.abs(sub(a, y)));
    case "hinge": {
      const { before, margin } = marginOf(group, a, y);
      return [before, f32x4.pmax(margin, ZERO)];
    }
    case "squaredHinge": {
      const { before, margin } = marginOf(group, a, y);
      return [before, set(size, f32x4.pmax(margin, ZERO)), mul(get(size), get(size))];
    }
    case "klDivergence":
      return [set(target, share(y)), mul(get(target), math.log(div(get(target), share(a))))];
    case "poisson":
      return [set(size, a), set(target, y), sub(get(size), mul(get(target), math.log(add(get(size), EPSILON))))];
    default:
      throw new Error(`wasm: ${loss.name} is a common loss`);
  }
}

/** Its derivative by a. */
export function slopeOf(group: GroupWriter, loss: Loss, a: Code, y: Code): Code {
  const { math, writer } = group,
    size = writer.scratch("term size"),
    target = writer.scratch("term target");
  switch (loss.name) {
    case "huber":
      return f32x4.pmin(f32x4.pmax(sub(a, y), floats(-loss.delta)), floats(loss.delta));
    case "meanAbsoluteError":
      return [set(size, sub(a, y)), signOf(get(size))];
    case "meanAbsolutePercentageError":
      return [set(target, y), set(size, sub(a, get(target))), div(mul(floats(100), signOf(get(size))), atLeast(f32x4.abs(get(target))))];
    case "meanSquaredLogarithmicError":
      return [
        set(size, a),
        set(target, logDifference(group, get(size), y)),
        v128.andNot(div(mul(floats(2), get(target)), add(ONE, get(size))), f32x4.lt(get(size), EPSILON)),
      ];
    case "logCosh":
      return math.tanh(sub(a, y));
    case "hinge": {
      const { before, side, margin } = marginOf(group, a, y);
      return [before, v128.choose(f32x4.neg(side), f32x4.pmax(margin, ZERO), f32x4.gt(margin, ZERO))];
    }
    case "squaredHinge": {
      const { before, side, margin } = marginOf(group, a, y);
      return [before, mul(mul(floats(-2), side), f32x4.pmax(margin, ZERO))];
    }
    case "klDivergence":
      return [
        set(size, a),
        v128.andNot(div(f32x4.neg(share(y)), get(size)), v128.or(f32x4.lt(get(size), EPSILON), f32x4.gt(get(size), ONE))),
      ];
    case "poisson":
      return sub(ONE, div(y, add(a, EPSILON)));
    default:
      throw new Error(`wasm: ${loss.name} is a common loss`);
  }
}
