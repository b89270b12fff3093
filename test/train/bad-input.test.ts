// Bad input gets an InputError before any work, and the model is what it was, bit for bit. Each row of a table is a mistake
// that a user makes; the pattern holds the message to naming the place, the rule, what came and the remedy.

import { describe, expect, it } from "vitest";
import {
  activation,
  binaryCrossentropy,
  dense,
  dropout,
  InputError,
  sequential,
  simpleRNN,
  type CompileOptions,
  type FitOptions,
  type Layer,
  type Loss,
  type Sequential,
} from "../../src/index.ts";
import { compiledModel, noise, sameWeights } from "../support/models.ts";

const BACKEND = { optimizer: "sgd", backend: "cpu" } as const;
const ROWS = 6;
const X = noise(ROWS * 3, 81),
  LABELS = [0, 1, 2, 3, 0, 1];
const ONE_HOT = Float32Array.from({ length: ROWS * 4 }, (_, i) => Number(LABELS[Math.floor(i / 4)] === i % 4));
const without = <T>(data: ArrayLike<T>, index: number, value: T): T[] => Object.assign(Array.from(data), { [index]: value });

const softmax = (loss: CompileOptions["loss"]): Promise<Sequential> =>
  compiledModel(
    { layers: [dense({ units: 5, activation: "relu", inputShape: [3] }), dense({ units: 4, activation: "softmax" })] },
    { ...BACKEND, loss },
  );
const withUnits = (units: number, last: "linear" | "sigmoid", loss: CompileOptions["loss"]) =>
  compiledModel({ layers: [dense({ units, activation: last, inputShape: [3] })] }, { ...BACKEND, loss });

/** Every call with this data is refused with this message, and nothing of the model has changed. */
async function expectRefused(model: Sequential, x: unknown, y: unknown, options: unknown, pattern: RegExp): Promise<void> {
  const weights = await model.getWeights();
  const error: unknown = await model.fit(x as Float32Array, y as Float32Array, options as FitOptions).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
  expect((error as Error).message).toMatch(pattern);
  expect(sameWeights(await model.getWeights(), weights)).toBe(true);
  // The next, correct call works: nothing was left half done.
  expect((await model.predict(X)).length).toBeGreaterThan(0);
}

it("control: the data of this file, unspoilt, are accepted", async () => {
  for (const [loss, y] of [
    ["sparseCategoricalCrossentropy", LABELS],
    ["categoricalCrossentropy", ONE_HOT],
  ] as const) {
    const model = await softmax(loss),
      before = await model.getWeights();
    expect((await model.fit(X, y)).steps).toBe(1);
    expect(sameWeights(await model.getWeights(), before)).toBe(false);
  }
});

describe("x", () => {
  it.each<[string, unknown, RegExp]>([
    [
      "rows of another width",
      Array.from({ length: ROWS }, () => [1, 2]),
      /^fit\(\): x has 2 features a row but the first layer takes 3\. Declare inputShape: \[2\] or fix the data\.$/,
    ],
    ["no whole number of rows", X.slice(1), /^fit\(\): x has 17 numbers, .*rows of 3 features\. Fix/],
    [
      "rows of different widths",
      [
        [1, 2, 3],
        [1, 2],
      ],
      /row 1 of x has 2 entries but row 0 has 3/,
    ],
    ["a row among numbers", [1, 2, [3]], /x/],
    ["nothing", new Float32Array(), /x is empty\. Give at least one row of 3 features/],
    ["an empty array", [], /x is empty/],
    ["rows of nothing", [[], []], /x/],
    ["NaN", without(X, 7, NaN), /x must hold finite float32 numbers; row 2, column 1 is NaN\. Clean or clip/],
    ["infinity", without(X, 0, -Infinity), /row 0, column 0 is -Infinity/],
    ["a number that float32 cannot hold", Float64Array.from(without(X, 17, 1e39)), /row 5, column 2 is 1e\+39/],
    ["a missing number", without<number | null>(X, 4, null), /row 1, column 1 is null/],
    [
      "a missing number in a row",
      [
        [1, 2, null],
        [1, 2, 3],
      ],
      /row 0, column 2 is null/,
    ],
    ["a hole", Object.assign([1, 2], { 5: 1 }), /column 2 is undefined/],
    ["words", ["a", "b", "c"], /x/],
    ["numbers in words", ["1", "2", "3"], /x/],
    ["a row missing", [[1, 2, 3], null], /row 1 of x/],
    ["rows in words", ["123", "456"], /x/],
    ["big integers", new BigInt64Array(3), /x must be .*BigInt64Array/],
    ["a view without a type", new DataView(new ArrayBuffer(12)), /x must be .*DataView/],
    ["bytes without a scale", new Uint8Array(ROWS * 3), /^fit\(\): x is a Uint8Array; say what one unit is worth\. Pass scale/],
    ["null", null, /x must be a typed array or an array; got null/],
    ["undefined", undefined, /x must be a typed array or an array; got undefined/],
    ["an object", { length: 3, 0: 1, 1: 1, 2: 1 }, /x must be a typed array or an array; got object/],
  ])("%s", async (_, x, pattern) => {
    await expectRefused(await softmax("sparseCategoricalCrossentropy"), x, LABELS, {}, pattern);
  });
});

