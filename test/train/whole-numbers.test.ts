// Whole numbers that index something stay what they are on their way to a backend, or are refused: labels, indices of a vocabulary, lengths,
// windows of them, rows. float32 has all of them up to 2²⁴ and not 2²⁴ + 1, so that a Float32Array cannot be trusted from there on.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dataset, dense, InputError, sequential, simpleRNN, windows } from "../../src/index.ts";
import { maxBindingBytes } from "../../src/gpu/memory.ts";
import { buildGraph } from "../../src/graph/build.ts";
import * as sequences from "../../src/graph/recurrent.ts";
import { sparseCategoricalCrossentropy } from "../../src/model/losses.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { RandomSequence, STREAM } from "../../src/random.ts";
import { compareTensor } from "../../src/reference/compare.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { validateCommon } from "../../src/train/call/validate.ts";
import { checkInputs, checkTargets, MAX_ROWS } from "../../src/train/data/data.ts";
import { validateAll } from "../../src/train/call/validate-all.ts";
import * as checks from "../../src/train/data/sequences.ts";
import type { DataShape } from "../../src/train/data/shape.ts";
import { checkTrace } from "../../src/train/float64/verify.ts";
import { compiledModel } from "../support/models.ts";

const MOST = 2 ** 32,
  LOSS = sparseCategoricalCrossentropy();
const shape = (more: Partial<DataShape>): DataShape => ({
  inputWidth: 1,
  inputSteps: 2,
  vocabulary: null,
  outputWidth: MOST,
  outputSteps: 1,
  sequences: false,
  stateful: false,
  checks,
  ...more,
});
const PICKS = shape({ sequences: true, vocabulary: MOST }),
  LABELS = shape({ inputSteps: 1 });

/** Whole numbers below 2³², mostly those next to a power of two. */
const WHOLE = fc.oneof(
  fc.integer({ min: 0, max: MOST - 1 }),
  fc.tuple(fc.integer({ min: 11, max: 32 }), fc.integer({ min: -2, max: 2 })).map(([power, more]) => Math.min(2 ** power + more, MOST - 1)),
);
const picks = (x: unknown) => checkInputs("fit()", x as number[], PICKS, {}).x;
const labels = (y: unknown, rows: number) =>
  checkTargets("fit()", y as number[], checkInputs("fit()", new Float32Array(rows), LABELS, {}), LABELS, LOSS);

describe("whole numbers below 2³² arrive as they are", () => {
  const forms = (numbers: number[]) => [numbers, Uint32Array.from(numbers), Float64Array.from(numbers)];

  it("as indices of a vocabulary, flat and nested", () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(WHOLE, WHOLE), { minLength: 1 }), (pairs) => {
        for (const x of [
          ...forms(pairs.flat()),
          pairs,
          pairs.map((pair) => Uint32Array.from(pair)),
          pairs.map((pair) => pair.map((n) => [n])),
        ]) {
          expect([...picks(x)]).toEqual(pairs.flat());
        }
      }),
    ));

  it("as labels, by both ways in", () =>
    fc.assert(
      fc.property(fc.array(WHOLE, { minLength: 1, maxLength: 9 }), (numbers) => {
        for (const y of forms(numbers)) {
          expect([...labels(y, numbers.length)]).toEqual(numbers);
          const call = { method: "fit", x: new Float32Array(numbers.length), y, last: {}, shape: LABELS, loss: LOSS } as const;
          for (const taken of [validateCommon(call), validateAll(call)])
            if (taken) expect([...(taken.data.dataset.y ?? [])]).toEqual(numbers);
        }
      }),
    ));

  it("as lengths", () => {
    const long = shape({ sequences: true, inputSteps: MOST });
    expect([...checks.checkLengths("fit()", [1, 2 ** 24 + 1, MOST - 1], 3, long)]).toEqual([1, 2 ** 24 + 1, MOST - 1]);
  });

  it("through windows() and dataset()", () => {
    const text = Uint32Array.of(2 ** 24 + 1, 2 ** 24 + 3, MOST - 1, 2 ** 31 + 1, 7);
    for (const sequence of [text, [...text]]) {
      const { x, y } = windows(sequence, { length: 2, batchSize: 2 });
      expect([[...x], [...y]]).toEqual([[...text.slice(0, 4)], [...text.slice(1)]]);
      const call = {
        method: "fit",
        x: dataset(x, y),
        y: undefined,
        last: undefined,
        shape: { ...PICKS, outputSteps: 2 },
        loss: LOSS,
      } as const;
      const { dataset: taken } = validateAll(call).data;
      expect([[...taken.x], [...(taken.y ?? [])]]).toEqual([[...x], [...y]]);
    }
  });
});

