// Recurrent networks through fit(), evaluate() and predict() on the CPU backend: the formulas, one by one, from the weights that
// training leaves; padding, carried states, windows; problems that only a memory solves.

import { describe, expect, test } from "vitest";
import {
  adam,
  dataset,
  dense,
  dropout,
  InputError,
  sequential,
  sgd,
  simpleRNN,
  windows,
  type CompileOptions,
  type Features,
  type Layer,
  type Sequential,
  type Targets,
} from "../../src/index.ts";
import { compiledModel, noise, numbersOf, setNumbers } from "../support/models.ts";

const CPU = { backend: "cpu", optimizer: "sgd" } as const;
const model = (layers: Layer[], recipe: Omit<CompileOptions, "optimizer"> & Partial<CompileOptions>, seed = 1): Promise<Sequential> =>
  compiledModel({ layers, seed }, { ...CPU, ...recipe });

/** One step of plain descent with rate 1: the gradients, tensor by tensor. */
async function gradients(made: Sequential, x: Features, y: Targets, options = {}): Promise<number[][]> {
  const before = await numbersOf(made);
  await made.fit(x, y, { batchSize: 1000, shuffle: false, ...options });
  const after = await numbersOf(made);
  return before.map((numbers, i) => numbers.map((value, j) => value - after[i][j]));
}

const closeTo = (actual: readonly number[], expected: readonly number[], tolerance = 1e-6): void => {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => expect(Math.abs(value - expected[i]), `number ${i}: ${value} and ${expected[i]}`).toBeLessThan(tolerance));
};

describe("one linear unit, worked by hand", () => {
  // h(t) = u·x(t) + w·h(t−1), C = ½(h(3) − y)² with x = (1, 2, −1), u = 0.5, w = 0.8, y = 1:
  //   h = 0.5, 1.4, 0.62      e = h(3) − y = −0.38
  //   ∂C/∂u = e·Σ w^(3−t)·x(t) = e·(0.64 + 1.6 − 1) = e·1.24
  //   ∂C/∂w = e·Σ w^(3−t)·h(t−1) = e·(0.8·0.5 + 1.4) = e·1.8       (h(0) = 0)
  test("the last state answers", async () => {
    const made = await model([simpleRNN({ units: 1, activation: "linear", useBias: false, inputShape: [3, 1] })], {
      loss: "halfSquaredError",
      optimizer: sgd(1),
    });
    await setNumbers(made, [[0.5], [0.8]]);
    closeTo([...(await made.predict([[1, 2, -1]]))], [0.62]);
    closeTo((await gradients(made, [1, 2, -1], [1])).flat(), [-0.38 * 1.24, -0.38 * 1.8]);
  });

  // Every state answers, targets 0, a bias b = 0.1: h = 0.6, 1.58, 0.864; the mean over three steps:
  //   δ(3) = 0.864/3, δ(2) = 1.58/3 + 0.8·δ(3), δ(1) = 0.6/3 + 0.8·δ(2)
  test("every state answers, and the cost is the mean over them", async () => {
    const made = await model([simpleRNN({ units: 1, activation: "linear", returnSequences: true, inputShape: [3, 1] })], {
      loss: "halfSquaredError",
      optimizer: sgd(1),
    });
    await setNumbers(made, [[0.5], [0.8], [0.1]]);
    const h = [0.6, 1.58, 0.864];
    closeTo([...(await made.predict([1, 2, -1]))], h);
    expect((await made.evaluate([1, 2, -1], [0, 0, 0])).loss).toBeCloseTo((0.6 ** 2 + 1.58 ** 2 + 0.864 ** 2) / 6, 6);
    const d3 = h[2] / 3,
      d2 = h[1] / 3 + 0.8 * d3,
      d1 = h[0] / 3 + 0.8 * d2;
    closeTo((await gradients(made, [1, 2, -1], [0, 0, 0])).flat(), [d1 + 2 * d2 - d3, d2 * h[0] + d3 * h[1], d1 + d2 + d3]);
  });
});