describe("y", () => {
  it.each<[string, unknown, RegExp]>([
    [
      "a label too large",
      without(LABELS, 2, 4),
      /^fit\(\): labels must be whole numbers from 0 to 3; y\[2\] is 4\. Fix the label or the units/,
    ],
    ["a negative label", without(LABELS, 0, -1), /y\[0\] is -1/],
    ["a fractional label", Float32Array.from(without(LABELS, 5, 1.5)), /y\[5\] is 1\.5/],
    ["NaN", without(LABELS, 3, NaN), /y\[3\] is NaN/],
    ["a missing label", without<number | null>(LABELS, 3, null), /y\[3\] is null/],
    ["a label too few", LABELS.slice(1), /y has 5 labels but x has 6 rows\. Give one label a row/],
    ["a label too many", [...LABELS, 0], /y has 7 labels but x has 6 rows/],
    ["nothing", [], /y has 0 labels/],
    ["undefined", undefined, /y must be a typed array or an array; got undefined/],
    [
      "one-hot rows",
      ONE_HOT,
      /y has 4 numbers a row but sparseCategoricalCrossentropy takes one class index a row\. Pass indices, or use categorical/,
    ],
    ["big integers", new BigUint64Array(ROWS), /y must be .*BigUint64Array/],
  ])("of sparseCategoricalCrossentropy: %s", async (_, y, pattern) => {
    await expectRefused(await softmax("sparseCategoricalCrossentropy"), X, y, {}, pattern);
  });

  it.each<[string, unknown, RegExp]>([
    ["class indices", LABELS, /y has one number a row but the last layer has 4 units\. Pass rows of 4 targets, or use sparseCategorical/],
    [
      "a row that does not sum to 1",
      without(ONE_HOT, 0, 0.5),
      /takes rows of targets that sum to 1; row 0 of y sums to 0\.5\. Pass one-hot rows/,
    ],
    ["a row of zeros", without(ONE_HOT, 0, 0), /row 0 of y sums to 0/],
    [
      "a negative probability",
      Object.assign(without(ONE_HOT, 0, 1.5), { 1: -0.5 }),
      /takes targets from 0 to 1; row 0, column 0 of y is 1\.5/,
    ],
    ["a row too few", ONE_HOT.slice(4), /y has 20 numbers but 6 rows × 4 outputs are 24\. Give one target/],
    ["NaN", without(ONE_HOT, 23, NaN), /y must hold finite float32 numbers; row 5, column 3 is NaN/],
  ])("of categoricalCrossentropy: %s", async (_, y, pattern) => {
    await expectRefused(await softmax("categoricalCrossentropy"), X, y, {}, pattern);
  });

  it.each<[string, 1 | 2, "linear" | "sigmoid", CompileOptions["loss"], unknown, RegExp]>([
    [
      "a probability above 1",
      1,
      "sigmoid",
      "binaryCrossentropy",
      [0, 1, 1, 2, 0, 1],
      /binaryCrossentropy takes targets from 0 to 1; row 3, column 0 of y is 2/,
    ],
    ["the same with logits", 1, "linear", binaryCrossentropy({ fromLogits: true }), [0, 1, 1, -1, 0, 1], /row 3, column 0 of y is -1/],
    [
      "rows of another width",
      2,
      "linear",
      "meanSquaredError",
      Array.from({ length: ROWS }, () => [1, 2, 3]),
      /y has 18 numbers but 6 rows × 2 outputs are 12/,
    ],
    [
      "rows twice as many and half as wide",
      2,
      "linear",
      "meanSquaredError",
      Array.from({ length: 2 * ROWS }, () => [1]),
      /y has 12 rows of 1 .*6 rows × 2 outputs/,
    ],
    ["an infinite target", 2, "linear", "huber", without(new Float32Array(12), 3, Infinity), /row 1, column 1 is Infinity/],
  ])("%s", async (_, units, last, loss, y, pattern) => {
    await expectRefused(await withUnits(units, last, loss), X, y, {}, pattern);
  });
});