describe("what may have been rounded is refused", () => {
  const rounded = Float32Array.of(3, 2 ** 24 + 1);
  const words = /holds 16777216 in a Float32Array, which has not all whole numbers from 16777216 on.*Uint32Array/;
  it.each([
    ["x", () => picks(rounded)],
    ["x", () => picks([rounded])],
    ["y", () => labels(rounded, 2)],
    ["y", () => labels([rounded.slice(0, 1), rounded.slice(1)], 2)],
    [
      "lengths",
      () =>
        checkInputs("fit()", new Uint8Array(2 ** 24 + 2), shape({ sequences: true, inputSteps: 2 ** 24 + 2 }), {
          scale: 1,
          lengths: rounded.subarray(1) as unknown as number[],
        }),
    ],
  ] as const)("%s", (name, call) => {
    expect(call).toThrow(InputError);
    expect(call).toThrow(new RegExp(`^fit\\(\\): ${name} ${words.source}`));
  });

  it("control: the whole numbers that a Float32Array has are taken", () => {
    const exact = Float32Array.of(0, 2 ** 24 - 1);
    expect([...picks(exact)]).toEqual([...exact]);
    expect([...labels(exact, 2)]).toEqual([...exact]);
  });
});

describe("what 32 bits cannot number is refused", () => {
  it.each([MOST, MOST + 1, 2 ** 53])("%d as an index and as a label", (large) => {
    expect(() => picks([0, large])).toThrow(/whole numbers from 0 to 4294967295/);
    expect(() => labels([large], 1)).toThrow(/whole numbers from 0 to 4294967295/);
  });

  it("more than 2³² − 1 rows", async () => {
    // Never written to, so that the system need not provide it.
    const many = new Uint8Array(MAX_ROWS + 1);
    const model = await compiledModel(
      { layers: [dense({ units: 1, inputShape: [1] })] },
      { optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" },
    );
    await expect(model.predict(many, { scale: 1 })).rejects.toThrow(
      /^predict\(\): x has 4294967296 rows, but rows are numbered in 32 bits/,
    );
  });

  it("more than 2³² classes", () => {
    // No weight tensor has so many numbers.
    const declare = (units: number) => sequential({ layers: [dense({ units, inputShape: [1], useBias: false })] });
    expect(() => declare(MOST + 1)).toThrow(/^sequential\(\): dense\/kernel .* at most 2\^30/);
    expect(() => declare(2 ** 30)).not.toThrow();
  });

  it("buffers whose bytes 32 bits do not number are not made, whatever the device offers", () => {
    const limits = (most: number) => ({ limits: { maxStorageBufferBindingSize: most, maxBufferSize: most } as GPUSupportedLimits });
    expect(maxBindingBytes(limits(2 ** 40))).toBe(MOST - 4);
    expect(maxBindingBytes(limits(2 ** 27))).toBe(2 ** 27);
  });
});

describe("where rows are copied, as inspectStep() has them", () => {
  const LARGE = 2 ** 24 + 1,
    network = resolveNetwork([simpleRNN({ units: 1, inputShape: [2, 1], returnSequences: true })], 1);
  const recipe = resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" });
  const plan = new Plan(buildGraph(network, recipe, "evaluate", { type: "float32", scale: 1, masked: true }, sequences), {
    batch: 1,
    fuse: false,
    sequences: SEQUENCES,
  });
  const before = new Map<string, ArrayLike<number>>([
    ["data_x", [1, 2]],
    ["data_y", [0, 0]],
    ["data_lengths", [LARGE]],
    ["order", [0]],
    ["u1", [0.5]],
    ["w1", [0.5]],
    ["b1", [0]],
  ]);
  const checked = (copy: number) =>
    checkTrace(
      plan,
      plan.launches.map(
        ({ touches }) =>
          new Map(
            touches.some(({ tensor, access }) => tensor === "lengths" && access === "read_write")
              ? [["lengths", Float32Array.of(copy)]]
              : [],
          ),
      ),
      before,
      { rows: 1, offset: 0, step: 0, learningRate: 0, correctedRate: 0 },
    );

  it("a copy may be one of the two float32 neighbours, and those who read the number are held to the number itself", () => {
    for (const copy of [LARGE - 1, LARGE + 1]) {
      const all = checked(copy),
        lengths = all.find(({ name }) => name === "lengths")!;
      const count = all.find(({ name }) => name === "step_count")!;
      expect(compareTensor("lengths", [copy], lengths.expected).ok).toBe(true);
      expect([...count.expected.values]).toEqual([LARGE]);
      // Of what is summed in float32, too.
      expect(count.expected.bounds[0]).toBeGreaterThanOrEqual(1);
      expect(count.expected.bounds[0]).toBeLessThan(8);
    }
    expect(compareTensor("lengths", [LARGE - 5], checked(LARGE - 1).find(({ name }) => name === "lengths")!.expected).ok).toBe(false);
  });
});

it("rows above 2²⁴ have places of their own in a shuffled order", () => {
  const rows = 2 ** 24 + 3,
    order = new RandomSequence(1, STREAM.shuffle).permutation(rows),
    seen = new Uint8Array(rows);
  for (const row of order) seen[row]++;
  expect(seen.every((times) => times === 1)).toBe(true);
});
