// Data larger than one piece of the engine's memory come in slices, and nothing of the results changes: an engine that says that it
// holds less than it does trains, evaluates and predicts to the same bits as one that holds all.

import { describe, expect, it } from "vitest";
import { adam, dataset, dense, dropout, type FitOptions, type Layer, type Sequential } from "../../../src/index.ts";
import { ENGINE, noise, sameWeights } from "../../support/models.ts";
import { openLimited } from "../limited.ts";

// 13,001 rows of 20 floats are 1 MB: four slices and a bit. What else must fit the limit: the answers of 256 steps (predict's
// 128 rows of 2 floats: 262,144 bytes), and 128 rows of 150 floats between the layers.
const ROWS = 13_001,
  WIDTH = 20,
  LIMIT = 1 << 18;
const X = noise(ROWS * WIDTH, 31),
  Y = noise(ROWS * 2, 32);
const BYTES = Uint8Array.from({ length: ROWS * WIDTH }, (_, i) => (i * 97 + (i >> 4)) % 256);
const LABELS = Uint32Array.from({ length: ROWS }, (_, i) => (i * i + (i >> 3)) % 3);

const TINY: Layer[] = [dense({ units: 6, activation: "tanh", inputShape: [WIDTH] }), dropout({ rate: 0.2 }), dense({ units: 2 })];
const LARGE: Layer[] = [dense({ units: 150, activation: "relu", inputShape: [WIDTH] }), dense({ units: 2 })];
const RECIPE = { optimizer: adam(0.01), loss: "meanSquaredError", metrics: ["mae"] } as const;
const CLASSES = { optimizer: adam(0.01), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] } as const;

/** A model on an engine that holds no more than so many bytes in one piece, and what it ever asked for. */
const deviceDataset = (limit: number | null, layers = TINY, recipe: typeof RECIPE | typeof CLASSES = RECIPE) =>
  openLimited({ seed: 2, layers }, recipe, limit === null ? {} : { bytes: limit });

/** What training, evaluation and prediction leave, number by number. */
async function results(
  model: Sequential,
  x: Float32Array | Uint8Array,
  y: Float32Array | Uint32Array,
  options: FitOptions,
  predictBatch = 128,
) {
  const { history } = await model.fit(x, y, options),
    { scale } = options;
  return {
    history,
    loss: await model.evaluate(x, y, { scale, batchSize: 100 }),
    answers: await model.predict(x, { scale, batchSize: predictBatch }),
    weights: (await model.getWeights()).map(({ data }) => data),
  };
}

describe.each<[string, FitOptions]>([
  ["shuffled, the last batch of one row", { batchSize: 250 }],
  ["in the rows' own order", { batchSize: 250, shuffle: false }],
  ["several epochs", { batchSize: 128, epochs: 3 }],
  ["several epochs and a validation split", { batchSize: 250, epochs: 3, validationSplit: 0.3 }],
  ["validation data in slices, too", { batchSize: 250, validationData: [X, Y] }],
  ["steps, over the end of a pass", { batchSize: 250, steps: 120 }],
])("%s", (_, options) => {
  it.each([
    ["one launch", TINY],
    ["several launches", LARGE],
  ])("gives the bits of the run that holds all, with %s", async (_, layers) => {
    const whole = await deviceDataset(null, layers),
      sliced = await deviceDataset(LIMIT, layers);
    expect(await results(sliced.model, X, Y, options)).toEqual(await results(whole.model, X, Y, options));
    expect(await sliced.largest("x")).toBeLessThanOrEqual(LIMIT);
    // Control: otherwise all of it is on the device.
    expect(await whole.largest("x")).toBe(X.byteLength);
    expect(await whole.largest("x")).toBeGreaterThan(3 * LIMIT);
  });
});

it("bytes come as bytes, and labels with them", async () => {
  const layers = [TINY[0], dense({ units: 3, activation: "softmax" })],
    options = { batchSize: 200, epochs: 2, scale: 1 / 255 };
  const limit = 200_000,
    whole = await deviceDataset(null, layers, CLASSES),
    sliced = await deviceDataset(limit, layers, CLASSES);
  expect(await results(sliced.model, BYTES, LABELS, options, 50)).toEqual(await results(whole.model, BYTES, LABELS, options, 50));
  expect(await sliced.largest("x")).toBeLessThanOrEqual(limit);
  expect(await sliced.largest("x")).toBeGreaterThan(limit - 200 * WIDTH);
  if (ENGINE === "webgpu") expect(await sliced.largest("y")).toBe(((await sliced.largest("x")) / WIDTH) * 4);
});