describe("fit() options", () => {
  it.each<[string, unknown, RegExp]>([
    ["batch size 0", { batchSize: 0 }, /^fit\(\): batchSize must be a whole number ≥ 1; got 0\.$/],
    ["half a batch", { batchSize: 1.5 }, /batchSize must be a whole number ≥ 1; got 1\.5/],
    ["NaN rows a batch", { batchSize: NaN }, /batchSize .*got NaN/],
    ["a batch size in words", { batchSize: "32" }, /batchSize .*got "32"/],
    ["a big integer", { batchSize: 32n }, /batchSize .*got 32n/],
    ["no epochs", { epochs: 0 }, /epochs must be a whole number ≥ 1; got 0/],
    ["endless epochs", { epochs: Infinity }, /epochs .*got Infinity/],
    ["no steps", { steps: 0 }, /^fit\(\): steps must be a whole number ≥ 1; got 0\.$/],
    ["half a step", { steps: 2.5 }, /steps must be a whole number ≥ 1; got 2\.5/],
    ["steps in words", { steps: "500" }, /steps .*got "500"/],
    [
      "steps and epochs",
      { steps: 3, epochs: 2 },
      /^fit\(\): set epochs or steps; got both \(epochs 2, steps 3\)\. steps counts mini-batches/,
    ],
    ["all rows for validation", { validationSplit: 1 }, /validationSplit must be in \[0, 1\); got 1/],
    ["less than none", { validationSplit: -0.1 }, /validationSplit .*got -0\.1/],
    ["NaN for validation", { validationSplit: NaN }, /validationSplit .*got NaN/],
    ["too large a share", { validationSplit: 0.99 }, /validationSplit 0\.99 of 6 rows leaves 0 to train on and 6 to validate with/],
    ["both kinds of validation", { validationSplit: 0.5, validationData: [X, LABELS] }, /set validationSplit or validationData; got both/],
    ["validation data in one piece", { validationData: X }, /validationData must be \[x, y\]/],
    [
      "validation data that are none",
      { validationData: 5 },
      /validationData must be \[x, y\], \[x, y, sampleWeight\] or what dataset\(x, y\) gave; got 5/,
    ],
    ["validation labels out of range", { validationData: [X, without(LABELS, 1, 9)] }, /^fit\(\): validationData: labels .*y\[1\] is 9/],
    ["validation rows of another width", { validationData: [[[1, 2]], [0]] }, /^fit\(\): validationData: x has 2 features/],
    ["an unknown option", { batchsize: 3 }, /unknown option batchsize\. Known: epochs, batchSize/],
    ["a scale of 0", { scale: 0 }, /scale must be a finite number other than 0; got 0/],
    ["an infinite scale", { scale: Infinity }, /scale .*got Infinity/],
    ["a scale in words", { scale: "1/255" }, /scale .*got "1\/255"/],
    ["no object", 5, /options must be an object; got 5/],
    ["shuffle in words", { shuffle: "no" }, /shuffle must be true or false; got "no"/],
    ["a callback that is none", { callbacks: { onEpochEnd: 5 } }, /callbacks\.onEpochEnd must be a function; got 5/],
    ["callbacks that are a function", { callbacks: () => 0 }, /callbacks must be an object of functions/],
    ["a function in a list of callbacks", { callbacks: [{}, () => 0] }, /callbacks\[1\] must be an object of functions/],
    [
      "a misspelt callback in a list",
      { callbacks: [{ onEpochend: () => 0 }] },
      /unknown callback onEpochend in callbacks\[0\]\. Known: onTrainBegin/,
    ],
    ["a first epoch behind the last", { epochs: 3, initialEpoch: 3 }, /initialEpoch must be a whole number from 0 to 2, below epochs/],
    ["half an initial epoch", { epochs: 3, initialEpoch: 0.5 }, /initialEpoch .*got 0\.5/],
    ["no steps an epoch", { stepsPerEpoch: 0 }, /stepsPerEpoch must be a whole number ≥ 1; got 0/],
    ["both kinds of steps", { steps: 3, stepsPerEpoch: 2 }, /set steps or stepsPerEpoch; got both/],
    ["steps of a validation that is none", { validationSteps: 2 }, /validationSteps is 2, but there is nothing to validate on/],
    ["no validation steps", { validationSplit: 0.5, validationSteps: 0 }, /validationSteps must be a whole number ≥ 1; got 0/],
    ["a misspelt callback", { callbacks: { onEpochend: () => 0 } }, /unknown callback onEpochend\. Known: onTrainBegin/],
    ["a signal that is none", { signal: new AbortController() }, /signal must be an AbortSignal.*Pass controller\.signal/],
  ])("%s", async (_, options, pattern) => {
    await expectRefused(await softmax("sparseCategoricalCrossentropy"), X, LABELS, options, pattern);
  });

  it("undefined is not given", async () => {
    const model = await softmax("sparseCategoricalCrossentropy");
    const none: FitOptions = {
      epochs: undefined,
      batchSize: undefined,
      validationSplit: undefined,
      validationData: undefined,
      shuffle: undefined,
      scale: undefined,
      signal: undefined,
      callbacks: undefined,
    };
    expect((await model.fit(X, LABELS, none)).steps).toBe(1);
  });
});

