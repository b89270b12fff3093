// The forms of float32 kernels: what their roundings add up to, and how good the fits are, over the whole of their intervals.

import { expect, test } from "vitest";
import { LOG1P, TANH_DENOMINATOR, TANH_END, TANH_NUMERATOR } from "../../src/model/float32-forms.ts";
import { MILLS, MILLS_CENTRE, MILLS_END } from "../../src/model/normal-forms.ts";
import { millsRatio } from "../../src/reference/activations.ts";
import { LOG1P_ROUNDING, MILLS_ROUNDING, ONE_MINUS_EXP_ROUNDING, TANH_ROUNDING } from "../../src/reference/float32-forms.ts";
import { add, divide, exact, multiply, scaleExactly, subtract, UNIT, type Rough } from "../../src/reference/rounding.ts";

const horner = (y: Rough, coefficients: readonly number[]): Rough =>
  coefficients.slice(0, -1).reduceRight((inner, c) => add(exact(c), multiply(y, inner)), exact(coefficients.at(-1)!));

/** From an exact y: tanh(x)/x changes by at most half of what y does, and so do the functions made of it. */
function tanhQuotient(x: number): readonly [Rough, Rough] {
  const y = exact(x * x);
  return [multiply(exact(x), horner(y, [1, ...TANH_NUMERATOR])), horner(y, [1, ...TANH_DENOMINATOR])];
}

/** The rounding of y. */
const withSquare = ({ value, error }: Rough): Rough => ({ value, error: error + 0.51 * UNIT * value });

const FORMS: Record<string, { end: number; limit: number; form: (x: number) => Rough; right: (x: number) => number }> = {
  tanh: { end: TANH_END, limit: TANH_ROUNDING, right: Math.tanh, form: (x) => withSquare(divide(...tanhQuotient(x))) },
  "1 − e^(−u)": {
    end: 2 * TANH_END,
    limit: ONE_MINUS_EXP_ROUNDING,
    right: (u) => -Math.expm1(-u),
    form: (u) => {
      const [n, d] = tanhQuotient(u / 2);
      return withSquare(divide(scaleExactly(n, 2), add(d, n)));
    },
  },
  "ln(1 + x)": {
    end: 1,
    limit: LOG1P_ROUNDING,
    right: Math.log1p,
    form: (x) => {
      const s = divide(exact(x), add(exact(2), exact(x)));
      return multiply(s, horner(multiply(s, s), [2, ...LOG1P]));
    },
  },
  "Φ(−t)·e^(t²/2)": {
    end: MILLS_END,
    limit: MILLS_ROUNDING,
    right: (t) => millsRatio(t) / Math.sqrt(2 * Math.PI),
    form: (t) => {
      const far = add(exact(t), exact(MILLS_CENTRE));
      return divide(horner(divide(subtract(exact(t), exact(MILLS_CENTRE)), far), MILLS), far);
    },
  },
};

/** From hardly anything to the end, evenly by exponents and by numbers. */
const between = (end: number): number[] => [
  ...Array.from({ length: 3000 }, (_, i) => end * 2 ** (-i / 40)),
  ...Array.from({ length: 20_000 }, (_, i) => (end * (i + 1)) / 20_000),
];

test.each(Object.entries(FORMS))(
  "%s: roundings and fit stay within the stated bound, which is not far away",
  (_, { end, limit, form, right }) => {
    let worst = 0;
    for (const x of between(end)) {
      const { value, error } = form(x),
        exactly = right(x);
      worst = Math.max(worst, (error + Math.abs(value - exactly)) / exactly);
    }
    if (process.env.BOUNDS) console.log(`${(worst / UNIT).toFixed(2)} units`);
    expect(worst).toBeLessThanOrEqual(limit);
    expect(limit).toBeLessThan(1.3 * worst);
  },
);

test("control: coefficients that are off by 10⁻⁵ are noticed", () => {
  const { right, limit } = FORMS.tanh,
    wrong = horner(exact(1), [1.00001, ...TANH_NUMERATOR]).value / horner(exact(1), [1, ...TANH_DENOMINATOR]).value;
  expect(Math.abs(wrong / right(1) - 1)).toBeGreaterThan(limit);
});
