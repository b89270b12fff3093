// When a race may end, and when it may name a winner; how much text is held out.

import { expect, it } from "vitest";
import { windows } from "../../src/index.ts";
import { isDecided, isOver, LEAST_TIMED } from "../../demo/lib/race.ts";
import { heldOut, leastCharacters } from "../../demo/rooms/text/corpus.ts";

it("names no winner after a few steps", () => {
  expect(LEAST_TIMED).toBeGreaterThanOrEqual(25);
  expect([0, 5, LEAST_TIMED - 1, LEAST_TIMED, 1000].map((timed) => isDecided({ timed }))).toEqual([false, false, false, true, true]);
});

it("goes on until enough steps were timed, and not for ever", () => {
  expect(isOver(3_900, 1_000_000)).toBe(false);
  expect(isOver(4_100, LEAST_TIMED)).toBe(true);
  expect(isOver(4_100, LEAST_TIMED - 1)).toBe(false);
  expect(isOver(19_000, 5)).toBe(false);
  expect(isOver(20_100, 5)).toBe(true);
});

it.each([
  [40, 16],
  [16, 8],
  [1, 1],
  [256, 1],
  [3, 7],
  [1, 256],
])("asks for the shortest text that windows of %i, %i at once, can be cut from", (length, batch) => {
  const fits = (characters: number): boolean => {
    const held = heldOut(characters),
      learnt = characters - held;
    try {
      windows(new Uint8Array(learnt), { length, batchSize: batch });
      windows(new Uint8Array(held), { length, batchSize: 1 });
      return true;
    } catch {
      return false;
    }
  };
  const least = leastCharacters({ length, batch });
  expect([fits(least), fits(least - 1)]).toEqual([true, false]);
});
