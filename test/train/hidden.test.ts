// A hidden tab trains on the CPU backend about as fast as a shown one, although browsers hold back its timers. The library as it is
// built, in Chrome.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { builtLibrary, ROOT, servedPage, type ServedPage } from "../support/served-page.ts";

interface Ran {
  readonly steps: number;
  readonly milliseconds: number;
  readonly state: string;
}

/** Puppeteer keeps browsers from deviceDataset hidden pages back. */
const THROTTLING = [
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

let served: ServedPage;
beforeAll(async () => {
  const script = readFileSync(`${ROOT}test/train/hidden-page.js`, "utf8");
  served = await servedPage(new Map([...(await builtLibrary()), ["hidden-page.js", script]]), "hidden-page.js", {}, THROTTLING);
  await served.page.waitForFunction("globalThis.train !== undefined");
}, 60_000);
afterAll(() => served?.close());

const inPage = (call: string): Promise<Ran> => served.page.evaluate(call) as Promise<Ran>;

it("a hidden tab takes less than 3 times as long as a shown one, and timers there would take far more", async () => {
  // A run of twenty slices of 30 ms at least, on a machine of any speed: enough that a pause after each of them is seen.
  let epochs = 50,
    shown = await inPage(`train(${epochs})`);
  while (shown.milliseconds < 600) shown = await inPage(`train(${(epochs *= 2)})`);
  expect(shown.state).toBe("visible");
  const other = await served.page.browser().newPage();
  try {
    await other.bringToFront();
    // Control: this page is held back as hidden ones are.
    const timers = await inPage("timers(10)");
    expect(timers.state).toBe("hidden");
    expect(timers.milliseconds).toBeGreaterThan(3000);
    let best = Infinity;
    for (let round = 0; round < 3 && !(best < 3 * shown.milliseconds); round++) {
      const hidden = await inPage(`train(${epochs})`);
      expect(hidden).toMatchObject({ steps: shown.steps, state: "hidden" });
      best = Math.min(best, hidden.milliseconds);
    }
    expect(best).toBeLessThan(3 * shown.milliseconds);
  } finally {
    await other.close();
  }
});
