// The four equations of backpropagation. Source: Michael Nielsen, "Neural Networks and Deep Learning" (2015), ch. 2, on a
// 3-4-3-2 sigmoid network with the quadratic cost C = ½‖y − aᴸ‖². Each equation is computed here by loops over neurons, in
// float64, from the weights alone, and compared with what one step of sgd at η = 1 did: w − w′ = ∂C/∂w, b − b′ = ∂C/∂b,
// which for a single example is δ itself.

import { describe, expect, it } from "vitest";
import { dense, gradientCheck, sgd, type Sequential } from "../../../src/index.ts";
import { ROUNDOFF, worstError } from "../../support/compare.ts";
import { BACKENDS, compiledModel, noise, numbersOf, setNumbers } from "../../support/models.ts";

const WIDTHS = [3, 4, 3, 2];
const X = noise(3 * 5, 41),
  Y = noise(2 * 5, 42, 0.5).map((y) => y + 0.5);
/** Kernel (from, to) and bias of each of the three weight layers. */
const NUMBERS = [1, 2, 3].flatMap((l) => [[...noise(WIDTHS[l - 1] * WIDTHS[l], 40 + 2 * l, 1.5)], [...noise(WIDTHS[l], 41 + 2 * l, 0.5)]]);
const sigma = (z: number): number => 1 / (1 + Math.exp(-z));
const sigmaPrime = (z: number): number => sigma(z) * (1 - sigma(z));
/** wˡ_jk of the book, from neuron k of layer l−1 to neuron j of layer l; layers count from 1, the inputs being layer 1. */
const w = (l: number, j: number, k: number): number => NUMBERS[2 * (l - 2)][k * WIDTHS[l - 1] + j];
const b = (l: number, j: number): number => NUMBERS[2 * (l - 2) + 1][j];

/** zˡ and aˡ of example n, indexed by the book's l. */
function forward(n: number) {
  const a: number[][] = [[], [...X.subarray(3 * n, 3 * n + 3)]],
    z: number[][] = [[], []];
  for (let l = 2; l <= 4; l++) {
    z[l] = [];
    a[l] = [];
    for (let j = 0; j < WIDTHS[l - 1]; j++) {
      z[l][j] = b(l, j);
      for (let k = 0; k < WIDTHS[l - 2]; k++) z[l][j] += w(l, j, k) * a[l - 1][k];
      a[l][j] = sigma(z[l][j]);
    }
  }
  return { a, z };
}

/** (BP1) δᴸ_j = ∂C/∂aᴸ_j · σ′(zᴸ_j), with ∂C/∂aᴸ_j = aᴸ_j − y_j. */
function bp1(n: number): number[] {
  const { a, z } = forward(n);
  return [0, 1].map((j) => (a[4][j] - Y[2 * n + j]) * sigmaPrime(z[4][j]));
}

/** (BP2) δˡ_k = Σ_j wˡ⁺¹_jk δˡ⁺¹_j · σ′(zˡ_k). */
function bp2(n: number, l: number, next: readonly number[]): number[] {
  const { z } = forward(n);
  return z[l].map((_, k) => {
    let sum = 0;
    for (let j = 0; j < WIDTHS[l]; j++) sum += w(l + 1, j, k) * next[j];
    return sum * sigmaPrime(z[l][k]);
  });
}

function deltas(n: number): Record<2 | 3 | 4, number[]> {
  const delta4 = bp1(n),
    delta3 = bp2(n, 3, delta4);
  return { 2: bp2(n, 2, delta3), 3: delta3, 4: delta4 };
}

/** (BP4) ∂C/∂wˡ_jk = aˡ⁻¹_k δˡ_j, laid out (from, to). */
function bp4(n: number, l: 2 | 3 | 4): number[] {
  const { a } = forward(n),
    delta = deltas(n)[l];
  return a[l - 1].flatMap((activation) => delta.map((d) => activation * d));
}

/** Numbers below 2 with at most some 30 roundings and function errors between them and the data. */
const TOLERANCE = 2 * 30 * ROUNDOFF;

