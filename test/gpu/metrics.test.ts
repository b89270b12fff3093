// What the metrics of evaluate() mean: what docs/metrics.md says of each loss and shape of y, computed here from predict()'s answers.

import { describe, expect, it } from "vitest";
import {
  binaryCrossentropy,
  categoricalCrossentropy,
  dense,
  simpleRNN,
  sparseCategoricalCrossentropy,
  type ActivationName,
  type Loss,
  type LossName,
} from "../../src/index.ts";
import { BACKENDS, compiledModel, noise, setNumbers, type TestBackend } from "../support/models.ts";

const METRICS = ["accuracy", "meanSquaredError", "meanAbsoluteError"] as const;

/** A network whose answers are σ of its input: an identity for a kernel. */
async function passing(units: number, last: ActivationName, loss: LossName | Loss, backend: TestBackend) {
  const model = await compiledModel(
    { layers: [dense({ units, activation: last, useBias: false, inputShape: [units] })] },
    { optimizer: "sgd", loss, metrics: METRICS.slice(0, 1), backend },
  );
  await setNumbers(model, [Array.from({ length: units * units }, (_, i) => Number(Math.floor(i / units) === i % units))]);
  return model;
}

const argmax = (row: readonly number[]): number => row.indexOf(Math.max(...row));
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const rowsOf = (values: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, row) => Array.from({ length: width }, (_, j) => values[row * width + j]));

const shareAbove =
  (threshold: number) =>
  (answers: number[][], y: number[][]): number =>
    meanOf(answers.flatMap((row, i) => row.map((a, j) => Number(a > threshold === y[i][j] > 0.5))));

/** How answers are compared with y. */
const ACCURACIES = {
  index: (answers: number[][], y: number[][]) => meanOf(answers.map((row, i) => Number(argmax(row) === y[i][0]))),
  largest: (answers: number[][], y: number[][]) => meanOf(answers.map((row, i) => Number(argmax(row) === argmax(y[i])))),
  half: shareAbove(0.5),
  sign: shareAbove(0),
};

const TABLE: readonly (readonly [loss: LossName | Loss, last: ActivationName, units: number, means: keyof typeof ACCURACIES])[] = [
  ["sparseCategoricalCrossentropy", "softmax", 4, "index"],
  [sparseCategoricalCrossentropy({ fromLogits: true }), "linear", 4, "index"],
  ["categoricalCrossentropy", "softmax", 4, "largest"],
  [categoricalCrossentropy({ fromLogits: true }), "linear", 4, "largest"],
  ["binaryCrossentropy", "sigmoid", 4, "half"],
  ["binaryCrossentropy", "sigmoid", 1, "half"],
  [binaryCrossentropy({ fromLogits: true }), "linear", 4, "sign"],
  [binaryCrossentropy({ fromLogits: true }), "linear", 1, "sign"],
  ["meanSquaredError", "sigmoid", 4, "largest"],
  ["meanSquaredError", "sigmoid", 1, "half"],
  ["halfSquaredError", "linear", 1, "half"],
  ["halfSquaredError", "softmax", 4, "largest"],
  ["huber", "linear", 4, "largest"],
  ["huber", "tanh", 1, "half"],
];

/** Targets of all kinds: indices, one of each row, any of each row, numbers. */
function targets(loss: LossName | Loss, rows: number, units: number, seed: number): number[][] {
  const numbers = rowsOf(noise(rows * units, seed), units);
  switch (typeof loss === "string" ? loss : loss.name) {
    case "sparseCategoricalCrossentropy":
      return numbers.map((row) => [argmax(row)]);
    case "categoricalCrossentropy":
      return numbers.map((row) => row.map((_, j) => Number(j === argmax(row))));
    case "binaryCrossentropy":
      return numbers.map((row) => row.map((value) => Number(value > 0)));
    default:
      return numbers;
  }
}

