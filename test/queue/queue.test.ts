// How many steps go into a submit, on a device that is only a clock.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { StepQueue } from "../../src/gpu/queue.ts";
import type { StepExecutor } from "../../src/gpu/step-executor.ts";
import type { StepScalars } from "../../src/graph/types.ts";

let now = 0;
beforeEach(() => {
  now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** The sizes of the submits of so many steps, one submit after the other; `time` says how long a submit takes. */
async function sizes(steps: number, time: (steps: number, submit: number) => number, capacity = 4096): Promise<number[]> {
  const submits: number[] = [];
  let done = Promise.resolve();
  const executor = {
    capacity,
    resultElements: 1,
    submit(chunk: readonly StepScalars[]) {
      submits.push(chunk.length);
      const took = time(chunk.length, submits.length - 1);
      // A turn of the event loop each, as on a device: the next submit is not over before this one was seen.
      done = done.then(
        () =>
          new Promise((resolve) =>
            setImmediate(() => {
              now += took;
              resolve();
            }),
          ),
      );
      return done.then(() => new Float32Array(chunk.length));
    },
  } as unknown as StepExecutor;
  await new StepQueue(executor).run(Array<StepScalars>(steps).fill({} as StepScalars), () => {});
  return submits;
}

/** Most of the steps. */
const settled = (submits: readonly number[]): number => submits[Math.floor(submits.length / 2)];

it.each([
  [0.01, 4000],
  [0.1, 400],
  [1, 40],
  [10, 4],
])("steps of %f ms: %i in a submit of 40 ms", async (each, wanted) => {
  const submits = await sizes(200_000 / Math.max(1, each), (n) => n * each);
  expect(settled(submits)).toBe(wanted);
});

it("a step that takes longer than a submit should goes alone, after at most two submits that were too long", async () => {
  const submits = await sizes(60, (n) => n * 97);
  expect(settled(submits)).toBe(1);
  expect(submits.filter((n) => n > 1).length).toBeLessThanOrEqual(2);
  expect(Math.max(...submits)).toBeLessThanOrEqual(4);
});

it("a first submit that also compiles does not keep the next ones small or make them long", async () => {
  const submits = await sizes(4000, (n, submit) => n + (submit === 0 ? 300 : 0));
  expect(settled(submits)).toBe(40);
  expect(Math.max(...submits)).toBeLessThanOrEqual(64);
});

it("where results come every 100 ms whatever is computed, submits grow until the computing counts", async () => {
  const submits = await sizes(100_000, (n) => Math.max(100, n * 0.5));
  expect(settled(submits)).toBeGreaterThanOrEqual(100);
});

it("results are handed on in the order of the steps, also where the device gives them in another", async () => {
  let first: (results: Float32Array) => void = () => {};
  const submits: number[] = [],
    handed: [number, number[]][] = [];
  const executor = {
    capacity: 1,
    resultElements: 1,
    submit() {
      submits.push(submits.length);
      const results = Float32Array.of(submits.length);
      if (submits.length === 1)
        return new Promise((resolve) => {
          first = resolve;
        });
      first(Float32Array.of(1));
      // Mapped at once, while the first submit's results still go from promise to promise.
      return { then: (resolve: (value: unknown) => unknown) => Promise.resolve(resolve(results)) };
    },
  } as unknown as StepExecutor;
  await new StepQueue(executor).run(Array<StepScalars>(4).fill({} as StepScalars), (at, _, results) =>
    handed.push([at, [...Array.from(results)]]),
  );
  expect(submits).toHaveLength(4);
  expect(handed).toEqual([
    [0, [1]],
    [1, [2]],
    [2, [3]],
    [3, [4]],
  ]);
});
