// The update of every optimizer with each of its options, alone on the engine, several steps in a row; and the norms of
// clipping. Each step starts from what the GPU itself left, so that its bound is that of one step.

import { describe, expect, it } from "vitest";
import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamW,
  lion,
  optimizerStates,
  ratesAt,
  rmsprop,
  sgd,
  type Optimizer,
} from "../../../src/model/optimizers.ts";
import { itGpu } from "../../support/models.ts";
import { expectCaught, expectStep, normals, runStep, useGpu, type StepCase } from "../support.ts";

const gpu = useGpu();
/** 65 is one past a workgroup of 64. */
const SHAPE = [5, 13] as const;
const ELEMENTS = SHAPE[0] * SHAPE[1];
const STEPS = 5;

const OPTIMIZERS: readonly (readonly [string, Optimizer])[] = [
  ["sgd", sgd({ learningRate: 0.1 })],
  ["sgd, momentum", sgd({ learningRate: 0.1, momentum: 0.9 })],
  ["sgd, nesterov", sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true })],
  ["adam", adam()],
  ["adam, other constants", adam({ learningRate: 0.01, beta1: 0.8, beta2: 0.99, epsilon: 1e-4 })],
  ["adamW", adamW()],
  ["adamW, strong decay", adamW({ learningRate: 0.05, weightDecay: 0.3 })],
  ["rmsprop", rmsprop()],
  ["rmsprop, momentum", rmsprop({ momentum: 0.9, rho: 0.8 })],
  ["rmsprop, centered", rmsprop({ centered: true })],
  ["rmsprop, centered, momentum", rmsprop({ centered: true, momentum: 0.5, learningRate: 0.01, epsilon: 1e-5 })],
  ["adagrad", adagrad({ learningRate: 0.05 })],
  ["adadelta", adadelta({ learningRate: 1 })],
  ["adadelta, other constants", adadelta({ learningRate: 0.5, rho: 0.8, epsilon: 1e-4 })],
  ["adamax", adamax()],
  ["adamax, other constants", adamax({ learningRate: 0.05, beta1: 0.8, beta2: 0.5, epsilon: 1e-4 })],
  ["lion", lion()],
  ["lion, other constants", lion({ learningRate: 0.01, beta1: 0.5, beta2: 0.8 })],
  ["adagrad from 0", adagrad({ initialAccumulatorValue: 0, epsilon: 1e-3 })],
];

/** One in eight gradients is 0, as behind a relu that is off; the others span six orders of magnitude. */
const gradient = (seed: number): Float32Array => normals(ELEMENTS, seed).map((g, i) => (i % 8 === 0 ? 0 : g * 10 ** ((i % 7) - 4)));

type State = Record<string, Float32Array>;

const freshState = (optimizer: Optimizer): State =>
  Object.fromEntries([
    ["w", normals(ELEMENTS, 1).fill(0, 3, 5)],
    ...optimizerStates(optimizer).map(({ name, initial }) => [name, new Float32Array(ELEMENTS).fill(initial)] as const),
  ]);

function updateCase(optimizer: Optimizer, state: State, step: number): StepCase {
  const states = optimizerStates(optimizer).map(({ name }) => name);
  return {
    op: { type: "update", optimizer, inputs: ["w", "g", ...states], outputs: ["w", ...states] },
    shapes: Object.fromEntries(["w", "g", ...states].map((name) => [name, SHAPE])),
    values: { ...state, g: gradient(10 + step) },
    scalars: { step, ...ratesAt(optimizer, step) },
  };
}

