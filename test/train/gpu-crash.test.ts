// Chrome's GPU process crashes in the middle of training, for real: by the command of the DevTools protocol. The library as it is
// built, in a page.

import { readFileSync } from "node:fs";
import type { Browser, Page } from "puppeteer";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { builtLibrary, ROOT, servedPage } from "../support/served-page.ts";

/** What the page's train() gives. */
interface Ran {
  readonly bits: number[];
  readonly history: { readonly steps: number; readonly history: { readonly loss: number[] } };
  readonly losses: { readonly reason: string; readonly step: number; readonly recovery: number }[];
}

async function crashGpuProcess(_: Page, browser: Browser): Promise<void> {
  const session = await browser.target().createCDPSession();
  // The command's own answer may be lost with the process.
  void session.send("Browser.crashGpuProcess").catch(() => {});
}

let scripts: ReadonlyMap<string, string>;
beforeAll(async () => {
  scripts = new Map([...(await builtLibrary()), ["gpu-crash-page.js", readFileSync(`${ROOT}test/train/gpu-crash-page.js`, "utf8")]]);
}, 60_000);

it.each(["fit", "trainInWorker"])(
  "%s() tells, goes on with another device, and ends with the bits of a calm run",
  async (by) => {
    // One browser for each: after a second crash Chrome (156) offered its pages no adapter for many seconds.
    const served = await servedPage(scripts, "gpu-crash-page.js", { crashGpuProcess });
    onTestFinished(() => served.close());
    await served.page.waitForFunction("globalThis.train !== undefined");
    const train = (how: string): Promise<Ran> => served.page.evaluate(`train(${how})`) as Promise<Ran>;
    const calm = await train(`{ by: "${by}" }`);
    expect(calm.losses).toEqual([]);
    const disturbed = await train(`{ by: "${by}", crashAfter: 3 }`);
    expect(disturbed.losses).toEqual([expect.objectContaining({ recovery: 1 })]);
    expect(disturbed.losses[0].step).toBeGreaterThan(0);
    expect(disturbed.history).toEqual(calm.history);
    expect(disturbed.bits).toEqual(calm.bits);
    // Control: it is not that all runs end alike.
    expect((await train(`{ by: "${by}", epochs: 11 }`)).bits).not.toEqual(calm.bits);
  },
  60_000,
);

it("fit() goes on without a network, too: what it takes was fetched after training had begun", async () => {
  const served = await servedPage(scripts, "gpu-crash-page.js", { crashGpuProcess });
  onTestFinished(() => served.close());
  await served.page.waitForFunction("globalThis.train !== undefined");
  const calm = (await served.page.evaluate('train({ by: "fit" })')) as Ran;
  await served.page.setOfflineMode(true);
  expect(await served.page.evaluate('fetch("./autotune.js").catch(() => "offline")')).toBe("offline");
  const disturbed = (await served.page.evaluate('train({ by: "fit", crashAfter: 3 })')) as Ran;
  expect(disturbed.losses).toHaveLength(1);
  expect(disturbed.bits).toEqual(calm.bits);
}, 60_000);

it("control: where it could not be fetched, fit() ends with an error that says so", async () => {
  const served = await servedPage(scripts, "gpu-crash-page.js", { crashGpuProcess });
  onTestFinished(() => served.close());
  await served.page.setRequestInterception(true);
  let refused = 0;
  served.page.on("request", (request) => void (request.url().endsWith("/recovery.js") && ++refused ? request.abort() : request.continue()));
  await served.page.waitForFunction("globalThis.train !== undefined");
  await expect(served.page.evaluate('train({ by: "fit", crashAfter: 3 })')).rejects.toThrow(
    /fit\(\): the GPU was lost, and .* cannot be loaded/,
  );
  // Ahead, and when it was needed: Chrome does not remember that a file could not be had.
  expect(refused).toBe(2);
  served.page.removeAllListeners("request");
  await served.page.setRequestInterception(false);
  expect(await served.page.evaluate('import("./recovery.js").then(() => "there", String)')).toBe("there");
}, 60_000);