// Each formula of backpropagation through time as it stands in the textbooks, columns as there; the product of the mean over
// B·T outputs with B·T is their sum over t.
describe("the formulas, for one sequence", () => {
  const T = 4,
    F = 2,
    H = 3,
    K = 3;
  const x = noise(T * F, 5),
    labels = [2, 0, 1, 1];
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);

  async function worked() {
    const made = await model(
      [simpleRNN({ units: H, inputShape: [T, F], returnSequences: true }), dense({ units: K, activation: "softmax" })],
      { loss: "sparseCategoricalCrossentropy", optimizer: sgd(1) },
    );
    await setNumbers(made, [[...noise(F * H, 1)], [...noise(H * H, 2)], [...noise(H, 3)], [...noise(H * K, 4)], [...noise(K, 6)]]);
    const [U, W, b, V, c] = await numbersOf(made);
    const column = (m: readonly number[], cols: number, k: number) => Array.from({ length: m.length / cols }, (_, i) => m[i * cols + k]);
    const h: number[][] = [],
      answers: number[][] = [];
    for (let t = 0; t < T; t++) {
      const input = [...x.subarray(t * F, (t + 1) * F)],
        before = h[t - 1] ?? [0, 0, 0];
      h.push(b.map((bias, k) => Math.tanh(dot(input, column(U, H, k)) + dot(before, column(W, H, k)) + bias)));
      const o = c.map((bias, k) => dot(h[t], column(V, K, k)) + bias),
        total = o.reduce((sum, value) => sum + Math.exp(value), 0);
      answers.push(o.map((value) => Math.exp(value) / total));
    }
    const errors = answers.map((p, t) => p.map((value, k) => value - Number(k === labels[t])));
    const delta: number[][] = [];
    for (let t = T - 1; t >= 0; t--) {
      const later = delta[t + 1]?.map((value, k) => value * (1 - h[t + 1][k] ** 2));
      delta[t] = Array.from(
        { length: H },
        (_, j) => dot(V.slice(j * K, (j + 1) * K), errors[t]) + (later ? dot(W.slice(j * H, (j + 1) * H), later) : 0),
      );
    }
    const slope = delta.map((d, t) => d.map((value, k) => value * (1 - h[t][k] ** 2)));
    const outer = (left: (t: number) => readonly number[], right: readonly number[][]): number[] => {
      const sums = new Array<number>(left(0).length * right[0].length).fill(0);
      for (let t = 0; t < T; t++)
        left(t).forEach((l, i) =>
          right[t].forEach((r, j) => {
            sums[i * right[t].length + j] += l * r;
          }),
        );
      return sums;
    };
    return { made, h, answers, errors, slope, outer };
  }

  test("h(t) = tanh(U·x(t) + W·h(t−1) + b), o(t) = V·h(t) + c, ŷ(t) = softmax(o(t))", async () => {
    const { made, answers } = await worked();
    closeTo([...(await made.predict(x))], answers.flat());
  });

  test("L = Σ L(t): the loss is its mean over t, L/T", async () => {
    const { made, answers } = await worked();
    const sum = answers.reduce((total, p, t) => total - Math.log(p[labels[t]]), 0);
    expect((await made.evaluate(x, labels)).loss * T).toBeCloseTo(sum, 5);
  });

  test.each([
    ["∂L/∂U = Σ ((1−h²)⊙δ)·x(t)ᵀ", 0],
    ["∂L/∂W = Σ ((1−h²)⊙δ)·h(t−1)ᵀ", 1],
    ["∂L/∂b = Σ (1−h²)⊙δ", 2],
    ["∂L/∂V = Σ (ŷ−y)·h(t)ᵀ", 3],
    ["∂L/∂c = Σ (ŷ−y)", 4],
  ])("%s", async (_, index) => {
    const { made, h, errors, slope, outer } = await worked();
    const expected = [
      outer((t) => [...x.subarray(t * F, (t + 1) * F)], slope),
      outer((t) => h[t - 1] ?? [0, 0, 0], slope),
      outer(() => [1], slope),
      outer((t) => h[t], errors),
      outer(() => [1], errors),
    ][index];
    closeTo(
      (await gradients(made, x, labels))[index].map((value) => value * T),
      expected,
      2e-6,
    );
  });
});

