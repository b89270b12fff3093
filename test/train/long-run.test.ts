// Very long runs: 100,000 steps of a small network leave no more on the device and in the JavaScript heap than 10,000 do. In Chrome,
// because its heap can be measured after garbage was collected.

import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CREATING } from "../gpu/counted-device.ts";
import { builtScript, servedPage, type ServedPage } from "../support/served-page.ts";
import type { LongRun } from "./long-run-page.ts";

const PARTS = [10_000, 90_000];
/** 90,000 steps that leave 8 bytes each would be more. */
const HEAP_TOLERANCE = 700_000;

/** What is in use after garbage was collected, buffers included. */
async function heapBytes(page: Page): Promise<number> {
  const session = await page.createCDPSession();
  try {
    // What one collection frees may have held what the next one can.
    for (let i = 0; i < 3; i++) await session.send("HeapProfiler.collectGarbage");
    const usage: { usedSize: number; embedderHeapUsedSize?: number; backingStorageSize?: number } =
      await session.send("Runtime.getHeapUsage");
    return usage.usedSize + (usage.embedderHeapUsedSize ?? 0) + (usage.backingStorageSize ?? 0);
  } finally {
    await session.detach();
  }
}

let served: ServedPage;
beforeAll(async () => {
  served = await servedPage(await builtScript("test/train/long-run-page.ts"), "long-run-page.js", { heapBytes });
  await served.page.waitForFunction("globalThis.run !== undefined");
}, 60_000);
afterAll(() => served?.close());

const run = (persistent: boolean, parts = PARTS, keep = false): Promise<LongRun> =>
  served.page.evaluate(`run(${JSON.stringify({ persistent, parts, keep })})`) as Promise<LongRun>;

describe.each([
  ["persistent", true],
  ["launch by launch", false],
])("%s", (_, persistent) => {
  it("GPU bytes, handles and heap after 100,000 steps are those after 10,000", async () => {
    const {
      standings: [first, last],
      persistent: isPersistent,
      steps,
      left,
    } = await run(persistent);
    expect(isPersistent).toBe(persistent);
    expect(steps).toBe(100_000);
    expect(last.counts.alive).toBe(first.counts.alive);
    expect(last.counts.aliveBytes).toBe(first.counts.aliveBytes);
    expect(first.counts.aliveBytes).toBeGreaterThan(0);
    for (const name of CREATING) if (name !== "createCommandEncoder") expect(last.counts[name], name).toBe(first.counts[name]);
    expect(last.counts.submit).toBeGreaterThan(first.counts.submit);
    expect(Math.abs(last.heap - first.heap), `${first.heap} → ${last.heap}`).toBeLessThan(HEAP_TOLERANCE);
    expect(left).toEqual({ alive: 0, aliveBytes: 0 });
  });
});

it("control: a page that keeps something of each step is seen to grow", async () => {
  const {
    standings: [first, last],
  } = await run(true, [1000, 30_000], true);
  expect(last.heap - first.heap).toBeGreaterThan(HEAP_TOLERANCE);
});
