// Random garbage for every argument: a call comes back soon, and what it throws is a DeltapropError or nothing. fast-check
// finds what no table of mistakes lists; its seed is fixed, so that a failure repeats.

import fc from "fast-check";
import { expect, it } from "vitest";
import {
  activation,
  adagrad,
  adam,
  adamW,
  binaryCrossentropy,
  constant,
  cosineDecay,
  dataset,
  dense,
  DeltapropError,
  dropout,
  exponentialDecay,
  huber,
  l1,
  l1l2,
  l2,
  piecewiseConstantDecay,
  randomNormal,
  randomUniform,
  rmsprop,
  sequential,
  sgd,
  warmup,
  type Sequential,
  type Weight,
} from "../../src/index.ts";
import { sameWeights } from "../support/models.ts";

const RUNS = { seed: 20240601, numRuns: 400 };

/** Scalars of every kind, the awkward ones often. */
const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    NaN,
    Infinity,
    -Infinity,
    -0,
    0,
    1,
    2,
    0.5,
    -1,
    1e300,
    2 ** 53,
    "",
    "3",
    true,
    false,
    7n,
    Symbol("s"),
    () => 1,
  ),
  fc.double(),
  fc.integer(),
  fc.string({ maxLength: 5 }),
  fc.bigInt(),
);
/** Lists and typed arrays, often of a length that fits rows of two, and objects of anything. */
const anything = fc.oneof(
  { depthSize: "small" },
  scalar,
  fc.array(fc.double(), { maxLength: 8 }),
  fc.array(scalar, { maxLength: 6 }),
  fc.array(fc.array(fc.oneof(fc.double(), scalar), { maxLength: 3 }), { maxLength: 4 }),
  fc.float32Array({ maxLength: 8 }),
  fc.float64Array({ maxLength: 8 }),
  fc.uint8Array({ maxLength: 8 }),
  fc.int32Array({ maxLength: 8 }),
  fc.bigInt64Array({ maxLength: 4 }),
  fc.constantFrom<unknown>(new DataView(new ArrayBuffer(8)), new Date(0), new Map([[1, 2]]), Object.create(null)),
  fc.object({ maxDepth: 2 }),
);
const positive = fc.oneof(fc.integer({ min: 1, max: 9 }), anything);
const few = fc.oneof(
  fc.integer({ min: -2, max: 3 }),
  scalar.filter((v) => !(typeof v === "number" && v > 3)),
  fc.object(),
);
const fitOptions = fc.oneof(
  anything,
  fc.record(
    {
      // Few epochs and steps where they are a number at all: garbage must not train for hours.
      epochs: few,
      steps: few,
      batchSize: positive,
      validationSplit: fc.oneof(fc.double({ min: 0, max: 0.9, noNaN: true }), anything),
      shuffle: fc.oneof(fc.boolean(), anything),
      scale: fc.oneof(fc.double(), anything),
      validationData: anything,
      callbacks: anything,
      signal: anything,
    },
    { requiredKeys: [] },
  ),
);
const rows = fc.oneof(anything, fc.array(fc.tuple(fc.float({ noNaN: true }), fc.float({ noNaN: true })), { minLength: 1, maxLength: 4 }));

/** Runs `call`; true if it came back or threw one of ours. What it threw is shown where that is not so. */
async function tame(call: () => unknown): Promise<{ ours: boolean; threw: unknown }> {
  try {
    await call();
    return { ours: true, threw: null };
  } catch (error) {
    const ours = error instanceof DeltapropError;
    // Whatever is wrong, the message says something.
    return { ours: ours && error.message.length > 20, threw: error };
  }
}

const expectTame = async (call: () => unknown): Promise<unknown> => {
  const { ours, threw } = await tame(call);
  expect(ours, threw instanceof Error ? threw.stack : String(threw)).toBe(true);
  return threw;
};

async function declare(): Promise<Sequential> {
  const model = sequential({
    seed: 1,
    layers: [dense({ units: 3, activation: "tanh", inputShape: [2] }), dense({ units: 2, activation: "softmax" })],
  });
  await model.compile({ optimizer: sgd(0.1), loss: "sparseCategoricalCrossentropy", backend: "cpu" });
  return model;
}
const finite = (weights: readonly Weight[]): boolean => weights.every(({ data }) => data.every(Number.isFinite));