test("whole numbers do what one-hot vectors do", async () => {
  const T = 5,
    n = 4,
    indices = Uint8Array.from([0, 3, 1, 1, 2, 2, 2, 0, 3, 1]),
    labels = [1, 2, 3, 0, 1, 0, 0, 1, 2, 3];
  const oneHot = Float32Array.from({ length: indices.length * n }, (_, i) => Number(indices[Math.floor(i / n)] === i % n));
  const make = (first: object) =>
    model([simpleRNN({ units: 6, returnSequences: true, ...first }), dense({ units: n, activation: "softmax" })], {
      loss: "sparseCategoricalCrossentropy",
      optimizer: "adam",
      metrics: ["accuracy"],
    });
  const picked = await make({ inputShape: [T], inputVocabulary: n }),
    dense1 = await make({ inputShape: [T, n] });
  const a = await picked.fit(indices, labels, { epochs: 5 }),
    b = await dense1.fit(oneHot, labels, { epochs: 5 });
  closeTo(a.history.loss, b.history.loss, 1e-9);
  closeTo((await numbersOf(picked)).flat(), (await numbersOf(dense1)).flat(), 1e-6);
  // Nested rows and every kind of array are the same data.
  const nested = [[...indices.subarray(0, 5)], [...indices.subarray(5)]];
  for (const x of [nested, [...indices], Uint32Array.from(indices), Float32Array.from(indices)]) {
    expect(await picked.predict(x)).toEqual(await picked.predict(indices));
  }
  expect(
    await dense1.predict(
      [0, 1].map((r) => Array.from({ length: T }, (_, t) => [...oneHot.subarray((r * T + t) * n, (r * T + t + 1) * n)])),
    ),
  ).toEqual(await dense1.predict(oneHot));
});

