// No result loses its digits: σ, σ′ and losses over all exponents and signs of float32, as relative errors against float64. The
// limits are 8 ULP of the terms that are added, and what the WGSL specification allows exp (3 + 2|x| ULP), log and division (2.5 ULP).

import { describe, expect, it } from "vitest";
import { derivativeSource, ELEMENTWISE_ACTIVATIONS, type ElementwiseActivation } from "../../src/model/activations.ts";
import {
  binaryCrossentropy,
  categoricalCrossentropy,
  sparseCategoricalCrossentropy,
  takesLabels,
  type Loss,
} from "../../src/model/losses.ts";
import { dense } from "../../src/model/layers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { activate, activationDerivative } from "../../src/reference/activations.ts";
import { sequential } from "../../src/index.ts";
import { describeGpu, ENGINE, itGpu } from "../support/models.ts";
import { expectStep, runStep, useGpu, type StepCase } from "./support.ts";

const gpu = useGpu();
const ULP = 2 ** -23,
  TINY = 2 ** -126;

/** Every exponent with four mantissas, both signs; and 0. Subnormal numbers may be taken for 0. */
const EXPONENTS = Array.from({ length: 253 }, (_, i) => i - 126);
const Z = Float32Array.from([
  0,
  ...EXPONENTS.flatMap((e) => [1, 1.1, 1.4, 1.9].flatMap((m) => [m * 2 ** e, -m * 2 ** e])),
  ...Array.from({ length: 801 }, (_, i) => (i - 400) / 20),
]);

const C = Math.sqrt(2 / Math.PI),
  sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
/** 2u of the tanh form of gelu. */
const twice = (z: number): number => 2 * C * (z + 0.044715 * z ** 3);

/** What built-in functions may add, in ULP of the result: exp of −|x| and divisions. */
const exps = (x: number): number => 3 + 2 * Math.min(Math.abs(x), 120);
const VALUE_ULP: Record<ElementwiseActivation, (z: number) => number> = {
  linear: () => 0,
  relu: () => 0,
  leakyRelu: () => 8,
  sigmoid: (z) => 10.5 + exps(z),
  tanh: () => 10.5,
  elu: () => 10.5,
  softplus: (z) => 10.5 + exps(z),
  gelu: (z) => 1e-6 / ULP + 3 + z * z,
  geluTanh: (z) => 10.5 + exps(twice(z)),
  swish: (z) => 10.5 + exps(z),
};
const SLOPE_ULP: Record<ElementwiseActivation, (x: number) => number> = {
  ...VALUE_ULP,
  leakyRelu: () => 1,
  tanh: () => 8,
  sigmoid: () => 8,
  elu: () => 8,
  softplus: () => 10.5,
  swish: (z) => 13 + 2 * exps(z),
  geluTanh: (z) => 13 + 2 * exps(twice(z)),
  gelu: (z) => 13 + 3 + z * z,
};
/** Σ|terms| where σ′ has terms of two signs; at least |σ′|. */
const SLOPE_TERMS: Partial<Record<ElementwiseActivation, (z: number) => number>> = {
  swish: (z) => sigmoid(z) * (1 + Math.abs(z) * sigmoid(-z)),
  gelu: (z) => (2 * Math.exp((-z * z) / 2) * Math.abs(z) * C) / 2 + Math.abs(activationDerivative("gelu", z)),
  geluTanh: (z) => sigmoid(twice(z)) * (1 + Math.abs(z) * 2 * C * (1 + 3 * 0.044715 * z * z) * sigmoid(-twice(z))),
};

/** What a result is moved by where e^(−|x|), subnormal, is taken for 0 before it is multiplied. */
const SLOPE_FLUSH: Partial<Record<ElementwiseActivation, (z: number) => number>> = {
  geluTanh: (z) => Math.abs(z) * 2 * C * (1 + 3 * 0.044715 * z * z),
};

const unary = (
  type: "activation" | "activationDerivative",
  activation: ElementwiseActivation,
  x: Float32Array,
  wrong?: StepCase["wrong"],
): StepCase => ({
  op: { type, activation, inputs: ["x"], outputs: ["out"] },
  shapes: { x: [x.length, 1], out: [x.length, 1] },
  values: { x },
  wrong,
});
const sources = (activation: ElementwiseActivation): Float32Array =>
  derivativeSource(activation) === "z" ? Z : Z.map((z) => activate(activation, z));

/** Inputs whose result is further off than `ulps` of `terms`, and the smallest normal number. */
function beyond(
  x: Float32Array,
  out: Float32Array,
  right: (x: number) => number,
  ulps: (x: number) => number,
  terms = right,
  flush: (x: number) => number = () => 0,
): number[] {
  return [...x].filter((value, i) => {
    if (value !== 0 && Math.abs(value) < TINY) return false;
    const limit = ulps(value) * ULP * Math.abs(terms(value)) + 2 * TINY * Math.max(1, Math.abs(value), flush(value));
    return !(Math.abs(out[i] - right(value)) <= limit);
  });
}

async function valuesBeyond(activation: ElementwiseActivation, wrong?: StepCase["wrong"]): Promise<number[]> {
  const {
    outputs: [out],
  } = await runStep(gpu, unary("activation", activation, Z, wrong));
  return beyond(Z, out, (z) => activate(activation, z), VALUE_ULP[activation]);
}

