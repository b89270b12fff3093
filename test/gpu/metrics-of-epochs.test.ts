// Metrics that no mean of batch values gives: each is computed here from all answers of the epoch at once, by its definition in Keras, and
// compared with what evaluate(), histories, events and resumed runs say. Mini-batches do not divide the rows.

import { describe, expect, it } from "vitest";
import {
  binaryCrossentropy,
  dense,
  InputError,
  simpleRNN,
  type ActivationName,
  type CompileOptions,
  type LossName,
  type MetricName,
} from "../../src/index.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { BACKENDS, compiledModel, noise, type TestBackend } from "../support/models.ts";

type Rows = readonly (readonly number[])[];
type Definition = (a: Rows, y: Rows) => number;

const ROWS = 37,
  FEATURES = 5;
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const pairs = (a: Rows, y: Rows): (readonly [number, number])[] => a.flatMap((row, i) => row.map((value, j) => [value, y[i][j]] as const));
const count =
  (said: boolean, meant: boolean): Definition =>
  (a, y) =>
    pairs(a, y).filter(([p, t]) => p > 0.5 === said && t > 0.5 === meant).length;
const largest = (row: readonly number[]): number => row.indexOf(Math.max(...row));
const COUNTS = {
  truePositives: count(true, true),
  falsePositives: count(true, false),
  falseNegatives: count(false, true),
  trueNegatives: count(false, false),
};
const top5 = (row: readonly number[], label: number): number => Number([...row].sort((p, q) => q - p).indexOf(row[label]) < 5);

const DEFINITIONS: Partial<Record<MetricName, Definition>> = {
  ...COUNTS,
  precision: (a, y) => COUNTS.truePositives(a, y) / (COUNTS.truePositives(a, y) + COUNTS.falsePositives(a, y)),
  recall: (a, y) => COUNTS.truePositives(a, y) / (COUNTS.truePositives(a, y) + COUNTS.falseNegatives(a, y)),
  rootMeanSquaredError: (a, y) => Math.sqrt(meanOf(pairs(a, y).map(([p, t]) => (p - t) ** 2))),
  r2Score: (a, y) =>
    meanOf(
      a[0].map((_, j) => {
        const t = y.map((row) => row[j]),
          middle = meanOf(t);
        return 1 - meanOf(t.map((value, i) => (a[i][j] - value) ** 2)) / meanOf(t.map((value) => (value - middle) ** 2));
      }),
    ),
  cosineSimilarity: (a, y) =>
    meanOf(a.map((row, i) => row.reduce((sum, p, j) => sum + p * y[i][j], 0) / (Math.hypot(...row) * Math.hypot(...y[i])))),
  binaryAccuracy: (a, y) => meanOf(pairs(a, y).map(([p, t]) => Number(p > 0.5 === t > 0.5))),
  categoricalAccuracy: (a, y) => meanOf(a.map((row, i) => Number(largest(row) === largest(y[i])))),
  sparseCategoricalAccuracy: (a, y) => meanOf(a.map((row, i) => Number(largest(row) === y[i][0]))),
  topKCategoricalAccuracy: (a, y) => meanOf(a.map((row, i) => top5(row, largest(y[i])))),
  sparseTopKCategoricalAccuracy: (a, y) => meanOf(a.map((row, i) => top5(row, y[i][0]))),
  meanAbsoluteError: (a, y) => meanOf(pairs(a, y).map(([p, t]) => Math.abs(p - t))),
  logCosh: (a, y) => meanOf(pairs(a, y).map(([p, t]) => Math.log(Math.cosh(p - t)))),
  poisson: (a, y) => meanOf(pairs(a, y).map(([p, t]) => p - t * Math.log(p + 1e-7))),
  binaryCrossentropy: (a, y) => meanOf(pairs(a, y).map(([p, t]) => -t * Math.log(p) - (1 - t) * Math.log(1 - p))),
  categoricalCrossentropy: (a, y) => meanOf(a.map((row, i) => -row.reduce((sum, p, j) => sum + y[i][j] * Math.log(p), 0))),
};

const rowsOf = (values: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, row) => Array.from({ length: width }, (__, j) => values[row * width + j]));
const bits = (n: number, seed: number): Float32Array => Float32Array.from(noise(n, seed), (value) => Number(value > 0.3));
const near = (value: number, wanted: number): boolean => Math.abs(value - wanted) <= 1e-5 * Math.max(1, Math.abs(wanted));

interface Example {
  readonly last: ActivationName;
  readonly loss: LossName;
  readonly units: number;
  readonly y: Float32Array | Uint32Array;
  readonly metrics: readonly MetricName[];
}

const oneHot = (units: number): Float32Array =>
  Float32Array.from(
    [...noise(ROWS, 3)].flatMap((value) => Array.from({ length: units }, (_, j) => Number(j === Math.floor(((value + 1) / 2) * units)))),
  );
