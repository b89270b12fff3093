// Where the orders of passes lie: each once, the oldest makes room, and thousands of tiny passes cost no search through all of them.

import { afterEach, expect, it, vi } from "vitest";
import { Orders, type Order } from "../../src/train/backend/orders.ts";
import type { Dataset } from "../../src/train/data/data.ts";

const ROWS = 4;
const passes = (first: number, count: number): Order[] =>
  Array.from({ length: count }, (_, i) => ({ seed: 1, pass: first + i, rows: ROWS }));

/** Orders with what was written where. */
function ordersOf(slots: number) {
  const written: number[] = [];
  return {
    written,
    orders: new Orders({ dataset: { rows: ROWS } as Dataset, setOrder: (_, at) => void written.push(at / ROWS) }, slots),
  };
}

afterEach(() => {
  vi.restoreAllMocks();
});

it("writes an order once, and over the one filled longest ago that is not needed", () => {
  const { orders, written } = ordersOf(3);
  expect(orders.place(passes(0, 3))).toEqual([0, 4, 8]);
  expect(orders.place(passes(1, 2))).toEqual([4, 8]);
  expect(written).toEqual([0, 1, 2]);
  // Pass 0 makes room for pass 3, then pass 1 for pass 4 while pass 2 is needed.
  expect(orders.place(passes(2, 3))).toEqual([8, 0, 4]);
  expect(written).toEqual([0, 1, 2, 0, 1]);
  expect(orders.place([null, ...passes(3, 2)])).toEqual([8, 0, 4]);
});

it("looks at a few names for each order, however many there are", () => {
  const count = 1000,
    { orders } = ordersOf(count);
  orders.place(passes(0, count));
  let looks = 0;

  const { indexOf, includes } = Array.prototype;
  vi.spyOn(Array.prototype, "indexOf").mockImplementation(function (this: unknown[], ...of) {
    looks += this.length;
    return indexOf.apply(this, of);
  });
  vi.spyOn(Array.prototype, "includes").mockImplementation(function (this: unknown[], ...of) {
    looks += this.length;
    return includes.apply(this, of);
  });
  const has = vi.spyOn(Set.prototype, "has");
  orders.place(passes(count, count));
  const calls = has.mock.calls.length + looks;
  vi.restoreAllMocks();
  expect(calls).toBeLessThanOrEqual(3 * count);
  // Control: it looked at all.
  expect(calls).toBeGreaterThanOrEqual(count);
});