describe.each(BACKENDS)("on %s", (backend) => {
  // Three labels of three rows: in the second and the third row the surest answer is another one than y's first 1.
  const LOGITS = [3, -1, -2, 1, 2, -1, 1, 2, 3],
    LABELS = [1, 0, 0, 1, 1, 0, 1, 1, 1];

  it.each([
    ["sigmoid", "binaryCrossentropy"],
    ["linear", binaryCrossentropy({ fromLogits: true })],
  ] as const)("nine of nine labels right are an accuracy of 1, eight of nine of 8/9 (%s)", async (last, loss) => {
    const model = await passing(3, last, loss, backend),
      x = Float32Array.from(LOGITS);
    expect((await model.evaluate(x, Float32Array.from(LABELS))).accuracy).toBeCloseTo(1, 6);
    expect((await model.evaluate(x, Float32Array.from(LABELS.with(4, 0)))).accuracy).toBeCloseTo(8 / 9, 6);
  });

  it("logits are compared with 0, also those whose sigmoid is ½ in float32; probabilities with ½", async () => {
    const x = Float32Array.of(1e-9, -1e-9, 0),
      y = Float32Array.of(1, 0, 0);
    const logits = await passing(1, "linear", binaryCrossentropy({ fromLogits: true }), backend);
    expect((await logits.evaluate(x, y)).accuracy).toBeCloseTo(1, 6);
    expect(
      (
        await logits.evaluate(
          x,
          y.map((label) => 1 - label),
        )
      ).accuracy,
    ).toBe(0);
  });

  it("the largest of logits is the class, also where softmax rounds two to the same probability", async () => {
    const model = await passing(2, "linear", sparseCategoricalCrossentropy({ fromLogits: true }), backend);
    // Two neighbours in float32: e^(1e-9) is 1.
    expect((await model.evaluate(Float32Array.of(1e-9, 2e-9), Uint32Array.of(1))).accuracy).toBe(1);
  });

  it.each(TABLE)("%j after %s of %i units: accuracy and errors are those of the answers", async (loss, last, units, means) => {
    const rows = 37,
      y = targets(loss, rows, units, 5),
      isSparse = means === "index";
    const model = await compiledModel(
      { seed: 3, layers: [dense({ units, activation: last, inputShape: [5] })] },
      { optimizer: "sgd", loss, metrics: isSparse ? ["accuracy"] : METRICS, backend },
    );
    const x = noise(rows * 5, 4, 2),
      flat = isSparse ? Uint32Array.from(y.flat()) : Float32Array.from(y.flat());
    const told = await model.evaluate(x, flat, { batchSize: 8 }),
      answers = rowsOf(await model.predict(x), units);
    expect(Math.abs(told.accuracy - ACCURACIES[means](answers, y))).toBeLessThan(1e-6);
    // Control: the data tell this accuracy from others.
    const others = Object.entries(ACCURACIES).filter(([name]) => name !== means && isSparse === (name === "index") && units > 1);
    for (const [, other] of others) expect(Math.abs(told.accuracy - other(answers, y))).toBeGreaterThan(0.02);
    if (isSparse) return;
    const errors = answers.flatMap((row, i) => row.map((a, j) => a - y[i][j]));
    expect(Math.abs(told.meanSquaredError / meanOf(errors.map((e) => e * e)) - 1)).toBeLessThan(1e-5);
    expect(Math.abs(told.meanAbsoluteError / meanOf(errors.map(Math.abs)) - 1)).toBeLessThan(1e-5);
  });

  it("each step of a sequence that is no padding counts by itself", async () => {
    const layers = [simpleRNN({ units: 3, inputShape: [4, 2], returnSequences: true }), dense({ units: 3, activation: "sigmoid" })];
    const model = await compiledModel(
      { seed: 1, layers },
      { optimizer: "sgd", loss: "binaryCrossentropy", metrics: ["accuracy"], backend },
    );
    const x = noise(5 * 4 * 2, 1, 2),
      y = noise(5 * 4 * 3, 2).map((value) => Number(value > 0)),
      lengths = Uint8Array.of(1, 4, 2, 3, 4);
    const answers = rowsOf(await model.predict(x, { lengths }), 3);
    const counts = answers.map((_, row) => row % 4 < lengths[Math.floor(row / 4)]);
    const ofThose = (rows: number[][]) => rows.filter((_, row) => counts[row]);
    const told = await model.evaluate(x, y, { lengths, batchSize: 2 });
    expect(Math.abs(told.accuracy - ACCURACIES.half(ofThose(answers), ofThose(rowsOf(y, 3))))).toBeLessThan(1e-6);
  });
});