describe("evaluate(), predict(), gradientCheck()", () => {
  it("refuse the same data and options, each in its own name", async () => {
    const model = await softmax("sparseCategoricalCrossentropy");
    const calls: [() => Promise<unknown>, RegExp][] = [
      [() => model.evaluate(X, without(LABELS, 1, 7)), /^evaluate\(\): labels .*y\[1\] is 7/],
      [() => model.evaluate(X, LABELS, { batchSize: 0 }), /^evaluate\(\): batchSize .*got 0/],
      [() => model.evaluate(X, LABELS, { batchsize: 1 } as object), /^evaluate\(\): unknown option batchsize/],
      [() => model.evaluate(X, LABELS, [] as unknown as object), /^evaluate\(\): options must be an object/],
      [() => model.predict(X.slice(1)), /^predict\(\): x has 17 numbers/],
      [() => model.predict([]), /^predict\(\): x is empty/],
      [() => model.predict(X, { batchSize: -1 }), /^predict\(\): batchSize .*got -1/],
      [() => model.predict(X, { verbose: 0 } as object), /^predict\(\): unknown option verbose/],
      [() => model.gradientCheck(X, ONE_HOT), /^gradientCheck\(\): y has 4 numbers a row/],
      [() => model.verify(X, LABELS), /^verify\(\): .*runs on the reference itself\. Compile with backend: "webgpu"/],
    ];
    for (const [call, pattern] of calls) {
      const error: unknown = await call().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(pattern);
    }
  });
});