describe.each(BACKENDS)("on %s", (backend) => {
  async function network(): Promise<Sequential> {
    const model = await compiledModel(
      {
        layers: [
          dense({ units: 4, activation: "sigmoid", inputShape: [3] }),
          dense({ units: 3, activation: "sigmoid" }),
          dense({ units: 2, activation: "sigmoid" }),
        ],
      },
      { optimizer: sgd(1), loss: "halfSquaredError", backend },
    );
    await setNumbers(model, NUMBERS);
    return model;
  }

  /** ∂C/∂θ of the first `rows` examples as one mini-batch, tensor by tensor: w¹ b¹ w² b² w³ b³. */
  async function gradients(rows: number): Promise<number[][]> {
    const model = await network();
    await model.fit(X.slice(0, 3 * rows), Y.slice(0, 2 * rows), { batchSize: rows, shuffle: false });
    const after = await numbersOf(model);
    return NUMBERS.map((before, i) => before.map((value, k) => value - after[i][k]));
  }

  it("BP1: the error in the output layer", async () => {
    const read = (await gradients(1))[5];
    expect(worstError(read, bp1(0))).toBeLessThanOrEqual(TOLERANCE);
    // Control: without σ′, the cross-entropy's error, is noticed.
    expect(
      worstError(
        read,
        forward(0).a[4].map((a, j) => a - Y[j]),
      ),
    ).toBeGreaterThan(100 * TOLERANCE);
  });

  it("BP2: the error pulled back, layer by layer", async () => {
    const [, inLayer2, , inLayer3] = await gradients(1);
    expect(worstError(inLayer3, deltas(0)[3])).toBeLessThanOrEqual(TOLERANCE);
    expect(worstError(inLayer2, deltas(0)[2])).toBeLessThanOrEqual(TOLERANCE);
    // Control: pulled back from an error without its sign it would be another.
    expect(worstError(inLayer3, bp2(0, 3, bp1(0).map(Math.abs)))).toBeGreaterThan(100 * TOLERANCE);
  });

  it("BP3: ∂C/∂b is δ, its mean over the rows in a mini-batch", async () => {
    const read = await gradients(5);
    for (const l of [2, 3, 4] as const) {
      const mean = deltas(0)[l].map((_, j) => [0, 1, 2, 3, 4].reduce((sum, n) => sum + deltas(n)[l][j] / 5, 0));
      expect(worstError(read[2 * (l - 2) + 1], mean)).toBeLessThanOrEqual(TOLERANCE);
      expect(worstError(read[2 * (l - 2) + 1], deltas(0)[l])).toBeGreaterThan(100 * TOLERANCE);
    }
  });

  it("BP4: ∂C/∂w is the activation that comes in times the error that goes out", async () => {
    const [one, five] = [await gradients(1), await gradients(5)];
    for (const l of [2, 3, 4] as const) {
      expect(worstError(one[2 * (l - 2)], bp4(0, l))).toBeLessThanOrEqual(TOLERANCE);
      const mean = bp4(0, l).map((_, i) => [0, 1, 2, 3, 4].reduce((sum, n) => sum + bp4(n, l)[i] / 5, 0));
      expect(worstError(five[2 * (l - 2)], mean)).toBeLessThanOrEqual(TOLERANCE);
      expect(worstError(five[2 * (l - 2)], bp4(0, l))).toBeGreaterThan(100 * TOLERANCE);
    }
  });

  it("all four against central differences, by gradientCheck()", async () => {
    const report = await gradientCheck(await network(), X, Y);
    expect(report).toMatchObject({ ok: true, tensors: 6, weights: 12 + 4 + 12 + 3 + 6 + 2 });
    expect(report.maxRelativeError).toBeLessThan(1e-7);
  });
});

// evaluate() on the CPU is float64, so its loss can be differenced: every gradient once more, from outside the library.
it("all four against central differences of the loss that evaluate() gives", async () => {
  const model = await compiledModel(
    { layers: WIDTHS.slice(1).map((units, l) => dense({ units, activation: "sigmoid", inputShape: [WIDTHS[l]] })) },
    { optimizer: sgd(1), loss: "halfSquaredError", backend: "cpu" },
  );
  const [x, y] = [X.slice(0, 3), Y.slice(0, 2)];
  const expected = [2, 3, 4].flatMap((l) => [bp4(0, l as 2 | 3 | 4), deltas(0)[l as 2 | 3 | 4]]);
  for (const [tensor, numbers] of NUMBERS.entries()) {
    for (const [index, value] of numbers.entries()) {
      // Weights are stored as float32, so the true distance of the two points is that after rounding.
      const points = [value + 2 ** -9, value - 2 ** -9].map(Math.fround);
      const losses: number[] = [];
      for (const point of points) {
        await setNumbers(
          model,
          NUMBERS.map((all, t) => (t === tensor ? all.map((v, i) => (i === index ? point : v)) : all)),
        );
        losses.push((await model.evaluate(x, y)).loss);
      }
      const difference = (losses[0] - losses[1]) / (points[0] - points[1]);
      // h²/6 times a third derivative below 1 (σ and its derivatives are at most 1 and weights below 1.5).
      expect(worstError([difference], [expected[tensor][index]]), `tensor ${tensor}, weight ${index}`).toBeLessThanOrEqual(2 ** -18 / 6);
    }
  }
});