/** A factor or a sign that is wrong somewhere in the formula. */
const WRONG: Record<Optimizer["name"], readonly (readonly [string | RegExp, string])[]> = {
  sgd: [["step.learning_rate", "1.0001 * step.learning_rate"]],
  adam: [
    ["step.corrected_rate", "step.learning_rate"],
    ["(g * g - s1)", "(g * g - s1) * 1.0001"],
  ],
  adamW: [
    ["w -= w *", "w -= 2.0 * w *"],
    ["(g - s0)", "(g - s0) * 1.0001"],
  ],
  rmsprop: [
    ["* g * g", "* 1.0001 * g * g"],
    [/sqrt\((.*) \+ /, "sqrt($1 - "],
  ],
  adadelta: [
    ["change * change", "change * change * 1.0001"],
    ["step.learning_rate", "1.0001 * step.learning_rate"],
  ],
  adamax: [
    ["step.corrected_rate", "1.0001 * step.corrected_rate"],
    ["(g - s0)", "(g - s0) * 1.0001"],
    ["decayed > abs(g)", "decayed < abs(g)"],
  ],
  lion: [
    ["step.learning_rate", "1.01 * step.learning_rate"],
    [/s0 = (.*) \* g;/, "s0 = $1 * 1.0001 * g;"],
  ],
  adagrad: [
    ["s0 += g * g", "s0 += g * g * 1.0001"],
    ["step.learning_rate", "1.0001 * step.learning_rate"],
  ],
};

describe.each(OPTIMIZERS)("%s", (_, optimizer) => {
  it(`${STEPS} steps in a row`, async () => {
    let state = freshState(optimizer);
    for (let step = 0; step < STEPS; step++) {
      const given = updateCase(optimizer, state, step);
      const { outputs } = await expectStep(gpu, given);
      state = Object.fromEntries(given.op.outputs.map((name, i) => [name, outputs[i]]));
    }
    expect([...state.w.keys()].filter((i) => state.w[i] !== freshState(optimizer).w[i]).length).toBeGreaterThan(ELEMENTS / 2);
  });

  it("the hundred-thousandth step, where bias corrections are gone", async () => {
    await expectStep(gpu, updateCase(optimizer, freshState(optimizer), 99_999));
  });

  itGpu("control: a constant slightly off is caught", async () => {
    const [first, ...others] = WRONG[optimizer.name];
    await expectCaught(gpu, { ...updateCase(optimizer, freshState(optimizer), 0), wrong: first });
    for (const wrong of others) await expectCaught(gpu, { ...updateCase(optimizer, freshState(optimizer), 1), wrong });
  });
});

describe("clip factor: min(1, limit / norm)", () => {
  /** Gradients whose elements are all `value`. */
  const of = (limit: number, gradients: readonly ArrayLike<number>[]): StepCase => {
    const names = gradients.map((_, i) => `g${i}`);
    return {
      op: { type: "clipFactor", limit, inputs: names, outputs: ["factor"] },
      shapes: { ...Object.fromEntries(gradients.map((g, i) => [`g${i}`, [1, g.length]] as const)), factor: [1, 1] },
      values: Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])),
    };
  };
  const factorOf = async (given: StepCase): Promise<number> => (await expectStep(gpu, given)).outputs[0][0];

  it("below the limit, gradients stay as they are: the factor is 1 exactly", async () => {
    expect(await factorOf(of(5.001, [[3, -4]]))).toBe(1);
    expect(await factorOf(of(1, [new Float32Array(300)]))).toBe(1);
    expect(await factorOf(of(1e-3, [[1e-20], [-1e-20]]))).toBe(1);
  });

  it("at the limit and above it", async () => {
    expect(await factorOf(of(5, [[3, -4]]))).toBeCloseTo(1, 6);
    expect(await factorOf(of(1, [[3, -4]]))).toBeCloseTo(0.2, 6);
    expect(await factorOf(of(4.99, [[3, -4]]))).toBeLessThan(1);
    expect(await factorOf(of(2.5, [[3], [-4], [0, 0, 0]]))).toBeCloseTo(0.5, 6);
  });

  // Squares of 1e20 and 1e-30 are no float32 numbers. Right: limit / √(Σ g²) in float64.
  it.each([1e20, 3e18, 1e38, 1e-20, 1e-30, 1e-37])("gradients of %f: squares neither overflow nor vanish", async (size) => {
    const gradient = Array.from({ length: 37 }, (_, i) => Math.fround(size * (1 + i / 37) * (-1) ** i));
    const norm = Math.sqrt(gradient.reduce((sum, g) => sum + (g / size) ** 2, 0));
    const factor = await factorOf(of(size / 3, [gradient]));
    expect(Math.abs(factor * 3 * norm - 1)).toBeLessThan(1e-5);
    expect(await factorOf(of(Math.min(size * norm * 1.01, 3.4e38), [gradient]))).toEqual(
      size * norm * 1.01 < 3.4e38 ? 1 : expect.closeTo(3.4e38 / (size * norm), 5),
    );
  });

  it("sizes of all three classes together", async () => {
    expect(await factorOf(of(1e15, [[3e20, 4e20, 1e3, 1e-30]]))).toBeCloseTo(2e-6, 12);
    expect(await factorOf(of(1, [[1e-30, 3, 1e-20], [4]]))).toBeCloseTo(0.2, 6);
    // 2⁴⁸ and 2⁻⁴⁰ are where classes meet.
    expect(await factorOf(of(1, [[2 ** 48, 2 ** 48 * 1.0001]]))).toBeCloseTo(2 ** -48.5, 18);
    expect(await factorOf(of(2 ** -50, [[2 ** -40, 2 ** -40 * 0.9999]]))).toBeCloseTo(2 ** -10.5, 6);
  });

  itGpu("control: classes that are not told apart are caught", async () => {
    const given = of(1e19, [[1e20, 1e20]]),
      small = of(1e-31, [[1e-30, 1e-30]]);
    for (const [from, to] of [["abs(x) > ", "abs(x) > 1e20f * "]] as const) await expectCaught(gpu, { ...given, wrong: [from, to] });
    await expectCaught(gpu, { ...small, wrong: ["abs(x) < ", "abs(x) < 0.0 * "] });
  });

  // 256 lanes sum side by side.
  it.each([1, 255, 256, 257, 1000, 100_000])("the norm of %i numbers", async (elements) => {
    await expectStep(gpu, of(0.5, [normals(elements, 1)]));
  });

  it.each([1, 7, 8, 40])("of %i gradients together", async (count) => {
    await expectStep(
      gpu,
      of(
        0.7,
        Array.from({ length: count }, (_, i) => normals(5 + 60 * i, i)),
      ),
    );
  });

  itGpu("control: a gradient summed twice or a norm not taken is caught", async () => {
    const given = of(
      0.7,
      Array.from({ length: 15 }, (_, i) => normals(50, i)),
    );
    await expectCaught(gpu, { ...given, wrong: ["squares_of(v)", "2.0 * squares_of(v)"] });
    await expectCaught(gpu, { ...of(0.7, [normals(50, 1)]), wrong: ["sqrt(sums.y + rest", "(sums.y + rest"] });
    const {
      outputs: [factor],
    } = await runStep(gpu, { ...of(5.1, [[3, -4]]), wrong: ["return select(1.0, ", "return select(1.0001, "] });
    expect(factor[0]).not.toBe(1);
  });
});
