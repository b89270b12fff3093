// Arithmetic on numbers that a float32 GPU knows only roughly. A Rough says: the GPU holds some number within `error` of
// `value`. Each operation gives the same statement about its result, from
//   what its operands' errors can do to it (taken to all orders, not only the first), plus
//   its own rounding: u|x| for + − ×, and what the WGSL specification allows exp, log, division and sqrt.
// A formula written in these operations in the order of the shader is its own error bound. Fused multiply-adds and other
// orders of a sum are covered: `total` bounds every order, and a fused operation only leaves a rounding out.
//   u = 2⁻²⁴. WGSL lets + − × round to either neighbour (2u); every implementation met rounds to nearest, so u is used.
//   1 ULP of x is at most 2⁻²³|x| = 2u|x|. Subnormal numbers may be taken for 0: an absolute 2⁻¹²⁶ in each result.

/** Half the distance from 1 to the next float32. */
export const UNIT = 2 ** -24;
/** The smallest normal float32: what is smaller may be flushed to 0. */
export const TINY = 2 ** -126;
/** Division: 2.5 ULP. */
export const DIVISION = 5 * UNIT;
/** sqrt is inherited from 1 / inverseSqrt: 2 ULP and then a division, 2.5 ULP; rounded up to 5. */
export const SQUARE_ROOT = 10 * UNIT;
/** exp: 3 + 2|x| ULP. */
export const exponentialRounding = (x: number): number => (6 + 4 * Math.abs(x)) * UNIT;
/** log: 3 ULP outside [0.5, 2], … */
const LOGARITHM = 6 * UNIT;
/** … and inside an absolute 2⁻²¹. */
const LOGARITHM_NEAR_ONE = 2 ** -21;

/** |error| ≤ gamma(k)·Σ|terms| after k roundings, in any order (Higham, Accuracy and Stability, §3.1). */
export const gamma = (k: number): number => (k * UNIT) / (1 - k * UNIT);

export interface Rough {
  readonly value: number;
  readonly error: number;
}

/** The largest magnitude that the GPU's number can have. */
export const largest = ({ value, error }: Rough): number => Math.abs(value) + error;

/** A number that came in; a subnormal one may be read as 0. */
export function rough(value: number, error = 0): Rough {
  return { value, error: value !== 0 && Math.abs(value) < TINY ? error + Math.abs(value) : error };
}

/** A constant that float32 holds exactly: 0, 1, ½, 2. */
export const exact = (value: number): Rough => ({ value, error: 0 });
/** A constant or scalar that is rounded to float32 on its way to the GPU. */
export const rounded = (value: number): Rough => ({ value, error: Math.abs(value) * UNIT });

/** `result` with a relative rounding of `relative` added to its error. */
function withRounding(value: number, error: number, relative: number): Rough {
  return { value, error: error + relative * (Math.abs(value) + error) + TINY };
}

export const negate = ({ value, error }: Rough): Rough => ({ value: -value, error });
export const magnitude = ({ value, error }: Rough): Rough => ({ value: Math.abs(value), error });
/** x times a power of two: exact in float32. */
export const scaleExactly = (x: Rough, power: number): Rough => ({ value: x.value * power, error: x.error * Math.abs(power) });
export const add = (x: Rough, y: Rough): Rough => withRounding(x.value + y.value, x.error + y.error, UNIT);
export const subtract = (x: Rough, y: Rough): Rough => withRounding(x.value - y.value, x.error + y.error, UNIT);

export function multiply(x: Rough, y: Rough): Rough {
  const error = Math.abs(x.value) * y.error + x.error * Math.abs(y.value) + x.error * y.error;
  return withRounding(x.value * y.value, error, UNIT);
}

export const square = (x: Rough): Rough => multiply(x, x);

/**
 * x / y; nothing is known (an infinite error) when y may be 0. `floor`: what |y| is at least on any GPU, where that is
 * known from how y is made and not from its error.
 */
export function divide(x: Rough, y: Rough, floor = 0): Rough {
  const value = x.value / y.value;
  const closest = Math.max(Math.abs(y.value) - y.error, floor);
  if (!(closest >= TINY)) return { value, error: Infinity };
  return withRounding(value, (x.error + Math.abs(value) * y.error) / closest, DIVISION);
}

/** √x. Near 0 the root of the interval's end, not its slope, decides. */
export function squareRoot({ value, error }: Rough): Rough {
  const root = Math.sqrt(value);
  const up = error / (Math.sqrt(value + error) + root);
  const down = error < value ? error / (Math.sqrt(value - error) + root) : root;
  return withRounding(root, error === 0 ? 0 : Math.max(up, down), SQUARE_ROOT);
}

/** e^x. */
export function exponential({ value, error }: Rough): Rough {
  const power = Math.exp(value);
  // Apart where e^error alone would overflow.
  const moved = error < 1 ? power * Math.expm1(error) : Math.exp(value + error) - power;
  return withRounding(power, moved, exponentialRounding(Math.abs(value) + error));
}

/** What log itself may err by on numbers between low and high. */
export function logarithmRounding(low: number, high: number): number {
  const near = low <= 2 && high >= 0.5 ? LOGARITHM_NEAR_ONE : 0;
  return Math.max(near, LOGARITHM * Math.max(Math.abs(Math.log(low)), Math.abs(Math.log(high))));
}

/** ln x. */
export function logarithm({ value, error }: Rough): Rough {
  const low = value - error,
    high = value + error;
  if (!(low >= TINY)) return { value: Math.log(value), error: Infinity };
  return { value: Math.log(value), error: -Math.log1p(-error / value) + logarithmRounding(low, high) };
}

/** Σ terms, in any order. @param roundings that a term meets at the most, where the order is known to need fewer */
export function total(terms: readonly Rough[], roundings = Math.max(terms.length - 1, 0)): Rough {
  let value = 0,
    error = 0,
    size = 0;
  for (const term of terms) {
    value += term.value;
    error += term.error;
    size += largest(term);
  }
  // The float64 sum itself errs by 2⁻⁵³ a term: of many terms that is no longer next to nothing.
  return { value, error: error + (gamma(roundings) + (roundings < terms.length - 1 ? terms.length * 2 ** -52 : 0)) * size };
}

/** Σ terms / n, whether the GPU divides or multiplies by a rounded 1/n. */
export const meanOf = (terms: readonly Rough[], n: number): Rough => divide(total(terms), exact(n));