it("a mini-batch that fills a slice", async () => {
  const options = { batchSize: Math.floor(LIMIT / (4 * WIDTH)), epochs: 2 },
    whole = await deviceDataset(null),
    sliced = await deviceDataset(LIMIT);
  expect(await results(sliced.model, X, Y, options)).toEqual(await results(whole.model, X, Y, options));
  expect(await sliced.largest("x")).toBe(options.batchSize * WIDTH * 4);
});

it("control: data of another order end elsewhere", async () => {
  const [one, two] = [await deviceDataset(LIMIT), await deviceDataset(LIMIT)];
  await one.model.fit(X, Y, { batchSize: 64 });
  await two.model.fit(X, Y, { batchSize: 64, shuffle: false });
  expect(sameWeights(await one.model.getWeights(), await two.model.getWeights())).toBe(false);
});

it("y alone too large is streamed as well", async () => {
  const wideY = noise(ROWS * 10, 33),
    layers = [dense({ units: 10, inputShape: [2] })],
    x = X.slice(0, ROWS * 2);
  const options = { batchSize: 64, epochs: 2 };
  const whole = await deviceDataset(null, layers),
    sliced = await deviceDataset(LIMIT, layers);
  expect(await results(sliced.model, x, wideY, options, 20)).toEqual(await results(whole.model, x, wideY, options, 20));
  expect(await sliced.largest("y")).toBeLessThanOrEqual(LIMIT);
});

describe("a handle", () => {
  it("trains by steps over several calls, evaluates and predicts; a second fit() creates nothing", async () => {
    const whole = await deviceDataset(null),
      sliced = await deviceDataset(LIMIT),
      bare = await sliced.alive(),
      set = dataset(X, Y);
    for (const { model } of [whole, sliced]) for (const steps of [30, 100, 7]) await model.fit(set, { batchSize: 200, steps });
    expect(await sliced.model.evaluate(set)).toEqual(await whole.model.evaluate(set));
    expect(await sliced.model.predict(set)).toEqual(await whole.model.predict(set));
    expect(sameWeights(await sliced.model.getWeights(), await whole.model.getWeights())).toBe(true);
    const before = await sliced.made();
    await sliced.model.fit(set, { batchSize: 200, steps: 50 });
    expect(await sliced.made()).toBe(before);
    expect(await sliced.alive()).toBeGreaterThan(bare);
    set.dispose();
    expect(await sliced.alive()).toBe(bare);
  });

  it("is freed with the model", async () => {
    const { model, alive } = await deviceDataset(LIMIT),
      set = dataset(X, Y);
    await model.fit(set, { batchSize: 64, validationSplit: 0.2 });
    expect(await alive()).toBeGreaterThan(0);
    model.dispose();
    expect(await alive()).toBe(0);
    set.dispose();
  });
});

it("arrays leave nothing behind", async () => {
  const { model, alive } = await deviceDataset(LIMIT),
    bare = await alive();
  await model.fit(X, Y, { batchSize: 64, validationSplit: 0.2 });
  await model.predict(X);
  expect(await alive()).toBe(bare);
});

it("a signal stops it at a step boundary, and training goes on from there", async () => {
  const [{ model }, control] = [await deviceDataset(LIMIT), await deviceDataset(null)],
    stop = new AbortController(),
    set = dataset(X, Y);
  let seen = 0;
  const { steps, stopped } = await model.fit(set, {
    batchSize: 8,
    steps: 5000,
    signal: stop.signal,
    callbacks: { onBatchEnd: () => void (++seen === 500 && stop.abort()) },
  });
  expect(stopped).toBe(true);
  expect(steps).toBeGreaterThanOrEqual(500);
  expect(steps).toBeLessThan(5000);
  await model.fit(set, { batchSize: 8, steps: 20 });
  await control.model.fit(dataset(X, Y), { batchSize: 8, steps: steps + 20 });
  expect(sameWeights(await model.getWeights(), await control.model.getWeights())).toBe(true);
});

it("an error of onBatchEnd comes out, and the model stays usable", async () => {
  const { model } = await deviceDataset(LIMIT),
    oops = new Error("the user's own");
  await expect(
    model.fit(X, Y, {
      batchSize: 8,
      callbacks: {
        onBatchEnd(batch) {
          if (batch === 500) throw oops;
        },
      },
    }),
  ).rejects.toBe(oops);
  expect((await model.fit(X, Y, { batchSize: 250 })).steps).toBe(53);
});

it("verify() takes the rows that its steps meet, whatever there are more", async () => {
  const { model } = await deviceDataset(LIMIT);
  const report = await model.verify(dataset(X, Y), { steps: 2, batchSize: 16 });
  expect(report.ok, String(report)).toBe(true);
});