const EXAMPLES: Record<string, Example> = {
  labels: {
    last: "sigmoid",
    loss: "binaryCrossentropy",
    units: 3,
    y: bits(ROWS * 3, 4),
    metrics: [
      "precision",
      "recall",
      "truePositives",
      "trueNegatives",
      "falsePositives",
      "falseNegatives",
      "binaryAccuracy",
      "binaryCrossentropy",
      "poisson",
    ],
  },
  numbers: {
    last: "linear",
    loss: "meanSquaredError",
    units: 2,
    y: noise(ROWS * 2, 5, 3),
    metrics: ["rootMeanSquaredError", "r2Score", "cosineSimilarity", "meanAbsoluteError", "logCosh"],
  },
  "one-hot classes": {
    last: "softmax",
    loss: "meanSquaredError",
    units: 9,
    y: oneHot(9),
    metrics: ["categoricalAccuracy", "topKCategoricalAccuracy", "precision", "categoricalCrossentropy"],
  },
  "class indices": {
    last: "softmax",
    loss: "sparseCategoricalCrossentropy",
    units: 9,
    y: Uint32Array.from(noise(ROWS, 6), (value) => Math.floor((value + 1) * 4.5)),
    metrics: ["sparseCategoricalAccuracy", "sparseTopKCategoricalAccuracy"],
  },
};

const modelFor = ({ last, units, loss, metrics }: Example, backend: TestBackend, optimizer: CompileOptions["optimizer"] = "sgd") =>
  compiledModel({ seed: 3, layers: [dense({ units, activation: last, inputShape: [FEATURES] })] }, { optimizer, loss, metrics, backend });