describe("padding", () => {
  const F = 2;
  const layers = (T: number, sequences: boolean): Layer[] => [
    simpleRNN({ units: 4, inputShape: [T, F], returnSequences: true, recurrentInitializer: "glorotNormal" }),
    simpleRNN({ units: 3, returnSequences: sequences }),
    dense({ units: 2 }),
  ];
  /** Sequences of these lengths, padded to T with numbers that must not matter. */
  function padded(lengths: readonly number[], T: number, sequences: boolean, junk: number) {
    const x = noise(lengths.length * T * F, 11),
      y = noise(lengths.length * (sequences ? T : 1) * 2, 12);
    lengths.forEach((length, b) => {
      x.fill(junk, (b * T + length) * F, (b + 1) * T * F);
      if (sequences) y.fill(-junk, (b * T + length) * 2, (b + 1) * T * 2);
    });
    return { x, y };
  }

  test.each([true, false])("all of one length: the weights are those of unpadded ones, an answer a step: %s", async (sequences) => {
    const lengths = [4, 4, 4],
      { x, y } = padded(lengths, 6, sequences, 7);
    const long = await model(layers(6, sequences), { loss: "meanSquaredError", optimizer: "adam" });
    const short = await model(layers(4, sequences), { loss: "meanSquaredError", optimizer: "adam" });
    const cut = (data: Float32Array, width: number, steps: number) => data.filter((_, i) => Math.floor(i / width) % steps < 4);
    const a = await long.fit(x, y, { lengths, epochs: 6, batchSize: 2, validationSplit: 0.3 });
    const b = await short.fit(cut(x, F, 6), sequences ? cut(y, 2, 6) : y, { epochs: 6, batchSize: 2, validationSplit: 0.3 });
    closeTo([...a.history.loss, ...a.history.val_loss], [...b.history.loss, ...b.history.val_loss], 1e-7);
    closeTo((await numbersOf(long)).flat(), (await numbersOf(short)).flat(), 1e-6);
  });

  test.each([true, false])(
    "of unequal lengths: a mini-batch of one leaves what the unpadded sequence leaves, an answer a step: %s",
    async (sequences) => {
      const lengths = [2, 5, 1, 3],
        T = 5,
        { x, y } = padded(lengths, T, sequences, -3);
      const masked = await model(layers(T, sequences), { loss: "meanSquaredError", optimizer: sgd(0.3) });
      await masked.fit(x, y, { lengths, batchSize: 1, shuffle: false });
      let weights = await (await model(layers(T, sequences), { loss: "meanSquaredError" })).getWeights();
      for (const [b, length] of lengths.entries()) {
        const one = await model(layers(length, sequences), { loss: "meanSquaredError", optimizer: sgd(0.3) });
        await one.setWeights(weights);
        const answers = sequences ? length * 2 : 2,
          yAt = b * (sequences ? T : 1) * 2;
        await one.fit(x.slice(b * T * F, (b * T + length) * F), y.slice(yAt, yAt + answers), { batchSize: 1 });
        weights = await one.getWeights();
      }
      closeTo(
        (await numbersOf(masked)).flat(),
        weights.flatMap(({ data }) => [...data]),
        1e-6,
      );
    },
  );

  test("in one mini-batch: the mean is over the steps that count, and junk at the others changes nothing", async () => {
    const lengths = [2, 5, 1, 3],
      T = 5,
      losses: number[] = [],
      weights: number[][] = [];
    for (const junk of [0, 100]) {
      const { x, y } = padded(lengths, T, true, junk);
      const made = await model(layers(T, true), { loss: "meanSquaredError", metrics: ["mae"], optimizer: "adam" });
      const { loss, meanAbsoluteError } = await made.evaluate(x, y, { lengths });
      // Mini-batches that hold unequally many steps weigh as many.
      const apart = await made.evaluate(x, y, { lengths, batchSize: 1 });
      closeTo([apart.loss, apart.meanAbsoluteError], [loss, meanAbsoluteError], 1e-7);
      const answers = await made.predict(x, { lengths });
      let sum = 0;
      for (let b = 0; b < 4; b++) for (let i = b * T * 2; i < (b * T + lengths[b]) * 2; i++) sum += (answers[i] - y[i]) ** 2 / 2;
      expect(loss).toBeCloseTo(sum / 11, 6);
      await made.fit(x, y, { lengths, epochs: 3, batchSize: 4 });
      losses.push(loss);
      weights.push((await numbersOf(made)).flat());
    }
    expect(losses[1]).toBe(losses[0]);
    expect(weights[1]).toEqual(weights[0]);
  });

  test("a data set brings its lengths, in any order of the rows", async () => {
    const lengths = [2, 5, 1, 3],
      { x, y } = padded(lengths, 5, true, 1);
    const a = await model(layers(5, true), { loss: "meanSquaredError" }),
      b = await model(layers(5, true), { loss: "meanSquaredError" });
    const handle = dataset(x, y, { lengths });
    await a.fit(x, y, { lengths, epochs: 3, batchSize: 2 });
    const { history } = await b.fit(handle, { epochs: 3, batchSize: 2, validationData: handle });
    expect((await numbersOf(b)).flat()).toEqual((await numbersOf(a)).flat());
    expect(history.val_loss[2]).toBeCloseTo((await a.evaluate(x, y, { lengths })).loss, 6);
    handle.dispose();
  });

  test("gradientCheck knows of it, and of dropout", async () => {
    const lengths = [2, 5, 1, 3],
      { x, y } = padded(lengths, 5, true, 1);
    const made = await model(
      [
        simpleRNN({ units: 3, dropout: 0.3, inputShape: [5, F], returnSequences: true, stateful: true }),
        dropout({ rate: 0.2 }),
        dense({ units: 2 }),
      ],
      { loss: "huber" },
    );
    const report = await made.gradientCheck(x, y, { lengths });
    expect(report.ok, String(report)).toBe(true);
  });
});

