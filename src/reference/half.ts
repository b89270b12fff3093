// What f16 in memory does to a number that a GPU has computed in f32.

import type { Bounded } from "./compare.ts";

/** The largest f16. */
const LARGEST = 65504;
/** Half the distance from 1 to the next f16, and from 0 to the next. */
const RELATIVE = 2 ** -11,
  ABSOLUTE = 2 ** -25;

/**
 * The same numbers stored as f16 by shaders/kernel.wgsl.ts' to_half, which clamps. WGSL allows either neighbour, and 0 in place
 * of a subnormal; like u of rounding.ts the bound is that of the nearest, which every implementation met takes.
 */
export function storedAsHalf({ values, bounds }: Bounded): Bounded {
  return {
    // NaN stays NaN.
    values: values.map((value) => Math.min(LARGEST, Math.max(-LARGEST, value))),
    bounds: bounds.map((bound, i) => bound + RELATIVE * Math.min(LARGEST, Math.abs(values[i]) + bound) + ABSOLUTE),
  };
}