async function slopesBeyond(activation: ElementwiseActivation, wrong?: StepCase["wrong"]): Promise<number[]> {
  const x = sources(activation),
    {
      outputs: [out],
    } = await runStep(gpu, unary("activationDerivative", activation, x, wrong));
  return beyond(
    x,
    out,
    (value) => activationDerivative(activation, value),
    SLOPE_ULP[activation],
    SLOPE_TERMS[activation],
    SLOPE_FLUSH[activation],
  );
}

describe.each(ELEMENTWISE_ACTIVATIONS)("%s", (activation) => {
  it("keeps its digits", async () => {
    expect(await valuesBeyond(activation)).toEqual([]);
  });
  it("its derivative too", async () => {
    expect(await slopesBeyond(activation)).toEqual([]);
  });
  it("verify's bounds hold there", async () => {
    await expectStep(gpu, unary("activation", activation, Z));
    await expectStep(gpu, unary("activationDerivative", activation, sources(activation)));
  });
});

describeGpu("control", () => {
  // The forms that were there before.
  it.each<[ElementwiseActivation, string]>([
    ["tanh", "let e = exp(-2.0 * abs(z)); return sign(z) * (1.0 - e) / (1.0 + e);"],
    ["elu", "return select(exp(min(z, 0.0)) - 1.0, z, z >= 0.0);"],
    ["softplus", "return max(z, 0.0) + log(1.0 + exp(-abs(z)));"],
  ])("%s by subtracting from 1 is caught", async (activation, before) => {
    const wrong = [/(\(z: f32\) -> f32 \{)[\s\S]*?\n\}/, `$1 ${before} }`] as const;
    expect((await valuesBeyond(activation, wrong)).length).toBeGreaterThan(50);
    expect((await runStep(gpu, unary("activation", activation, Z, wrong))).comparisons.every(({ ok }) => ok)).toBe(false);
  });
});

it.each([
  [1e-8, "tanh", 1e-8],
  [-1e-8, "elu", -1e-8],
  [-15, "softplus", 3.059022269256247e-7],
  [-17, "softplus", 4.1399375443475e-8],
  [-5, "gelu", -1.4332578593959695e-6],
  [-3, "gelu", -0.00404969409489031],
] as const)("at %f %s is %f", async (z, activation, right) => {
  const {
    outputs: [[out]],
  } = await runStep(gpu, unary("activation", activation, Float32Array.of(z)));
  expect(Math.abs(out / right - 1)).toBeLessThan(3e-6);
});

describe.each<[string, Loss]>([
  ["binary", binaryCrossentropy()],
  ["categorical", categoricalCrossentropy()],
  ["sparse", sparseCategoricalCrossentropy()],
])("%s cross-entropy", (_, loss) => {
  // Logits right and wrong by a distance of all sizes: the loss is ln(1 + e^(∓d)), two classes or one.
  const D = Float32Array.from(
    EXPONENTS.filter((e) => e < 7)
      .flatMap((e) => [1, 1.3].flatMap((m) => [m * 2 ** e, -m * 2 ** e]))
      .concat(Array.from({ length: 161 }, (__, i) => (i - 80) / 2)),
  );
  const rows = D.length,
    binary = loss.name === "binaryCrossentropy",
    cols = binary ? 1 : 2;
  const a = Float32Array.from(binary ? [...D] : [...D].flatMap((d) => [d, 0]));
  const y = Float32Array.from(binary ? [...D].fill(1) : takesLabels(loss) ? [...D].fill(0) : [...D].flatMap(() => [1, 0]));
  const given: StepCase = {
    op: { type: "lossRows", loss, inputs: ["a", "y"], outputs: ["out"] },
    values: { a, y },
    batch: rows,
    shapes: { a: ["batch", cols], y: ["batch", takesLabels(loss) ? 1 : cols], out: ["batch", 1] },
  };
  const right = (d: number): number => Math.max(-d, 0) + Math.log1p(Math.exp(-Math.abs(d)));
  const off = async (wrong?: StepCase["wrong"]) => {
    const {
      outputs: [out],
    } = await runStep(gpu, { ...given, wrong });
    return beyond(D, out, right, (d) => 13 + exps(d));
  };

  it("keeps its digits where the answer is nearly certain", async () => {
    expect(await off()).toEqual([]);
    await expectStep(gpu, given);
  });

  itGpu("control: a logarithm of 1 + x is caught", async () => {
    expect(
      (await off(binary ? ["+ l;", "+ log(1.0 + e);"] : ["select(log(1.0 + rest), l, rest <= 1.0)", "log(1.0 + rest)"])).length,
    ).toBeGreaterThan(20);
  });
});

describe("states of a simpleRNN", () => {
  // h(1) = x·u, h(2) = x·u + h(1)·w to 10⁻¹⁶, since tanh(h) = h there.
  it.each([1e-8, -1e-12, 1e-30])("of %f are not lost", async (x) => {
    const model = sequential({ seed: 1, layers: [simpleRNN({ units: 2, inputShape: [2, 1] }), dense({ units: 1 })] });
    await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: ENGINE });
    const [u, w, , v] = (await model.getWeights()).map(({ data }) => [...data]),
      first = u.map((value) => x * value);
    const h = u.map((value, k) => x * value + first[0] * w[k] + first[1] * w[2 + k]);
    const [answer] = await model.predict([[[x], [x]]]),
      right = h[0] * v[0] + h[1] * v[1];
    expect(Math.abs(answer - right)).toBeLessThan(1e-5 * (Math.abs(h[0] * v[0]) + Math.abs(h[1] * v[1])));
    model.dispose();
  });
});