describe("compile()", () => {
  const hidden = dense({ units: 4, activation: "relu", inputShape: [3] });
  it.each<[string, Layer[], object, RegExp]>([
    [
      "binary cross-entropy over a softmax",
      [hidden, dense({ units: 2, activation: "softmax" })],
      { loss: "binaryCrossentropy" },
      /binaryCrossentropy needs a last layer with activation "sigmoid"; got "softmax"\. Declare/,
    ],
    [
      "categorical cross-entropy over a linear layer",
      [hidden],
      { loss: "categoricalCrossentropy" },
      /needs a last layer with activation "softmax"; got "relu"/,
    ],
    [
      "logits from a softmax",
      [hidden, dense({ units: 2, activation: "softmax" })],
      { loss: { name: "sparseCategoricalCrossentropy", fromLogits: true, delta: 1 } satisfies Loss },
      /with fromLogits needs a last layer with activation "linear"; got "softmax"/,
    ],
    [
      "one class",
      [hidden, dense({ units: 1, activation: "softmax" })],
      { loss: "sparseCategoricalCrossentropy" },
      /at least 2 classes; got 1 unit\. Use binaryCrossentropy/,
    ],
    ["an unknown loss", [hidden], { loss: "rmse" }, /loss must be one of meanSquaredError.*got "rmse"/],
    ["an unknown optimizer", [hidden], { optimizer: "lamb", loss: "huber" }, /optimizer must be one of sgd.*got "lamb"/],
    ["no optimizer", [hidden], { optimizer: undefined, loss: "huber" }, /optimizer must be one of/],
    ["an unknown metric", [hidden], { metrics: ["f1"], loss: "huber" }, /a metric is one of accuracy.*got "f1"/],
    ["metrics in one word", [hidden], { metrics: "accuracy", loss: "huber" }, /metrics must be an array.*got "accuracy"/],
    ["an unknown backend", [hidden], { backend: "webgl", loss: "huber" }, /backend must be "auto", "webgpu", "wasm" or "cpu"; got "webgl"/],
    [
      "an unknown option",
      [hidden],
      { metric: ["accuracy"], loss: "huber" },
      /^compile\(\): unknown option metric\. Known: optimizer, loss, metrics/,
    ],
  ])("%s, and what was compiled before still works", async (_, layers, options, pattern) => {
    const model = sequential({ layers });
    const first = { ...BACKEND, loss: "meanSquaredError" } as const;
    await model.compile(first);
    const before = await model.getWeights();
    const error: unknown = await model.compile({ ...first, ...options }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(pattern);
    expect(sameWeights(await model.getWeights(), before)).toBe(true);
    expect((await model.predict(X)).every(Number.isFinite)).toBe(true);
  });
});

describe("setWeights()", () => {
  it.each<[string, (weights: { name?: string; shape: number[]; data: unknown }[]) => unknown, RegExp]>([
    ["one tensor too few", (w) => w.slice(1), /the network has 4 weight tensors \(dense\/kernel, .*got 3/],
    ["another order", ([k, b, ...rest]) => [b, k, ...rest], /tensor 0 must be dense\/kernel; got "dense\/bias"\. Keep the order/],
    [
      "another shape",
      ([k, ...rest]) => [{ ...k, shape: [5, 3] }, ...rest],
      /dense\/kernel has shape \[3, 5\]; got \[5, 3\] with 15 numbers/,
    ],
    ["a number too few", ([k, ...rest]) => [{ ...k, data: (k.data as Float32Array).slice(1) }, ...rest], /got \[3, 5\] with 14 numbers/],
    [
      "NaN",
      ([k, ...rest]) => [{ ...k, data: without(k.data as Float32Array, 2, NaN) }, ...rest],
      /must hold finite float32 numbers; number 2 is NaN/,
    ],
    [
      "a missing number",
      ([k, ...rest]) => [{ ...k, data: without<number | null>(k.data as Float32Array, 2, null) }, ...rest],
      /number 2 is null/,
    ],
    ["a wrong last tensor, the others being right", (w) => [...w.slice(0, 3), { ...w[3], shape: [7] }], /dense_1\/bias has shape \[4\]/],
    ["no tensors", () => [null, null, null, null], /dense\/kernel/],
    ["a tensor without a shape", ([k, ...rest]) => [{ data: k.data }, ...rest], /dense\/kernel/],
    ["no array", () => "weights", /4 weight tensors .*got string/],
  ])("%s", async (_, spoil, pattern) => {
    const model = await softmax("sparseCategoricalCrossentropy"),
      weights = await model.getWeights();
    const given = spoil(weights.map((weight) => ({ ...weight, data: weight.data.slice() })));
    const error: unknown = await model.setWeights(given as never).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(/^setWeights\(\): /);
    expect((error as Error).message).toMatch(pattern);
    expect(sameWeights(await model.getWeights(), weights)).toBe(true);
  });
});

describe("declarations", () => {
  it.each<[string, () => unknown, RegExp]>([
    ["no units", () => dense({ units: 0 }), /^dense\(\): units must be a whole number ≥ 1; got 0/],
    ["NaN units", () => dense({ units: NaN }), /units .*got NaN/],
    [
      "an unknown activation",
      () => dense({ units: 1, activation: "selu" as never }),
      /activation must be one of linear, sigmoid.*got "selu"/,
    ],
    ["no options", () => dense(undefined as never), /^dense\(\): units must be a whole number ≥ 1; got undefined/],
    ["useBias in words", () => dense({ units: 1, useBias: "false" as never }), /useBias must be true or false; got "false"/],
    ["dropping all", () => dropout({ rate: 1 }), /rate must be in \[0, 1\); got 1/],
    ["an unknown bare activation", () => activation("RELU" as never), /activation must be one of .*got "RELU"/],
    [
      "an image",
      () => sequential({ layers: [dense({ units: 1, inputShape: [28, 28] })] }).summary(),
      /declares a sequence, inputShape \[28, 28\], but there is no recurrent layer\..*declare inputShape: \[784\]/,
    ],
    [
      "no input shape",
      () => sequential({ layers: [dense({ units: 1 })] }),
      /first layer \(dense\) must say what comes in\. Declare inputShape/,
    ],
    [
      "layers that are none",
      () => sequential({ layers: [{ type: "conv" } as never] }),
      /layer 0 must be the value of a layer function, as dense\(\); got \{\"type\":\"conv\"\}/,
    ],
    ["layers missing", () => sequential({ layers: [null as never] }), /layer 0 must be the value of/],
    ["no list of layers", () => sequential({ layers: "dense" as never }), /layers must be an array; got "dense"/],
    ["an unknown option", () => sequential({ layer: [] } as never), /^sequential\(\): unknown option layer\. Known: layers, seed/],
    [
      "a negative seed",
      () => sequential({ seed: -1, layers: [dense({ units: 1, inputShape: [1] })] }),
      /seed must be a whole number from 0 to 2\^53−1; got -1/,
    ],
    ["half a seed, no layers yet", () => sequential({ seed: 0.5 }), /seed .*got 0\.5/],
    ["a seed in words", () => sequential({ seed: "1" as never }), /seed .*got "1"/],
    [
      "widths that do not meet",
      () => sequential({ layers: [dense({ units: 2, inputShape: [3] }), dense({ units: 2, inputShape: [3] })] }),
      /layer 1 \(dense\) declares inputShape \[3\] but 2 features reach it/,
    ],
    [
      "softmax in the middle",
      () => sequential({ layers: [dense({ units: 2, activation: "softmax", inputShape: [3] }), dense({ units: 2 })] }),
      /layer 1 \(dense\) comes after a softmax\. Move/,
    ],
    [
      "dropout at the end",
      () => sequential({ layers: [dense({ units: 2, inputShape: [3] }), dropout({ rate: 0.1 })] }).summary(),
      /dropout must not be the last layer/,
    ],
    [
      "no layer with weights",
      () => sequential({ layers: [dropout({ rate: 0.1, inputShape: [3] })] }).summary(),
      /a dense or recurrent layer; got dropout\. Add/,
    ],
    [
      "a kernel of 36 GB",
      () => sequential({ layers: [dense({ units: 1e9, inputShape: [9] }), dense({ units: 4 })] }),
      /dense\/kernel of shape \[9, 1000000000\] would have 9000000000 numbers, 33\.5 GiB; .* at most 2\^30 .*Use fewer units/,
    ],
    [
      "a kernel of more than 2^53 numbers",
      () => sequential().add(dense({ units: 2 ** 53 - 1, inputShape: [2 ** 53 - 1] })),
      /dense\/kernel .* at most 2\^30/,
    ],
    [
      "a recurrent kernel beyond a typed array",
      () => sequential({ layers: [simpleRNN({ units: 1e5, inputShape: [2, 1] })] }),
      /simple_rnn\/recurrent_kernel of shape \[100000, 100000\]/,
    ],
  ])("%s", (_, declare, pattern) => {
    expect(declare).toThrow(InputError);
    expect(declare).toThrow(pattern);
  });
});
