// A page is reloaded in the middle of training and goes on from its checkpoint, in each of the browser's stores.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { builtLibrary, ROOT, servedPage, type ServedPage } from "../support/served-page.ts";

interface Ran {
  readonly history: { readonly steps: number };
  readonly bits: number[];
  /** Mini-batches in this load of the page. */
  readonly trained: number;
}

let served: ServedPage;
beforeAll(async () => {
  served = await servedPage(
    new Map([...(await builtLibrary()), ["reload-page.js", readFileSync(`${ROOT}test/train/reload-page.js`, "utf8")]]),
    "reload-page.js",
    {},
  );
}, 60_000);
afterAll(() => served.close());

it.each(["indexedDB", "opfs"])(
  "%s: ends with the bits of a run that nobody reloaded, and trains only what was missing",
  async (store) => {
    const { page } = served,
      ready = () => page.waitForFunction("globalThis.train !== undefined");
    const train = (options: object): Promise<Ran> => page.evaluate(`train(${JSON.stringify({ store, ...options })})`) as Promise<Ran>;
    await ready();
    const calm = await train({ name: "calm" });
    expect(calm.trained).toBe(calm.history.steps);
    // Nobody is left to hear how it ends.
    void train({ name: "torn", slow: true }).catch(() => {});
    await page.waitForFunction(`globalThis.steps > ${calm.trained / 3} && globalThis.steps < ${calm.trained}`);
    await page.reload();
    await ready();
    const resumed = await train({ name: "torn", resume: true });
    expect(resumed.bits).toEqual(calm.bits);
    expect(resumed.history).toEqual(calm.history);
    expect(resumed.trained).toBeGreaterThan(0);
    expect(resumed.trained).toBeLessThan(calm.trained);
    // Control: a store of another name holds nothing to go on from.
    expect((await train({ name: "other", resume: true })).trained).toBe(calm.trained);
  },
  60_000,
);
