// sampleWeight and classWeight on the engine: what the loss of each row is multiplied by, in training, evaluation and validation, over
// chunks, slices, handles and checkpoints.

import { describe, expect, it, onTestFinished } from "vitest";
import {
  adam,
  binaryCrossentropy,
  dataset,
  dense,
  dropout,
  OutOfMemoryError,
  sgd,
  simpleRNN,
  type CompileOptions,
  type FitOptions,
  type Layer,
  type Lengths,
  type Sequential,
} from "../../src/index.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { compiledModel, ENGINE, noise, numbersOf, pseudoRandom, type TestBackend } from "../support/models.ts";
import { openLimited } from "./limited.ts";

const ROWS = 46,
  WIDTH = 6,
  CLASSES = 3;
const X = noise(ROWS * WIDTH, 91, 2),
  Y = noise(ROWS * 2, 92);
const LABELS = Uint8Array.from({ length: ROWS }, (_, i) => (i * i + (i >> 2)) % CLASSES);
const ONE_HOT = Float32Array.from({ length: ROWS * CLASSES }, (_, i) => Number(LABELS[Math.floor(i / CLASSES)] === i % CLASSES));
/** From 0 to 3, some 0. */
function weightsOf(count: number): Float32Array<ArrayBuffer> {
  const next = pseudoRandom(7);
  return Float32Array.from({ length: count }, (_, i) => (i % 5 === 2 ? 0 : 1.5 + 1.5 * next()));
}
const WEIGHTS = weightsOf(ROWS);
const FIT: FitOptions = { epochs: 2, batchSize: 8 };
/** After 12 steps of float32: each rounds by 2⁻²⁴ of numbers near 1, and later steps carry that on. */
const CLOSE = 2e-5;

const SQUARES: CompileOptions = { optimizer: sgd({ learningRate: 0.1, momentum: 0.5 }), loss: "meanSquaredError", metrics: ["mae"] };
const SPARSE: CompileOptions = { optimizer: adam(0.01), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] };
const TINY = [dense({ units: 9, activation: "tanh", inputShape: [WIDTH] }), dense({ units: 2 })];
const CLASSIFIER = [
  dense({ units: 9, activation: "tanh", inputShape: [WIDTH] }),
  dropout({ rate: 0.2 }),
  dense({ units: CLASSES, activation: "softmax" }),
];

const open = (layers: readonly Layer[], recipe: CompileOptions, backend: TestBackend = ENGINE): Promise<Sequential> =>
  compiledModel({ layers, seed: 3 }, { ...recipe, backend });
const farthest = (a: readonly number[], b: readonly number[]): number => {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]) / (1 + Math.abs(b[i]))));
};

interface Case {
  readonly layers: readonly Layer[];
  readonly recipe: CompileOptions;
  readonly y: Float32Array | Uint8Array;
  readonly sampleWeight: Float32Array;
  readonly lengths?: Lengths;
}

const NETWORKS: Record<string, Case> = {
  "a tiny network, which stays on a GPU": { layers: TINY, recipe: SQUARES, y: Y, sampleWeight: WEIGHTS },
  "labels and dropout": { layers: CLASSIFIER, recipe: SPARSE, y: LABELS, sampleWeight: WEIGHTS },
  "wide layers": {
    layers: [
      dense({ units: 150, activation: "relu", inputShape: [WIDTH] }),
      dense({ units: 140, activation: "gelu" }),
      dense({ units: 2 }),
    ],
    recipe: { ...SQUARES, optimizer: sgd({ learningRate: 0.02, globalClipNorm: 0.3 }) },
    y: Y,
    sampleWeight: WEIGHTS,
  },
  "one layer alone": { layers: [dense({ units: 2, inputShape: [WIDTH] })], recipe: SQUARES, y: Y, sampleWeight: WEIGHTS },
  "a weight for each step of padded sequences": {
    layers: [simpleRNN({ units: 7, inputShape: [3, 2], returnSequences: true }), dense({ units: 2 })],
    recipe: SQUARES,
    y: noise(ROWS * 6, 5),
    sampleWeight: weightsOf(ROWS * 3),
    lengths: Uint8Array.from({ length: ROWS }, (_, i) => 1 + (i % 3)),
  },
  "a weight for each sequence": {
    layers: [simpleRNN({ units: 7, inputShape: [3, 2], returnSequences: true }), simpleRNN({ units: 4 }), dense({ units: 2 })],
    recipe: SQUARES,
    y: Y,
    sampleWeight: WEIGHTS,
  },
};