describe("carried states", () => {
  const layers = (T: number, stateful: boolean): Layer[] => [
    simpleRNN({ units: 5, inputShape: [T, 2], returnSequences: true, stateful }),
    simpleRNN({ units: 4, returnSequences: true, stateful }),
    dense({ units: 3 }),
  ];
  const B = 3,
    x = noise(B * 12 * 2, 21);
  /** Row b of window i: steps 4i … 4i+3 of sequence b. */
  const inWindows = (data: Float32Array, width: number) =>
    Float32Array.from({ length: data.length }, (_, i) => {
      const col = i % width,
        step = Math.floor(i / width) % 4,
        row = Math.floor(i / width / 4);
      return data[((row % B) * 12 + Math.floor(row / B) * 4 + step) * width + col];
    });

  test("windows one after the other answer what one long window answers", async () => {
    const long = await model(layers(12, false), { loss: "meanSquaredError" }),
      short = await model(layers(4, true), { loss: "meanSquaredError" });
    const whole = inWindows(await long.predict(x), 3),
      cut = inWindows(x, 2);
    closeTo([...(await short.predict(cut, { batchSize: B }))], [...whole], 1e-6);
    // Call by call, too; and from the start again only when that is asked for.
    short.resetStates();
    const parts: number[] = [];
    for (let i = 0; i < 3; i++) parts.push(...(await short.predict(cut.slice(i * B * 8, (i + 1) * B * 8), { batchSize: B })));
    closeTo(parts, [...whole], 1e-6);
    expect([...(await short.predict(cut, { batchSize: B }))]).not.toEqual([...whole]);
    short.resetStates();
    closeTo([...(await short.predict(cut, { batchSize: B }))], [...whole], 1e-6);
  });

  test("evaluate() starts from 0 each time and goes on within the call; predict() and fit() are not touched by it", async () => {
    const short = await model(layers(4, true), { loss: "meanSquaredError" }),
      y = noise(B * 12 * 3, 22),
      cut = inWindows(x, 2);
    const long = await model(layers(12, false), { loss: "meanSquaredError" });
    const first = await short.evaluate(cut, inWindows(y, 3), { batchSize: B });
    expect(first.loss).toBeCloseTo((await long.evaluate(x, y)).loss, 6);
    expect(await short.evaluate(cut, inWindows(y, 3), { batchSize: B })).toEqual(first);
    closeTo([...(await short.predict(cut, { batchSize: B }))], [...inWindows(await long.predict(x), 3)], 1e-6);
  });

  test("training goes on from mini-batch to mini-batch and call to call, whatever is evaluated in between", async () => {
    const y = inWindows(noise(B * 12 * 3, 22), 3),
      cut = inWindows(x, 2);
    const options = { batchSize: B, shuffle: false };
    const once = await model(layers(4, true), { loss: "meanSquaredError", optimizer: sgd(0.1) });
    await once.fit(cut, y, options);
    const byCalls = await model(layers(4, true), { loss: "meanSquaredError", optimizer: sgd(0.1) });
    for (let i = 0; i < 3; i++) {
      await byCalls.fit(cut.slice(i * B * 8, (i + 1) * B * 8), y.slice(i * B * 12, (i + 1) * B * 12), options);
      await byCalls.evaluate(cut, y, { batchSize: B });
      await byCalls.predict(cut, { batchSize: B });
    }
    expect(await numbersOf(byCalls)).toEqual(await numbersOf(once));
    const again = await model(layers(4, true), { loss: "meanSquaredError", optimizer: sgd(0.1) });
    for (let i = 0; i < 3; i++) {
      again.resetStates();
      await again.fit(cut.slice(i * B * 8, (i + 1) * B * 8), y.slice(i * B * 12, (i + 1) * B * 12), options);
    }
    expect(await numbersOf(again)).not.toEqual(await numbersOf(once));
  });

  test("resetStates() from a callback: every epoch starts from 0, as separate runs would", async () => {
    const y = inWindows(noise(B * 12 * 3, 22), 3),
      cut = inWindows(x, 2),
      options = { batchSize: B, shuffle: false };
    const made = await model(layers(4, true), { loss: "meanSquaredError", optimizer: sgd(0.1) });
    await made.fit(cut, y, { ...options, epochs: 2, validationData: [cut, y], callbacks: { onEpochBegin: () => made.resetStates() } });
    const apart = await model(layers(4, true), { loss: "meanSquaredError", optimizer: sgd(0.1) });
    for (let epoch = 0; epoch < 2; epoch++) {
      apart.resetStates();
      await apart.fit(cut, y, options);
    }
    expect(await numbersOf(apart)).toEqual(await numbersOf(made));
  });

  test.each<[string, (made: Sequential, y: Float32Array) => Promise<unknown>, RegExp]>([
    ["shuffled rows", (made, y) => made.fit(x, y, { batchSize: 3 }), /^fit\(\): a stateful layer goes on .*Pass shuffle: false/],
    [
      "mini-batches of unequal size",
      (made, y) => made.fit(x, y, { batchSize: 2, shuffle: false }),
      /^fit\(\): .*9 rows are no whole number of mini-batches of 2\. .*windows\(\)/,
    ],
    [
      "a validation that does not divide",
      (made, y) => made.fit(x, y, { batchSize: 4, shuffle: false, validationSplit: 0.1 }),
      /^fit\(\): validationSplit: .*1 rows are no whole number of mini-batches of 4/,
    ],
    ["an evaluation that does not divide", (made, y) => made.evaluate(x, y, { batchSize: 2 }), /^evaluate\(\): /],
    [
      "other rows than those carried on",
      async (made) => {
        await made.predict(x, { batchSize: 3 });
        await made.predict(x, { batchSize: 9 });
      },
      /^predict\(\): the states of 3 sequences are carried on, but the mini-batches have 9 rows\. Call model\.resetStates\(\) first/,
    ],
  ])("refuses %s", async (_, call, message) => {
    const made = await model(layers(4, true), { loss: "meanSquaredError" });
    const error: unknown = await call(made, noise(9 * 4 * 3, 1)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(message);
  });
});

describe("what is wrong with sequences is said before anything runs", () => {
  const features = () =>
    model([simpleRNN({ units: 2, inputShape: [3, 2], returnSequences: true }), dense({ units: 4, activation: "softmax" })], {
      loss: "sparseCategoricalCrossentropy",
    });
  const words = () =>
    model([simpleRNN({ units: 2, inputShape: [3], inputVocabulary: 5 }), dense({ units: 2 })], { loss: "meanSquaredError" });
  const x = noise(2 * 3 * 2, 1),
    labels = [0, 1, 2, 3, 0, 1],
    y = [0, 0, 1, 1];
  type Data = never;

  test.each<[string, () => Promise<Sequential>, unknown, unknown, object, RegExp]>([
    [
      "no whole number of sequences",
      features,
      x.slice(1),
      labels,
      {},
      /x has 11 numbers, which is no whole number of rows of 3 steps × 2 features/,
    ],
    ["nothing", features, [], labels, {}, /x is empty\. Give at least one row of 3 steps × 2 features/],
    [
      "too many steps",
      features,
      [
        [
          [1, 2],
          [3, 4],
          [5, 6],
          [7, 8],
        ],
      ],
      labels,
      {},
      /example 0 of x has 4 steps but the network has 3\. Cut or pad .*pass lengths/,
    ],
    [
      "a step of another width",
      features,
      [
        [
          [1, 2],
          [3, 4, 5],
          [5, 6],
        ],
      ],
      labels,
      {},
      /step 1 of example 0 of x has 3 numbers but 2 are needed/,
    ],
    [
      "a step that is none",
      features,
      [[[1, 2], null, [5, 6]]],
      labels,
      {},
      /step 1 of example 0 of x must be an array of numbers; got null/,
    ],
    [
      "a number that is none",
      features,
      [
        [
          [1, 2],
          [3, NaN],
          [5, 6],
        ],
      ],
      [0, 0, 0],
      {},
      /x must hold finite float32 numbers/,
    ],
    ["a label for each sequence", features, x, [0, 1], {}, /y has 2 labels but x has 2 rows of 3 steps\. Give one label a step/],
    ["a label out of range", features, x, [0, 1, 2, 4, 0, 1], {}, /labels must be whole numbers from 0 to 3; y\[3\] is 4/],
    ["one-hot rows for labels", features, x, noise(24, 1), {}, /takes one class index a row/],
    [
      "a word out of range",
      words,
      [0, 1, 2, 3, 4, 5],
      y,
      {},
      /x must hold whole numbers from 0 to 4 \(inputVocabulary 5\); example 1, step 2 is 5/,
    ],
    ["half a word", words, [0, 1, 2, 3, 4, 0.5], y, {}, /example 1, step 2 is 0\.5/],
    ["a negative word", words, [[0, -1, 2]], [0, 0], {}, /example 0, step 1 is -1/],
    ["words as text", words, ["a", "b", "c"], [0, 0], {}, /example 0, step 0 is "a"|step 0 is a\b/],
    ["a scale for words", words, [0, 1, 2, 3, 4, 0], y, { scale: 0.5 }, /which have no scale; got 0\.5/],
    ["too few targets", words, [0, 1, 2, 3, 4, 0], [0, 0, 0], {}, /y has 3 numbers but 2 rows × 2 outputs/],
    ["lengths of another number", features, x, labels, { lengths: [3] }, /lengths has 1 numbers but x has 2 sequences/],
    ["a length of 0", features, x, labels, { lengths: [3, 0] }, /lengths must be whole numbers from 1 to 3, .*lengths\[1\] is 0/],
    ["a length beyond the end", features, x, labels, { lengths: Uint8Array.from([4, 1]) }, /lengths\[0\] is 4/],
    ["lengths that are none", features, x, labels, { lengths: 3 }, /lengths must be an array of whole numbers; got 3/],
    ["lengths beside a data set", features, dataset(x, labels), { lengths: [1, 1] }, {}, /lengths of a data set are its own|its own y/],
  ])("%s", async (_, make, given, targets, options, message) => {
    const made = await make(),
      before = await numbersOf(made);
    const error: unknown = await made
      .fit(given as Data, targets as Data, Object.keys(options).length > 0 ? options : undefined)
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(message);
    expect(await numbersOf(made)).toEqual(before);
  });

  test("lengths without sequences", async () => {
    const made = await model([dense({ units: 1, inputShape: [2] })], { loss: "meanSquaredError" });
    await expect(made.fit([1, 2], [1], { lengths: [1] })).rejects.toThrow(/this network takes no sequences\. Leave them out/);
  });

  test("padded rows of a distribution need not sum to 1", async () => {
    const made = await model(
      [simpleRNN({ units: 2, inputShape: [2, 1], returnSequences: true }), dense({ units: 2, activation: "softmax" })],
      { loss: "categoricalCrossentropy" },
    );
    await made.fit([1, 0, 1, 1], [1, 0, 0, 0, 0, 1, 1, 0], { lengths: [1, 2] });
    await expect(made.fit([1, 0, 1, 1], [1, 0, 0, 0, 0, 1, 1, 0])).rejects.toThrow(/row 1 of y sums to 0/);
  });
});

test("clipping by norm and by value", async () => {
  const x = noise(12, 1),
    y = noise(3, 2, 50),
    layers = () => [simpleRNN({ units: 3, inputShape: [4, 1] }), dense({ units: 1 })];
  const byNorm = await gradients(
    await model(layers(), { loss: "meanSquaredError", optimizer: sgd({ learningRate: 1, globalClipNorm: 0.1 }) }),
    x,
    y,
  );
  expect(Math.hypot(...byNorm.flat())).toBeCloseTo(0.1, 5);
  const each = await gradients(
    await model(layers(), { loss: "meanSquaredError", optimizer: sgd({ learningRate: 1, clipNorm: 0.1 }) }),
    x,
    y,
  );
  for (const gradient of each) expect(Math.hypot(...gradient)).toBeLessThan(0.1 + 1e-6);
  const byValue = await gradients(
    await model(layers(), { loss: "meanSquaredError", optimizer: sgd({ learningRate: 1, clipValue: 0.01 }) }),
    x,
    y,
  );
  expect(Math.max(...byValue.flat().map(Math.abs))).toBeCloseTo(0.01, 6);
});

test("the summary and the plan show time", async () => {
  const made = sequential({
    layers: [
      simpleRNN({ units: 4, inputShape: [7], inputVocabulary: 9, returnSequences: true }),
      simpleRNN({ units: 2 }),
      dense({ units: 1 }),
    ],
  });
  const summary = made.summary();
  for (const line of [
    /input +\(batch, 7, 1\)/,
    /simple_rnn +simpleRNN +\(batch, 7, 4\) +40/,
    /recurrent tanh +\(batch, 7, 4\) +16/,
    /last step +\(batch, 2\)/,
    /73 parameters/,
  ]) {
    expect(summary).toMatch(line);
  }
});

describe("problems that only a memory solves", () => {
  test("delayed recall over 10 steps: the last answer is the first word", async () => {
    const T = 10,
      rows = 256,
      n = 4;
    const words = (seed: number) => Uint8Array.from(noise(rows * T, seed), (value) => Math.floor(((value + 1) / 2) * n));
    const firsts = (x: Uint8Array) => Array.from({ length: rows }, (_, b) => x[b * T]);
    const made = await model(
      [simpleRNN({ units: 24, inputShape: [T], inputVocabulary: n }), dense({ units: n, activation: "softmax" })],
      { loss: "sparseCategoricalCrossentropy", optimizer: adam({ learningRate: 0.005, globalClipNorm: 1 }), metrics: ["accuracy"] },
      2,
    );
    const x = words(1),
      test = words(2);
    await made.fit(x, firsts(x), { epochs: 40, batchSize: 32 });
    expect((await made.evaluate(test, firsts(test))).accuracy).toBeGreaterThan(0.99);
  });

  // The noise alone, uniform in ±0.1, has a variance of 0.0033; always answering the mean would leave 0.5.
  test("the next value of a noisy sine, from 12 values before it", async () => {
    const T = 12,
      rows = 200,
      errors = noise(rows + T + 1, 4, 0.1);
    const signal = errors.map((value, i) => Math.sin(i * 0.7) + value);
    const x = Float32Array.from({ length: rows * T }, (_, i) => signal[Math.floor(i / T) + (i % T)]),
      y = signal.slice(T, T + rows);
    const made = await model([simpleRNN({ units: 8, inputShape: [T, 1] }), dense({ units: 1 })], {
      loss: "meanSquaredError",
      optimizer: adam(0.01),
    });
    const { history } = await made.fit(x, y, { epochs: 30, validationSplit: 0.25 });
    expect(history.val_loss.at(-1)).toBeLessThan(0.015);
  });

  test("a cyclic text of four characters is predicted", async () => {
    const text = Uint8Array.from({ length: 403 }, (_, i) => "abcd".indexOf("abcd"[i % 4]));
    const { x, y } = windows(text, { length: 8, batchSize: 5 });
    const made = await model(
      [
        simpleRNN({ units: 8, inputShape: [8], inputVocabulary: 4, returnSequences: true, stateful: true }),
        dense({ units: 4, activation: "softmax" }),
      ],
      { loss: "sparseCategoricalCrossentropy", optimizer: adam(0.02), metrics: ["accuracy"] },
    );
    const { history } = await made.fit(x, y, { batchSize: 5, shuffle: false, epochs: 15 });
    expect(history.accuracy.at(-1)).toBeGreaterThan(0.99);
    expect((await made.evaluate(x, y, { batchSize: 5 })).accuracy).toBeGreaterThan(0.99);
  });
});