it("fit(), evaluate() and predict() take anything without harm", async () => {
  const model = await declare();
  await fc.assert(
    fc.asyncProperty(rows, rows, fitOptions, async (x, y, options) => {
      const before = await model.getWeights();
      const threw = await expectTame(() => model.fit(x as never, y as never, options as never));
      // Refused means untouched.
      if (threw !== null) expect(sameWeights(await model.getWeights(), before)).toBe(true);
      await expectTame(() => model.evaluate(x as never, y as never, options as never));
      await expectTame(() => model.predict(x as never, options as never));
      await expectTame(async () => {
        const set = dataset(x as never, y as never);
        await expectTame(() => model.fit(set, options as never));
        await expectTame(() => model.predict(set, options as never));
        set.dispose();
      });
      await expectTame(() => dataset([1, 2], [1], options as never));
      await model.setWeights(before);
    }),
    RUNS,
  );
  // Still a model that trains.
  await model.fit(
    [
      [1, 2],
      [3, 4],
    ],
    [0, 1],
  );
  expect(finite(await model.getWeights())).toBe(true);
}, 60_000);

it("setWeights() takes anything without harm", async () => {
  const model = await declare(),
    weights = await model.getWeights();
  const tensor = fc.oneof(
    anything,
    fc.record(
      {
        name: fc.oneof(fc.constant("dense/kernel"), anything),
        shape: fc.oneof(fc.constant([2, 3]), anything),
        data: fc.oneof(fc.float32Array({ minLength: 6, maxLength: 6 }), anything),
      },
      { requiredKeys: [] },
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        anything,
        fc.array(tensor, { minLength: 4, maxLength: 4 }),
        tensor.map((t) => [t, ...weights.slice(1)]),
      ),
      async (given) => {
        await model.setWeights(weights);
        const threw = await expectTame(() => model.setWeights(given as never));
        if (threw !== null) expect(sameWeights(await model.getWeights(), weights)).toBe(true);
        expect(finite(await model.getWeights())).toBe(true);
      },
    ),
    RUNS,
  );
}, 60_000);

const DECLARATIONS = [
  dense,
  dropout,
  activation,
  sequential,
  sgd,
  adam,
  adamW,
  rmsprop,
  adagrad,
  l1,
  l2,
  l1l2,
  huber,
  binaryCrossentropy,
  constant,
  cosineDecay,
  exponentialDecay,
  piecewiseConstantDecay,
  warmup,
  randomNormal,
  randomUniform,
];

it("declarations take anything without harm, and what they accept trains", async () => {
  const layerOptions = fc.record(
    {
      units: positive,
      activation: fc.oneof(fc.constantFrom("relu", "tanh", "softmax"), anything),
      useBias: anything,
      inputShape: fc.oneof(fc.constant([2]), anything),
      kernelInitializer: fc.oneof(fc.constantFrom("zeros", "ones"), anything),
      kernelRegularizer: anything,
      name: anything,
      rate: scalar,
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(layerOptions, anything), anything, async (options, other) => {
      for (const declaration of DECLARATIONS) {
        for (const given of [options, other]) await expectTame(() => declaration(given as never));
      }
      await expectTame(() => sequential({ layers: [dense(options as never), dense({ units: 1 })], seed: 1 }));
      await expectTame(() => sequential({ layers: [other] as never, seed: other as never }));
    }),
    RUNS,
  );
}, 60_000);

it("compile() takes anything without harm", async () => {
  const model = sequential({ layers: [dense({ units: 2, inputShape: [2] })] });
  await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" });
  const optimizer = fc.oneof(
    fc.constantFrom("sgd", "adam"),
    anything,
    fc.record({ name: fc.constantFrom("sgd", "rmsprop", "x"), learningRate: anything }),
  );
  const loss = fc.oneof(
    fc.constantFrom("meanSquaredError", "huber"),
    anything,
    fc.record({ name: fc.constantFrom("huber", "x"), fromLogits: anything, delta: anything }),
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(anything, fc.record({ optimizer, loss, metrics: anything })), async (options) => {
      const given = typeof options === "object" && options !== null ? { ...options, backend: "cpu" } : options;
      const threw = await expectTame(() => model.compile(given as never));
      const { steps } = await model.fit([[1, 2]], [[1, 2]]);
      expect(steps).toBe(1);
      if (threw === null) expect(finite(await model.getWeights())).toBe(true);
      await model.setWeights((await model.getWeights()).map((w) => ({ ...w, data: w.data.map(() => 0.1) })));
    }),
    RUNS,
  );
}, 60_000);

it("control: an error that is not ours is noticed", async () => {
  expect(
    (
      await tame(() => {
        throw new TypeError("x is not iterable, and this is long enough");
      })
    ).ours,
  ).toBe(false);
  expect(
    (
      await tame(() => {
        throw new DeltapropError("fit(): something that is long enough");
      })
    ).ours,
  ).toBe(true);
  expect((await tame(() => 1)).ours).toBe(true);
});