describe.each(Object.entries(NETWORKS))("%s", (_, { layers, recipe, y, sampleWeight, lengths }) => {
  const data = lengths ? { sampleWeight, lengths } : { sampleWeight };

  it("is trained, validated and evaluated as by the reference; control: weights make a difference", async () => {
    const run = async (backend: TestBackend, options: object) => {
      const model = await open(layers, recipe, backend);
      const { history } = await model.fit(X, y, { ...FIT, ...options, validationSplit: 0.25 });
      return [...(await numbersOf(model)).flat(), ...Object.values(history).flat(), (await model.evaluate(X, y, options)).loss];
    };
    const wanted = await run("cpu", data),
      got = await run(ENGINE, data);
    expect(farthest(got, wanted)).toBeLessThan(CLOSE);
    expect(farthest(got, await run(ENGINE, lengths ? { lengths } : {}))).toBeGreaterThan(50 * CLOSE);
  });

  it("verify() finds every tensor within its bound, and inspectStep() too", async () => {
    const model = await open(layers, recipe);
    const report = await model.verify(X, y, { ...data, steps: 3, batchSize: 19 });
    expect(report.ok, String(report)).toBe(true);
    const inspection = await model.inspectStep(X, y, data);
    expect(inspection.firstFailure).toBeNull();
    expect([...inspection.tensor("sample_weights").reference]).toEqual([...sampleWeight]);
  });

  it("ends with the same bits from whatever checkpoint it is resumed", async () => {
    const end = async (options: object) => {
      const model = await open(layers, recipe);
      await model.fit(X, y, { ...FIT, ...data, ...options });
      return numbersOf(model);
    };
    const store = new MemoryStore(),
      calm = await end({ checkpoint: { store, every: 4 } }),
      { history } = store;
    expect(history.length).toBeGreaterThan(2);
    expect(await end({ resumeFrom: new MemoryStore(history[1]) })).toEqual(calm);
    // Control: other weights are other data.
    await expect(end({ resumeFrom: new MemoryStore(history[1]), sampleWeight: sampleWeight.map((value) => value + 1) })).rejects.toThrow(
      /SHA-256/,
    );
  });
});

it("whole weights are rows that come several times: only the divisor differs, which is the number of rows", async () => {
  const times = Array.from({ length: ROWS }, (_, i) => i % 4),
    rows = times.flatMap((count, i) => new Array<number>(count).fill(i));
  const pick = (from: Float32Array, cols: number) =>
    Float32Array.from({ length: rows.length * cols }, (_, i) => from[rows[Math.floor(i / cols)] * cols + (i % cols)]);
  const rate = 0.2,
    whole = { epochs: 3, batchSize: 1000, shuffle: false };
  const weighted = await open(TINY, { ...SQUARES, optimizer: sgd(rate) }),
    repeated = await open(TINY, { ...SQUARES, optimizer: sgd((rate * rows.length) / ROWS) });
  const { history } = await weighted.fit(X, Y, { ...whole, sampleWeight: times }),
    other = await repeated.fit(pick(X, WIDTH), pick(Y, 2), whole);
  expect(farthest((await numbersOf(weighted)).flat(), (await numbersOf(repeated)).flat())).toBeLessThan(CLOSE);
  expect(
    farthest(
      history.loss,
      other.history.loss.map((loss) => (loss * rows.length) / ROWS),
    ),
  ).toBeLessThan(CLOSE);
});

describe("classWeight is sampleWeight by class", () => {
  const classWeight = { 0: 0.5, 2: 3 },
    byRow = Float32Array.from(LABELS, (label) => [0.5, 1, 3][label]);
  const binary = Float32Array.from(LABELS, (label) => Number(label === 2));
  it.each<[string, readonly Layer[], CompileOptions, Uint8Array | Float32Array, object, Float32Array]>([
    ["labels", CLASSIFIER, SPARSE, LABELS, classWeight, byRow],
    ["one-hot rows", CLASSIFIER, { ...SPARSE, loss: "categoricalCrossentropy" }, ONE_HOT, classWeight, byRow],
    [
      "yes or no",
      [dense({ units: 1, inputShape: [WIDTH] })],
      { ...SPARSE, loss: binaryCrossentropy({ fromLogits: true }) },
      binary,
      new Map([[1, 4]]),
      binary.map((label) => 1 + 3 * label),
    ],
  ])("%s: the same bits", async (_, layers, recipe, y, weights, sampleWeight) => {
    const run = async (options: object) => {
      const model = await open(layers, recipe),
        history = await model.fit(X, y, { ...FIT, ...options });
      return [await numbersOf(model), history, await model.evaluate(X, y, options)];
    };
    const got = await run({ classWeight: weights });
    expect(got).toEqual(await run({ sampleWeight }));
    expect(got).not.toEqual(await run({}));
  });

  it("leaves validation alone, which sampleWeight does not", async () => {
    const kept = 12,
      own = (array: Uint8Array | Float32Array, cols = 1) => array.slice((ROWS - kept) * cols);
    const run = async (options: FitOptions) => {
      const model = await open(CLASSIFIER, SPARSE);
      const { history } = await model.fit(X, LABELS, { ...options, epochs: 1, batchSize: 8, validationSplit: kept / ROWS });
      const evaluated = (weights: object) => model.evaluate(own(X, WIDTH), own(LABELS), weights);
      return {
        val: history.val_loss[0],
        plain: (await evaluated({})).loss,
        weighted: (await evaluated({ sampleWeight: own(byRow) })).loss,
      };
    };
    const classes = await run({ classWeight });
    expect(classes.val).toBe(classes.plain);
    const samples = await run({ sampleWeight: byRow });
    expect(samples.val).toBe(samples.weighted);
    expect(samples.val).not.toBe(samples.plain);
  });
});

