// How far the forms of model/float32-forms.ts may be off on a float32 GPU: see rounding.ts. The relative roundings are those of the
// formulas in the order of shaders/activations.wgsl.ts, and the errors of the fits; test/reference/float32-forms.test.ts adds them up.

import { MILLS_END } from "../model/normal-forms.ts";
import { add, DIVISION, exact, exponential, logarithmRounding, TINY, UNIT, type Rough } from "./rounding.ts";

/** Of tanh. */
export const TANH_ROUNDING = 18 * UNIT;
/** Of 1 − e^(−u). */
export const ONE_MINUS_EXP_ROUNDING = 20 * UNIT;
/** Of ln(1 + x) on 0 ≤ x ≤ 1. */
export const LOG1P_ROUNDING = 9.5 * UNIT;
/** Of Φ(−t)·e^(t²/2). */
export const MILLS_ROUNDING = 16 * UNIT;

/** The error of f(x) for an f that never falls: its change within the error of x, and a relative rounding. */
export function monotone(f: (x: number) => number, { value, error }: Rough, rounding: number): Rough {
  const result = f(value),
    moved = error === 0 ? 0 : Math.max(f(value + error) - result, result - f(value - error));
  // Half of a number that is barely normal is subnormal, and may be taken for 0.
  return { value: result, error: moved + rounding * (Math.abs(result) + moved) + 2 * TINY };
}

export const roughTanh = (z: Rough): Rough => monotone(Math.tanh, z, TANH_ROUNDING);

/** 1 − e^(−u), u ≥ 0. */
export const oneMinusExp = (u: Rough): Rough => monotone((x) => -Math.expm1(-x), u, ONE_MINUS_EXP_ROUNDING);

/** ln(1 + x), x ≥ 0 on any GPU: by the series up to 1, by log(1 + x) beyond. */
export function logOnePlus(x: Rough): Rough {
  const high = x.value + x.error,
    own = monotone((v) => Math.log1p(Math.max(v, 0)), x, LOG1P_ROUNDING);
  if (high <= 1) return own;
  const low = Math.max(x.value - x.error, 1);
  return { value: own.value, error: own.error + ((1 + high) * UNIT) / (1 + low) + logarithmRounding(1 + low * (1 - UNIT), 1 + high) };
}

/** e^(−t²/2), from t² in two parts. */
export function roughPower(t: number): Rough {
  if (t >= MILLS_END) return { value: Math.exp((-t * t) / 2), error: 2 * TINY };
  // The second part is at most 2⁻¹¹·t²; rounding it is 2·UNIT of that.
  const rest = exponential({ value: 0, error: 2 ** -10 * UNIT * t * t });
  const second = (6 + 4 * 2 ** -12 * t * t) * UNIT + rest.error;
  const first = exponential(exact((-t * t) / 2));
  return { value: first.value, error: first.error + 1.001 * first.value * (second + UNIT) + TINY };
}

/** Whether x may be below 0 on a GPU, and whether it may be above. */
export const signsOf = ({ value, error }: Rough): { below: boolean; above: boolean } => ({
  below: value - error < 0,
  above: value + error >= 0,
});

/** 1/(1+e) or e/(1+e) is rounded twice. */
export const SHARE_ROUNDING = (DIVISION + UNIT) * 1.001;

/** 1 + x·y for an x and y whose errors are known. */
export const onePlus = (product: Rough): Rough => add(exact(1), product);
