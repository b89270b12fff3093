// What setWeights() takes is taken at once; only the words for what it refuses come later. Both must draw the same line.

import fc from "fast-check";
import { expect, it } from "vitest";
import { dense, sgd, type GivenWeight } from "../../src/index.ts";
import { resolveNetwork } from "../../src/model/network.ts";
import { whyInvalid } from "../../src/train/call/validate-weights.ts";
import { fromWeights } from "../../src/train/call/weights.ts";
import { compiledModel, noise, numbersOf, sameWeights } from "../support/models.ts";

const LAYERS = [dense({ units: 2, inputShape: [3] })];
const NETWORK = resolveNetwork(LAYERS, 1);
const NOTHING_WRONG = "they were changed while they were looked at.";

it("what is not taken has something wrong in it, what is taken has not", () => {
  const number = fc.oneof(
    { weight: 12, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
    fc.constantFrom<unknown>(NaN, Infinity, 1e39, null, undefined, "1", 1n, true),
  );
  const data = (length: number) =>
    fc.oneof(
      { weight: 2, arbitrary: fc.float32Array({ minLength: length, maxLength: length, noNaN: true, noDefaultInfinity: true }) },
      fc.array(number, { minLength: length, maxLength: length }),
      fc.float64Array({ minLength: length, maxLength: length }),
      fc.int32Array({ minLength: length, maxLength: length }),
      fc.bigInt64Array({ minLength: length, maxLength: length }),
      fc.array(number, { maxLength: 7 }),
      fc.constantFrom<unknown>(undefined, null, "123456", { length, 0: 1 }, new DataView(new ArrayBuffer(8)), Array(length)),
    );
  const tensor = (name: string, shape: number[], length: number) =>
    fc.oneof(
      {
        weight: 12,
        arbitrary: fc.record(
          {
            name: fc.oneof({ weight: 8, arbitrary: fc.constant(name) }, fc.constantFrom<unknown>(undefined, null, "", "other")),
            shape: fc.oneof(
              { weight: 8, arbitrary: fc.constant<unknown>(shape) },
              fc.constantFrom<unknown>([3], [2, 3], String(shape), Int32Array.from(shape), undefined),
            ),
            data: data(length),
          },
          { requiredKeys: ["shape", "data"] },
        ),
      },
      fc.constantFrom<unknown>(null, undefined, 5, [], {}),
    );
  const weights = fc.oneof(
    { weight: 12, arbitrary: fc.tuple<unknown[]>(tensor("dense/kernel", [3, 2], 6), tensor("dense/bias", [2], 2)) },
    fc.constantFrom<unknown>(null, undefined, "ab", [], [1], {}),
  );
  let taken = 0,
    refused = 0;
  fc.assert(
    fc.property(weights, (given) => {
      const list = given as GivenWeight[],
        values = fromWeights(NETWORK, list);
      if (values) taken++;
      else refused++;
      expect(whyInvalid(NETWORK, list) === NOTHING_WRONG).toBe(values !== null);
      if (values) expect([...values.values()].map((floats) => [...floats])).toEqual(list.map(({ data }) => Array.from(data, Math.fround)));
    }),
    { seed: 20240603, numRuns: 5000 },
  );
  // Control: both happen, and more than a few times.
  expect(Math.min(taken, refused)).toBeGreaterThan(200);
});

const model = () => compiledModel({ layers: LAYERS }, { optimizer: sgd(0.1), loss: "meanSquaredError", backend: "cpu" });
const X = noise(12, 1),
  Y = noise(8, 2);
const WEIGHTS = (): GivenWeight[] => [
  { shape: [3, 2], data: [1, 2, 3, 4, 5, 6] },
  { shape: [2], data: [7, 8] },
];

it("what is set is what it was at the call, and is there for the fit() right behind it", async () => {
  const calm = await model(),
    made = await model(),
    other = await model();
  await calm.setWeights(WEIGHTS());
  await calm.fit(X, Y);
  const given = WEIGHTS(),
    setting = made.setWeights(given),
    training = made.fit(X, Y);
  (given[0].data as number[]).fill(0);
  await Promise.all([setting, training]);
  expect(sameWeights(await made.getWeights(), await calm.getWeights())).toBe(true);
  // Control: without them it ends elsewhere.
  await other.fit(X, Y);
  expect(sameWeights(await other.getWeights(), await calm.getWeights())).toBe(false);
});

it("a refusal changes nothing, whatever comes before it is worded", async () => {
  const made = await model(),
    given = WEIGHTS(),
    bad = given[1].data as number[];
  bad[1] = NaN;
  const before = await numbersOf(made),
    setting = made.setWeights(given),
    again = made.setWeights(given);
  // Put right too late.
  bad[1] = 8;
  await expect(setting).rejects.toThrow(/setWeights\(\): they were changed/);
  await expect(again).rejects.toThrow(/setWeights\(\): they were changed/);
  expect(await numbersOf(made)).toEqual(before);
  await made.setWeights(given);
  expect(await numbersOf(made)).toEqual([
    [1, 2, 3, 4, 5, 6],
    [7, 8],
  ]);
  bad[0] = Infinity;
  const late = made.setWeights(given);
  made.dispose();
  await expect(late).rejects.toThrow(/dense\/bias must hold finite float32 numbers; number 0 is Infinity/);
});