describe.each(BACKENDS)("on %s", (backend) => {
  describe.each(Object.entries(EXAMPLES))("of %s", (_, example) => {
    const { units, y, metrics } = example,
      x = noise(ROWS * FEATURES, 1, 2),
      targets = rowsOf(y, y.length / ROWS);
    /** Whether each metric is what its definition says of these answers. */
    const expectMetrics = (told: Readonly<Record<string, number>>, answers: Rows, prefix = "") => {
      for (const name of metrics) {
        const wanted = DEFINITIONS[name]!(answers, targets);
        expect(near(told[prefix + name], wanted), `${prefix}${name}: ${told[prefix + name]} and ${wanted}`).toBe(true);
      }
    };

    it("evaluate() says what the definitions say of all answers at once, whatever the mini-batch", async () => {
      const model = await modelFor(example, backend),
        answers = rowsOf(await model.predict(x), units);
      for (const batchSize of [8, 37, 1]) expectMetrics(await model.evaluate(x, y, { batchSize }), answers);
      // Control: other answers are told apart.
      const told = await model.evaluate(
        x.map((value) => -value),
        y,
      );
      expect(metrics.filter((name) => near(told[name], DEFINITIONS[name]!(answers, targets))).length).toBeLessThan(metrics.length);
    });

    it("histories, epochs' and mini-batches' events of training without a rate say the same", async () => {
      const model = await modelFor(example, backend, { name: "sgd", learningRate: 0 } as never),
        answers = rowsOf(await model.predict(x), units);
      const epochs: Record<string, number>[] = [],
        batches: Record<string, number>[] = [];
      const { history } = await model.fit(x, y, {
        epochs: 2,
        batchSize: 8,
        shuffle: false,
        validationData: [x, y],
        callbacks: {
          onEpochEnd: (__, logs) => {
            epochs.push(logs);
          },
          onBatchEnd: (__, logs) => {
            batches.push(logs);
          },
        },
      });
      for (const epoch of [0, 1]) {
        const said = Object.fromEntries(Object.entries(history).map(([name, values]) => [name, values[epoch]]));
        expect(said).toEqual(epochs[epoch]);
        expectMetrics(said, answers);
        expectMetrics(said, answers, "val_");
      }
      for (const name of metrics) {
        const wanted = DEFINITIONS[name]!(answers.slice(8, 16), targets.slice(8, 16));
        if (Number.isFinite(wanted))
          expect(near(batches[1][name], wanted), `${name} of a mini-batch: ${batches[1][name]} and ${wanted}`).toBe(true);
      }
      expect(batches[1]).toHaveProperty("size", 8);
    });

    it("a run that goes on from a checkpoint within an epoch has the history of one that was never interrupted", async () => {
      const train = async (model: Awaited<ReturnType<typeof modelFor>>, options: object) =>
        (await model.fit(x, y, { epochs: 3, batchSize: 8, ...options })).history;
      const whole = await train(await modelFor(example, backend, "adam"), {}),
        store = new MemoryStore(),
        stop = new AbortController();
      await train(await modelFor(example, backend, "adam"), {
        checkpoint: { store, every: 7 },
        signal: stop.signal,
        callbacks: {
          onBatchEnd: (batch: number) => {
            if (batch === 3 && ++stops === 2) stop.abort();
          },
        },
      });
      const resumed = await train(await modelFor(example, backend, "adam"), { resumeFrom: store });
      expect(resumed).toEqual(whole);
    });
    let stops = 0;
  });

  it("of sequences every step that is no padding counts, in counts too", async () => {
    const layers = [simpleRNN({ units: 3, inputShape: [4, 2], returnSequences: true }), dense({ units: 2, activation: "sigmoid" })];
    const metrics = ["truePositives", "trueNegatives", "recall"] as const,
      recipe = { optimizer: "sgd", loss: "binaryCrossentropy", metrics, backend } as const;
    const model = await compiledModel({ seed: 1, layers }, recipe),
      x = noise(40, 1, 3),
      y = bits(40, 2),
      lengths = Uint8Array.of(1, 4, 2, 3, 4);
    const answers = rowsOf(await model.predict(x), 2),
      padded = rowsOf(await model.predict(x, { lengths }), 2),
      targets = rowsOf(y, 2);
    const counts = (rows: Rows) => rows.filter((_, row) => row % 4 < lengths[Math.floor(row / 4)]);
    const all = await model.evaluate(x, y, { batchSize: 2 }),
      some = await model.evaluate(x, y, { lengths, batchSize: 2 });
    for (const name of metrics) {
      expect(near(all[name], DEFINITIONS[name]!(answers, targets)), `${name}: ${all[name]}`).toBe(true);
      expect(near(some[name], DEFINITIONS[name]!(counts(padded), counts(targets))), `${name}, padded: ${some[name]}`).toBe(true);
    }
    expect(Number.isInteger(all.truePositives) && Number.isInteger(some.truePositives)).toBe(true);
    expect(some.trueNegatives).not.toBe(all.trueNegatives);
  });

  it("nothing said positive has a precision of 0; targets that do not vary an R² of 0", async () => {
    const labels = await compiledModel(
      { layers: [dense({ units: 1, kernelInitializer: "zeros", activation: "sigmoid", inputShape: [1] })] },
      { optimizer: "sgd", loss: "binaryCrossentropy", metrics: ["precision", "recall"], backend },
    );
    expect(await labels.evaluate([[1], [2]], [[1], [0]])).toMatchObject({ precision: 0, recall: 0 });
    const numbers = await compiledModel(
      { layers: [dense({ units: 1, kernelInitializer: "ones", inputShape: [1] })] },
      { optimizer: "sgd", loss: "meanSquaredError", metrics: ["r2Score"], backend },
    );
    expect((await numbers.evaluate([[1], [2]], [[0.1], [0.1]])).r2Score).toBe(0);
    expect((await numbers.evaluate([[1], [2]], [[1], [2]])).r2Score).toBe(1);
  });

  it("logits are compared with a half by name, as in Keras, and cross-entropies are of the logits", async () => {
    const model = await compiledModel(
      { layers: [dense({ units: 1, kernelInitializer: "ones", inputShape: [1] })] },
      {
        optimizer: "sgd",
        loss: binaryCrossentropy({ fromLogits: true }),
        metrics: ["accuracy", "binaryAccuracy", "binaryCrossentropy"],
        backend,
      },
    );
    const told = await model.evaluate([[0.3], [-1]], [[1], [0]]);
    expect(told).toMatchObject({ accuracy: 1, binaryAccuracy: 0.5 });
    expect(near(told.binaryCrossentropy, (Math.log1p(Math.exp(-0.3)) + Math.log1p(Math.exp(-1))) / 2)).toBe(true);
  });
});

it.each<[string, Partial<CompileOptions>, number, RegExp]>([
  ["unknown", { metrics: ["f1"] }, 1, /a metric is one of accuracy, .*r2Score.*; got "f1"/],
  ["no name", { metrics: [Symbol("x") as never] }, 1, /a metric is one of/],
  [
    "of class indices",
    { metrics: ["sparseTopKCategoricalAccuracy"] },
    1,
    /compares class indices, but meanSquaredError takes rows of targets\. Use/,
  ],
  [
    "of rows of targets",
    { metrics: ["mse"], loss: "sparseCategoricalCrossentropy" },
    2,
    /compares rows of targets, but sparseC.* takes class indices\. Use/,
  ],
  ["R² of many outputs", { metrics: ["r2Score"] }, 17, /at most 16 outputs; got 17\. Use/],
  [
    "a cross-entropy of something else",
    { metrics: ["binaryCrossentropy"] },
    1,
    /binaryCrossentropy needs a last layer with activation "sigmoid"/,
  ],
])("a metric %s is refused, and what was compiled before stays", async (_, options, units, message) => {
  const activation = options.loss ? "softmax" : "linear";
  const model = await compiledModel(
    { layers: [dense({ units, activation, inputShape: [1] })] },
    { optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" },
  );
  const error: unknown = await model
    .compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu", ...options })
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
  expect((error as Error).message).toMatch(message);
  expect(await model.evaluate([[1]], [Array.from({ length: units }, () => 1)])).toEqual({ loss: expect.any(Number) as number });
});
