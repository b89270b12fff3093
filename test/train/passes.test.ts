// Passes over the rows as lists, and where their orders lie.

import { describe, expect, it } from "vitest";
import { Orders, orderSlots } from "../../src/train/backend/orders.ts";
import { nextStretches } from "../../src/train/by-steps.ts";
import type { Position } from "../../src/train/loop/passes.ts";

const at = (row: number, pass = 2): Position => ({ rows: 10, shuffle: true, pass, row });

describe("nextStretches()", () => {
  it.each<[string, Position, number, number, ReturnType<typeof nextStretches>]>([
    ["a new pass where the last one is over", at(10), 2, 9, [{ pass: 7, from: 0, steps: 2 }]],
    ["on in the middle", at(4), 2, 9, [{ pass: 2, from: 4, steps: 2 }]],
    [
      "over the end, the last batch smaller",
      at(4),
      4,
      9,
      [
        { pass: 2, from: 4, steps: 2 },
        { pass: 7, from: 0, steps: 2 },
      ],
    ],
    [
      "a pass just used up",
      at(4),
      2 + 3,
      9,
      [
        { pass: 2, from: 4, steps: 2 },
        { pass: 7, from: 0, steps: 3 },
      ],
    ],
    [
      "no more passes than lie ahead",
      at(4),
      100,
      3,
      [
        { pass: 2, from: 4, steps: 2 },
        { pass: 7, from: 0, steps: 3 },
        { pass: 8, from: 0, steps: 3 },
      ],
    ],
    ["the very last row", at(9), 1, 9, [{ pass: 2, from: 9, steps: 1 }]],
  ])("%s", (_, position, steps, passes, expected) => {
    expect(nextStretches(position, 7, steps, 4, passes)).toEqual(expected);
  });
});

it.each<[number, number, number, number, number]>([
  // rows, steps a pass, passes, bytes → slots
  [4, 1, 300, Infinity, 300],
  [4, 1, 5000, Infinity, 4096],
  [100, 50, 1000, Infinity, 81],
  [2 ** 19, 1, 9, Infinity, 2],
  [2 ** 21, 1, 9, Infinity, 1],
  [10, 1, 9, 100, 2],
  [10, 1, 9, 39, 1],
  [10, 9000, 9, Infinity, 1],
])("%i rows, %i steps a pass, %i passes, %f bytes: %i orders at once", (rows, steps, passes, bytes, slots) => {
  expect(orderSlots(rows, steps, passes, bytes)).toBe(slots);
});

describe("Orders", () => {
  const open = (slots: number) => {
    const written: number[][] = [],
      dataset = { rows: 4, x: new Float32Array(4), y: null, format: { type: "float32", scale: 1 } } as const;
    const orders = new Orders({ dataset, setOrder: (order, place) => void written.push([place, ...order]) }, slots);
    return { orders, written };
  };
  const pass = (n: number) => ({ seed: 1, pass: n, rows: 4 });

  it("writes what is not there yet, and nothing twice", () => {
    const { orders, written } = open(3);
    expect(orders.place([null])).toEqual([0]);
    expect(written).toEqual([[0, 0, 1, 2, 3]]);
    expect(orders.place([pass(5), null, pass(5)])).toEqual([4, 0, 4]);
    expect(orders.place([pass(5)])).toEqual([4]);
    expect(written).toHaveLength(2);
    expect([...written[1].slice(1)].sort()).toEqual([0, 1, 2, 3]);
    // Another seed or number of rows is another order.
    expect(orders.place([{ ...pass(5), seed: 2 }])).toEqual([8]);
    expect(orders.place([{ ...pass(5), rows: 3 }])).toEqual([0]);
    expect(written).toHaveLength(4);
  });

  it("never writes over an order that the same run needs", () => {
    const { orders, written } = open(3);
    orders.place([pass(0), pass(1), pass(2)]);
    // Pass 0 lies where the next order would go.
    expect(orders.place([pass(0), pass(3), pass(4)])).toEqual([0, 4, 8]);
    expect(orders.place([pass(5), pass(0), pass(4)])).toEqual([4, 0, 8]);
    expect(written).toHaveLength(6);
  });
});
