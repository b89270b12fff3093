// σ and σ′: against definitions written another way, at values known in closed form, and far out where naive formulas
// overflow or cancel.

import { describe, expect, test } from "vitest";
import { derivativeSource, ELEMENTWISE_ACTIVATIONS, type ElementwiseActivation } from "../../src/model/activations.ts";
import { activate, activationDerivative } from "../../src/reference/activations.ts";

const logistic = (z: number): number => 1 / (1 + Math.exp(-z));

/** ∫ f from 0 to `end`. */
function simpson(f: (t: number) => number, end: number): number {
  const n = 2000,
    h = end / n;
  let sum = f(0) + f(end);
  for (let i = 1; i < n; i++) sum += (i % 2 === 1 ? 4 : 2) * f(i * h);
  return (sum * h) / 3;
}

const DEFINITIONS: Record<ElementwiseActivation, (z: number) => number> = {
  linear: (z) => z,
  sigmoid: logistic,
  tanh: (z) => (Math.exp(z) - Math.exp(-z)) / (Math.exp(z) + Math.exp(-z)),
  relu: (z) => Math.max(z, 0),
  leakyRelu: (z) => Math.max(z, 0.2 * z),
  elu: (z) => (z > 0 ? z : Math.exp(z) - 1),
  softplus: (z) => Math.log(1 + Math.exp(z)),
  // Φ by Simpson's rule over 2,000 intervals from 0.
  gelu: (z) => z * (0.5 + simpson((t) => Math.exp((-t * t) / 2), z) / Math.sqrt(2 * Math.PI)),
  geluTanh: (z) => 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3))),
  swish: (z) => z * logistic(z),
};
const MODERATE = [-3, -1.5, -0.3, 0, 0.2, 1, 2.7];

describe.each(ELEMENTWISE_ACTIVATIONS)("%s", (name) => {
  const derivativeAt = (z: number): number => activationDerivative(name, derivativeSource(name) === "z" ? z : activate(name, z));

  test("agrees with its definition where that is safe to evaluate", () => {
    for (const z of MODERATE) expect(activate(name, z)).toBeCloseTo(DEFINITIONS[name](z), 13);
  });

  test("the derivative agrees with differences", () => {
    for (const z of MODERATE.filter((value) => value !== 0)) {
      const h = 1e-3;
      const at = (x: number): number => activate(name, x);
      const numeric = (8 * (at(z + h) - at(z - h)) - (at(z + 2 * h) - at(z - 2 * h))) / (12 * h);
      expect(Math.abs(derivativeAt(z) - numeric)).toBeLessThan(1e-11);
      // Control: the derivative of another z is not accepted.
      if (!["linear", "relu", "leakyRelu", "elu"].includes(name)) {
        expect(Math.abs(derivativeAt(z + 0.01) - numeric)).toBeGreaterThan(1e-11);
      }
    }
  });

  test("stays finite far out, and takes its limits", () => {
    for (const z of [-1e4, -800, 800, 1e4]) {
      expect(Number.isFinite(activate(name, z))).toBe(true);
      expect(Number.isFinite(derivativeAt(z))).toBe(true);
    }
    const limit = { sigmoid: 1, tanh: 1 }[name as string] ?? 800;
    expect(activate(name, 800)).toBe(limit);
  });

  test("NaN stays NaN", () => {
    expect(activate(name, NaN)).toBeNaN();
    expect(activationDerivative(name, NaN)).toBeNaN();
  });
});

// Values that a formula which cancels would lose altogether.
test("small results keep their digits", () => {
  expect(activate("sigmoid", -700)).toBeCloseTo(Math.exp(-700), 310);
  expect(activate("sigmoid", -40) / Math.exp(-40)).toBeCloseTo(1, 14);
  expect(activate("softplus", -40) / Math.exp(-40)).toBeCloseTo(1, 14);
  expect(activate("tanh", 1e-12)).toBe(1e-12);
  expect(activate("elu", -1e-12) / -1e-12).toBeCloseTo(1, 11);
  expect(activate("gelu", -6)).toBeLessThan(0);
  expect(activationDerivative("softplus", 1e-12) / 1e-12).toBeCloseTo(1, 11);
});

// scipy 1.14, x·scipy.stats.norm.cdf(x), which torch.nn.functional.gelu gives by default, and approximate="tanh" at 1.
test("gelu is z·Φ(z), geluTanh its approximation", () => {
  for (const [z, value] of [
    [1, 0.8413447460685429],
    [-1, -0.15865525393145707],
    [-3, -0.00404969409489031],
    [-5, -1.4332578593959695e-6],
    [-10, -7.619853024160527e-23],
    [3, 2.99595030590511],
  ]) {
    expect(activate("gelu", z) / value).toBeCloseTo(1, 13);
  }
  expect(activate("geluTanh", 1)).toBeCloseTo(0.8411919906, 9);
  expect(activate("geluTanh", -3)).toBeCloseTo(-0.00363739, 8);
});

test("the derivative of relu at its kink is 0", () => {
  expect(activationDerivative("relu", 0)).toBe(0);
  expect(activationDerivative("leakyRelu", 0)).toBe(0.2);
});
