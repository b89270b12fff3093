// How far what one number adds to a loss, and its derivative, may lie from the exact ones on a float32 GPU (rounding.ts): of the losses
// whose formulas are in shaders/uncommon.wgsl.ts, in the order of the shader.

import { LOSS_EPSILON } from "../model/loss-details.ts";
import type { UncommonSum } from "../model/losses.ts";
import { logOnePlus, monotone, roughTanh } from "./float32-forms.ts";
import {
  add,
  divide,
  DIVISION,
  exact,
  largest,
  logarithm,
  logarithmRounding,
  magnitude,
  multiply,
  negate,
  rounded,
  scaleExactly,
  square,
  subtract,
  TINY,
  UNIT,
  type Rough,
} from "./rounding.ts";

export interface BoundedSum {
  /** What one number adds, from its answer and target, before a mean over outputs. */
  readonly term: (a: Rough, y: Rough) => Rough;
  readonly slope: (a: Rough, y: Rough) => Rough;
}

const EPSILON = rounded(LOSS_EPSILON);
/** What a number that was cut from below is at least on any GPU. */
const FLOOR = LOSS_EPSILON * (1 - UNIT);

/** x no less than `low` and no more than `high`, the first of which is rounded. */
function cut(x: Rough, low: Rough, high = Infinity): Rough {
  const of = (value: number): number => Math.min(Math.max(value, low.value), high),
    value = of(x.value);
  const moved = Math.max(of(x.value + x.error) - value, value - of(x.value - x.error));
  return { value, error: moved + (x.value - x.error <= low.value + low.error ? low.error : 0) };
}

/** max(x, ε). */
export const atLeastEpsilon = (x: Rough): Rough => cut(x, EPSILON);

const ZERO = exact(0);
const positive = (x: Rough): Rough => cut(x, ZERO);
const share = (x: Rough): Rough => cut(x, EPSILON, 1);

/** −1, 0 or 1. */
export function signOf({ value, error }: Rough): Rough {
  const sign = Math.sign(value);
  return { value: sign, error: error > 0 && Math.abs(value) <= error ? 1 + Math.abs(sign) : 0 };
}

/** A target of the hinge losses: 0 counts as −1. */
const sideOf = ({ value, error }: Rough): Rough => ({
  value: value === 0 ? -1 : value,
  error: error > 0 && Math.abs(value) <= error ? error + 1 + Math.abs(value) : error,
});
const marginOf = (a: Rough, y: Rough): Rough => subtract(exact(1), multiply(sideOf(y), a));

/** `inside` where the condition holds for certain, 0 where it fails for certain, else either of them. */
function either(holds: boolean, certain: boolean, inside: Rough): Rough {
  if (certain) return holds ? inside : ZERO;
  return { value: holds ? inside.value : 0, error: largest(inside) };
}

/** ln cosh of e ≥ 0. */
const logCosh = (e: number): number => (e < 1 ? Math.log1p(2 * Math.sinh(e / 2) ** 2) : e + Math.log1p(Math.exp(-2 * e)) - Math.LN2);
/**
 * Up to 1: 1 − e^−s within 20u, squared 41u, over 2e^−s, which cancels to 20u·(1 − e^−1)/e^−1 < 36u, and 5u, then ln(1 + x), whose
 * condition is below 1, within 9.5u. Beyond: three roundings of numbers that are at most 2.4 times the result.
 */
const LOG_COSH_ROUNDING = 92 * UNIT;

function relativeToTarget(e: Rough, y: Rough): Rough {
  return divide(multiply(exact(100), e), cut(magnitude(y), EPSILON), FLOOR);
}

/** ln(x/y) of numbers that were cut to [ε, 1]. */
function logRatio(x: Rough, y: Rough): Rough {
  const low = (r: Rough) => Math.max(r.value - r.error, FLOOR),
    high = (r: Rough) => Math.min(r.value + r.error, 1);
  const value = Math.log(x.value / y.value),
    least = low(x) / high(y),
    most = high(x) / low(y);
  const moved = Math.max(Math.log(most) - value, value - Math.log(least), 0);
  return { value, error: moved + 1.001 * DIVISION + logarithmRounding(least * (1 - DIVISION), most * (1 + DIVISION)) };
}

const logDifference = (a: Rough, y: Rough): Rough => subtract(logOnePlus(cut(a, EPSILON)), logOnePlus(cut(y, EPSILON)));

export const BOUNDED_SUMS: Readonly<Record<UncommonSum, BoundedSum>> = {
  meanAbsoluteError: { term: (a, y) => magnitude(subtract(a, y)), slope: (a, y) => signOf(subtract(a, y)) },
  meanAbsolutePercentageError: {
    term: (a, y) => relativeToTarget(magnitude(subtract(y, a)), y),
    slope: (a, y) => relativeToTarget(signOf(subtract(a, y)), y),
  },
  meanSquaredLogarithmicError: {
    term: (a, y) => square(logDifference(a, y)),
    slope(a, y) {
      const certain = a.value - a.error > LOSS_EPSILON * (1 + UNIT) || a.value + a.error < LOSS_EPSILON * (1 - UNIT);
      return either(a.value >= LOSS_EPSILON, certain, divide(scaleExactly(logDifference(a, y), 2), add(exact(1), cut(a, ZERO))));
    },
  },
  logCosh: {
    term: (a, y) => monotone((s) => logCosh(Math.max(s, 0)), magnitude(subtract(a, y)), LOG_COSH_ROUNDING),
    slope: (a, y) => roughTanh(subtract(a, y)),
  },
  hinge: {
    term: (a, y) => positive(marginOf(a, y)),
    slope(a, y) {
      const { value, error } = marginOf(a, y);
      return either(value > 0, Math.abs(value) > error, negate(sideOf(y)));
    },
  },
  squaredHinge: {
    term: (a, y) => square(positive(marginOf(a, y))),
    slope: (a, y) => multiply(scaleExactly(sideOf(y), -2), positive(marginOf(a, y))),
  },
  klDivergence: {
    term: (a, y) => multiply(share(y), logRatio(share(y), share(a))),
    slope(a, y) {
      const low = a.value - a.error,
        high = a.value + a.error,
        inside = divide(negate(share(y)), cut(a, EPSILON), FLOOR);
      const certain = (low > LOSS_EPSILON * (1 + UNIT) && high <= 1) || high < LOSS_EPSILON * (1 - UNIT) || low > 1;
      return either(a.value >= LOSS_EPSILON && a.value <= 1, certain, inside);
    },
  },
  poisson: {
    term: (a, y) => subtract(a, multiply(y, logarithm(add(a, EPSILON)))),
    slope: (a, y) => subtract(exact(1), divide(y, add(a, EPSILON), TINY)),
  },
};
