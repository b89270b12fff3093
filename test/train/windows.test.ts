// windows(): row b of mini-batch i + 1 goes on where row b of mini-batch i stopped, and targets are one step ahead.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError, windows } from "../../src/index.ts";

test("a text in two streams of three windows", () => {
  const text = Uint8Array.from({ length: 14 }, (_, i) => i),
    { x, y, rows, batches } = windows(text, { length: 2, batchSize: 2 });
  expect([rows, batches]).toEqual([6, 3]);
  // Streams 0…5 and 6…11; mini-batches of one window each.
  expect([...x]).toEqual([0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
  expect([...y]).toEqual([1, 2, 7, 8, 3, 4, 9, 10, 5, 6, 11, 12]);
  expect(x).toBeInstanceOf(Uint8Array);
});

test("any sequence: streams without a gap, each window one step before its targets, nothing counted twice", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 40 }),
      (length, batchSize, features, more) => {
        const steps = length * batchSize + 1 + more,
          sequence = Array.from({ length: steps * features }, (_, i) => i);
        const { x, y, rows, batches } = windows(sequence, { length, batchSize, features });
        expect(rows).toBe(batches * batchSize);
        expect(x.length).toBe(rows * length * features);
        expect(y).toEqual(x.map((value) => value + features));
        expect(new Set(x).size).toBe(x.length);
        for (let row = batchSize; row < rows; row++) {
          expect(x[row * length * features]).toBe(x[(row - batchSize + 1) * length * features - 1] + 1);
        }
        // Less than a window of each stream is left over.
        expect(steps - 1 - rows * length).toBeLessThan(batchSize * length);
      },
    ),
  );
});

test("targets of one's own, of another width and kind", () => {
  const { x, y } = windows([0, 1, 2, 3, 4], { length: 2, batchSize: 2, targets: Float32Array.of(0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5) });
  expect([x, [...y]]).toEqual([
    [0, 1, 2, 3],
    [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5],
  ]);
});

describe("refuses", () => {
  test.each<[string, () => unknown, RegExp]>([
    [
      "a text shorter than one window of each stream",
      () => windows(new Uint8Array(6), { length: 3, batchSize: 2 }),
      /2 windows of 3 steps take at least 7 steps; the sequence has 6\. Use a smaller/,
    ],
    ["nothing", () => windows([], { length: 1, batchSize: 1 }), /take at least 2 steps; the sequence has 0/],
    ["half a step", () => windows([1, 2, 3], { length: 1, batchSize: 1, features: 2 }), /no whole number of steps of 2 features/],
    [
      "a string",
      () => windows("text" as never, { length: 1, batchSize: 1 }),
      /the sequence must be a typed array or an array of numbers; got "text"/,
    ],
    [
      "targets that do not fit",
      () => windows([1, 2, 3], { length: 1, batchSize: 1, targets: [1, 2] }),
      /targets has 2 numbers, which is no whole number for each of 3 steps/,
    ],
    ["no length", () => windows([1, 2, 3], { batchSize: 1 } as never), /length must be a whole number ≥ 1; got undefined/],
    ["an unknown option", () => windows([1, 2, 3], { length: 1, batchSize: 1, stride: 2 } as never), /unknown option stride/],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(InputError);
    expect(call).toThrow(message);
  });
});
