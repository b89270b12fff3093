// Slices by themselves: how many rows they take, which rows come into them and when, on the CPU backend made to hold less.

import { describe, expect, it } from "vitest";
import { OutOfMemoryError } from "../../src/index.ts";
import { buildGraph } from "../../src/graph/build.ts";
import type { StepScalars } from "../../src/graph/types.ts";
import { dense } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { mustStream, type DeviceData, type Runner } from "../../src/train/backend/backend.ts";
import { miniBatches } from "../../src/train/data/batches.ts";
import { CpuBackend } from "../../src/train/float64/cpu-backend.ts";
import type { Dataset } from "../../src/train/data/data.ts";
import { sliceRows, StreamedRunner } from "../../src/train/limits/streamed.ts";

const network = resolveNetwork([dense({ units: 1, inputShape: [2] })], 0);
const recipe = resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" });
const data = (rows: number): Dataset => ({
  rows,
  format: { type: "float32", scale: 1 },
  x: Float32Array.from({ length: 2 * rows }, (_, i) => i),
  y: Float32Array.from({ length: rows }, (_, i) => -i),
});
const deviceDataset = (dataBytes: number) => Object.assign(new CpuBackend(), { dataBytes });

it.each<[number, number, boolean]>([
  [10, 80, false],
  [10, 79, true],
  [11, 80, true],
  [10, Infinity, false],
])("%i rows of 8 bytes, %i a buffer: sliced %s", (rows, bytes, sliced) => {
  expect(mustStream(deviceDataset(bytes), data(rows))).toBe(sliced);
});

it("y and the order of the rows count, too, and bytes are stored in whole words", () => {
  const bytes: Dataset = { ...data(9), x: new Uint8Array(9), y: null };
  expect(mustStream(deviceDataset(36), bytes)).toBe(false);
  expect(mustStream(deviceDataset(32), bytes)).toBe(true);
  expect(mustStream(deviceDataset(80), { ...data(10), y: new Float32Array(21) })).toBe(true);
});

it.each<[number, number, number, number]>([
  // rows, bytes a buffer, batch → rows of a slice
  [100, 200, 8, 24],
  [100, 64, 8, 8],
  [100, 100_000, 8, 104],
  [100, 200, 25, 25],
  [5, 39, 4, 4],
])("%i rows, %i bytes a buffer, mini-batches of %i: slices of %i", (rows, bytes, batch, expected) => {
  expect(sliceRows(bytes, data(rows), batch)).toBe(expected);
});

it("a mini-batch too large for a buffer is refused", () => {
  expect(() => sliceRows(63, data(100), 8)).toThrow(OutOfMemoryError);
  expect(() => sliceRows(63, data(100), 8)).toThrow(
    /one mini-batch of 8 rows takes 64 bytes but one buffer of this device holds 63\. Use a smaller batchSize/,
  );
  // More than 16 MiB are never asked for, however much the device holds.
  expect(sliceRows(Infinity, { ...data(1), rows: 2 ** 24, x: { byteLength: 2 ** 27 } as Float32Array<ArrayBuffer>, y: null }, 64)).toBe(
    2 ** 21,
  );
});

describe("running", () => {
  interface Event {
    readonly slice: number;
    readonly x: number[];
    readonly y: number[];
    readonly steps: readonly StepScalars[];
  }

  /** A backend whose runners write down what they were given in place of running it. */
  async function recorded(dataset: Dataset, batch: number, bytes: number) {
    const backend = deviceDataset(bytes),
      events: Event[] = [],
      opened: DeviceData[] = [],
      disposed: string[] = [];
    backend.prepare = async (_, on) => {
      if (!on) throw new Error("a slice runs on data");
      const slice = opened.push(on) - 1;
      const runner: Runner = {
        resultElements: 1,
        dispose: () => void disposed.push(`runner ${slice}`),
        run: async (steps, onResults, signal) => {
          const { x, y } = on.dataset,
            rows = steps.reduce((sum, step) => sum + step.rows, 0);
          events.push({ slice, x: [...x.slice(0, 2 * rows)].filter((_, i) => i % 2 === 0), y: [...(y ?? []).slice(0, rows)], steps });
          await new Promise((resolve) => setTimeout(resolve));
          // What the slice held while it ran must not have changed under it.
          expect([...x.slice(0, 2 * rows)].filter((_, i) => i % 2 === 0)).toEqual(events[events.length - 1].x);
          for (let i = 0; i < steps.length; i++) {
            if (signal?.aborted) return i;
            onResults(i, 1, [steps[i].step]);
          }
          return steps.length;
        },
      };
      return runner;
    };
    const plan = new Plan(buildGraph(network, recipe, "train", dataset.format), { batch });
    return { streamed: await StreamedRunner.open(backend, plan, dataset, 1), events, disposed };
  }

  const shuffled = Uint32Array.from([3, 9, 0, 1, 2, 10, 8, 7, 4, 6, 5]);

  it("each row of the order comes to its mini-batch, in slices that take turns", async () => {
    // 64 bytes are 8 rows: two mini-batches of 3.
    const { streamed, events, disposed } = await recorded(data(11), 3, 64),
      results: number[][] = [];
    streamed.setOrder(shuffled, 0);
    expect(await streamed.run(miniBatches(11, 3, 0, 40), (first, count, losses) => void results.push([first, count, losses[0]]))).toBe(4);
    expect(events.map(({ slice }) => slice)).toEqual([0, 1]);
    expect(events.flatMap(({ x }) => x)).toEqual([...shuffled].map((row) => 2 * row));
    expect(events.flatMap(({ y }) => y.map((value) => -value))).toEqual([...shuffled]);
    expect(events[0].steps.map(({ rows, offset, step }) => [rows, offset, step])).toEqual([
      [3, 0, 40],
      [3, 3, 41],
    ]);
    expect(events[1].steps.map(({ rows, offset, step }) => [rows, offset, step])).toEqual([
      [3, 0, 42],
      [2, 3, 43],
    ]);
    expect(results).toEqual([
      [0, 1, 40],
      [1, 1, 41],
      [2, 1, 42],
      [3, 1, 43],
    ]);
    // Learning rates pass through.
    expect(events[0].steps[0]).toMatchObject({ learningRate: 0, correctedRate: 0 });
    streamed.dispose();
    expect(disposed).toEqual(["runner 0", "runner 1"]);
  });

  it("steps may lie anywhere in the order", async () => {
    const { streamed, events } = await recorded(data(11), 3, 64);
    streamed.setOrder(shuffled, 0);
    await streamed.run([...miniBatches(4, 3, 7), ...miniBatches(3, 3, 0)], () => {});
    expect(events.flatMap(({ x }) => x)).toEqual([7, 4, 6, 5, 3, 9, 0].map((row) => 2 * row));
  });

  it("an abort ends it, and what has run is counted over the slices", async () => {
    const { streamed, events } = await recorded(data(11), 1, 32),
      signal = { aborted: false };
    streamed.setOrder(shuffled, 0);
    const ran = await streamed.run(
      miniBatches(11, 1, 0),
      (first) => {
        signal.aborted = first === 5;
      },
      signal,
    );
    expect(ran).toBe(6);
    expect(events).toHaveLength(2);
    expect(await streamed.run(miniBatches(11, 1, 0), () => {}, { aborted: true })).toBe(0);
    expect(await streamed.run([], () => {})).toBe(0);
  });
});