it("validationData of three are weighted by the third", async () => {
  const model = await open(TINY, SQUARES),
    validationData = [X, Y, WEIGHTS] as const;
  const { history } = await model.fit(X, Y, { epochs: 1, validationData });
  expect(history.val_loss[0]).toBe((await model.evaluate(X, Y, { sampleWeight: WEIGHTS })).loss);
  expect(history.val_loss[0]).not.toBe((await model.evaluate(X, Y)).loss);
  expect(history.val_meanAbsoluteError[0]).toBe((await model.evaluate(X, Y)).meanAbsoluteError);
});

describe("handles", () => {
  const held = <D extends { dispose(): void }>(data: D): D => {
    onTestFinished(() => data.dispose());
    return data;
  };

  it("have sample weights of their own, with the bits of arrays", async () => {
    const data = held(dataset(X, Y, { sampleWeight: WEIGHTS })),
      a = await open(TINY, SQUARES),
      b = await open(TINY, SQUARES);
    expect(await a.fit(data, FIT)).toEqual(await b.fit(X, Y, { ...FIT, sampleWeight: WEIGHTS }));
    expect(await numbersOf(a)).toEqual(await numbersOf(b));
    expect(await a.evaluate(data)).toEqual(await b.evaluate(X, Y, { sampleWeight: WEIGHTS }));
    expect(await a.predict(data)).toEqual(await b.predict(X));
  });

  it("take other class weights in each call, and go on by steps", async () => {
    const data = held(dataset(X, LABELS)),
      a = await open(CLASSIFIER, SPARSE),
      b = await open(CLASSIFIER, SPARSE);
    for (const classWeight of [[2], [2, 5], []]) {
      expect(await a.fit(data, { ...FIT, classWeight })).toEqual(await b.fit(X, LABELS, { ...FIT, classWeight }));
      expect(await numbersOf(a)).toEqual(await numbersOf(b));
    }
    expect(await a.evaluate(data)).toEqual(await b.evaluate(X, LABELS));
    expect(await a.evaluate(data, { classWeight: { 1: 9 } })).toEqual(await b.evaluate(X, LABELS, { classWeight: { 1: 9 } }));
    const parts = await open(CLASSIFIER, SPARSE),
      whole = await open(CLASSIFIER, SPARSE),
      by = { batchSize: 8, classWeight: { 1: 3 } };
    const own = held(dataset(X, LABELS)),
      other = held(dataset(X, LABELS));
    await parts.fit(own, { ...by, steps: 4 });
    await parts.fit(own, { ...by, steps: 5 });
    await whole.fit(other, { ...by, steps: 9 });
    expect(await numbersOf(parts)).toEqual(await numbersOf(whole));
  });
});

describe("data and mini-batches that do not fit", () => {
  it("come in slices with their weights: the same bits", async () => {
    const rows = 9001,
      x = noise(rows * 20, 31),
      y = noise(rows * 2, 32),
      sampleWeight = weightsOf(rows);
    const layers = [dense({ units: 6, activation: "tanh", inputShape: [20] }), dense({ units: 2 })];
    const run = async (limits: object) => {
      const { model } = await openLimited({ seed: 2, layers }, SQUARES, limits);
      const { history } = await model.fit(x, y, { batchSize: 250, sampleWeight, validationSplit: 0.3 });
      return [history, await model.evaluate(x, y, { sampleWeight, batchSize: 100 }), await numbersOf(model)];
    };
    expect(await run({ bytes: 1 << 18 })).toEqual(await run({}));
  });

  it("are computed in chunks: within rounding of the whole", async () => {
    const rows = 200,
      x = noise(rows * 20, 71),
      y = noise(rows * 2, 72),
      sampleWeight = weightsOf(rows);
    const layers = [dense({ units: 150, activation: "relu", inputShape: [20] }), dropout({ rate: 0.2 }), dense({ units: 2 })],
      recipe: CompileOptions = { ...SQUARES, optimizer: sgd(0.05) };
    // 64 rows of 150 floats are 38,400 bytes.
    const { model } = await openLimited({ seed: 3, layers }, recipe, { bytes: 30_000, intermediates: 380_000 }),
      reference = await compiledModel({ seed: 3, layers }, { ...recipe, backend: "cpu" });
    const options = { batchSize: 64, sampleWeight };
    const { history } = await model.fit(x, y, options);
    expect(() => model.plan).toThrow(OutOfMemoryError);
    const wanted = await reference.fit(x, y, options);
    expect(farthest(history.loss, wanted.history.loss)).toBeLessThan(CLOSE);
    expect(farthest((await numbersOf(model)).flat(), (await numbersOf(reference)).flat())).toBeLessThan(CLOSE);
  });
});
