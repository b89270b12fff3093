// The looks that the playground keeps to be looked back at.

import { expect, it } from "vitest";
import { Snapshots } from "../../demo/rooms/playground/snapshots.ts";
import type { Look } from "../../demo/rooms/playground/messages.ts";

const lookAt = (steps: number): Look => ({
  steps,
  losses: Float32Array.of(1, 2),
  stepsPerSecond: null,
  train: { loss: steps, accuracy: 0 },
  test: { loss: steps, accuracy: 0 },
  map: Float32Array.of(steps),
  responses: [],
  weights: [],
});
const stepsOf = (snapshots: Snapshots) => Array.from({ length: snapshots.length }, (_, i) => snapshots.at(i)!.steps);

it("keeps every look while there are few, whole, and begins again with another network", () => {
  const snapshots = new Snapshots();
  for (const steps of [0, 10, 20, 20]) snapshots.add(lookAt(steps));
  expect(stepsOf(snapshots)).toEqual([0, 10, 20]);
  expect(snapshots.at(1)).toEqual({ ...lookAt(10), losses: new Float32Array(0) });
  expect([0, 9, 10, 15, 99].map((steps) => snapshots.placeOf(steps))).toEqual([0, 0, 1, 1, 2]);
  snapshots.add(lookAt(5));
  expect(stepsOf(snapshots)).toEqual([5]);
  snapshots.add(lookAt(0));
  expect(stepsOf(snapshots)).toEqual([0]);
});

it("keeps a bounded number of a long run, evenly on a logarithmic axis, the first and the last among them", () => {
  const snapshots = new Snapshots();
  for (let steps = 0; steps <= 200_000; steps += 50) snapshots.add(lookAt(steps));
  const kept = stepsOf(snapshots),
    gaps = kept.slice(2).map((steps, i) => steps / kept[i + 1]);
  expect(kept.length).toBeLessThanOrEqual(100);
  expect(kept.length).toBeGreaterThan(90);
  expect([kept[0], kept[1], kept.at(-1)]).toEqual([0, 50, 200_000]);
  expect(kept).toEqual([...kept].sort((a, b) => a - b));
  // From 50 to 200,000 in a hundred equal factors is 1.09 each; 50 to 100 cannot be less than 2.
  expect(gaps.slice(10).every((gap) => gap < 1.3)).toBe(true);
});
