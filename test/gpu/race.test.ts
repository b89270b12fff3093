// Who wins by which timings, on a clock that only the measurements move.

import { describe, expect, it } from "vitest";
import { fastest, median } from "../../src/gpu/race.ts";

/** Runs a race where runner i takes what `times[i]` says, turn after turn, the last one for ever. */
async function race(times: readonly (readonly number[])[], budget = 1e9, rounds = 5) {
  const runs = times.map(() => 0),
    order: number[] = [];
  let clock = 1000;
  const winner = await fastest({
    count: times.length,
    budget,
    rounds,
    now: () => clock,
    time: (runner) => {
      const took = times[runner][Math.min(runs[runner]++, times[runner].length - 1)];
      clock += Number.isFinite(took) ? took : 0;
      order.push(runner);
      return Promise.resolve(took);
    },
  });
  return { winner, runs, order };
}

describe("fastest", () => {
  it("is who has the smallest median, measured turn by turn", async () => {
    const { winner, order } = await race([[100], [90, 200, 90, 90, 200], [95, 95, 10, 95, 95]], 1e9, 3);
    expect(winner).toBe(1);
    expect(order).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });

  it("stays the first unless somebody beats it by more than noise", async () => {
    expect((await race([[100], [98], [99]])).winner).toBe(0);
    expect((await race([[100], [98], [90]])).winner).toBe(2);
  });

  it("who is hopeless runs once, but not the first", async () => {
    const { winner, runs } = await race([[200], [100], [120], [151]]);
    expect(winner).toBe(1);
    expect(runs).toEqual([5, 5, 5, 1]);
  });

  it("one lucky time does not make a winner, and one alone needs no race", async () => {
    expect((await race([[100], [60, 110, 110, 110, 110]])).winner).toBe(0);
    expect(await race([[100]])).toMatchObject({ winner: 0, runs: [0] });
  });

  it("ends when the time is up, with what is known then", async () => {
    expect(await race([[100], [90], [50]], 239)).toEqual({ winner: 2, runs: [1, 1, 1], order: [0, 1, 2] });
    expect(await race([[100], [90], [50]], 100)).toEqual({ winner: 1, runs: [1, 1, 0], order: [0, 1] });
    expect((await race([[5000], [1]], 100)).winner).toBe(0);
  });

  it("does not choose who never ends", async () => {
    expect((await race([[100], [Infinity], [80]])).winner).toBe(2);
  });
});

describe("median", () => {
  it("is the middle, or the mean of two", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});
