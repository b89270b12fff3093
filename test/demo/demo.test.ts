// The demo page as it is published: built, served, and used in headless Chrome as a visitor would.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "puppeteer";
import { build, preview, type PreviewServer } from "vite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser } from "../../src/cli/launch.ts";

const CONFIG = fileURLToPath(new URL("../../demo/vite.config.ts", import.meta.url));

let outDir: string, server: PreviewServer, browser: Browser, page: Page;
const errors: string[] = [];
beforeAll(async () => {
  outDir = await mkdtemp(`${tmpdir()}/deltaprop-demo-`);
  const options = { configFile: CONFIG, logLevel: "error", build: { outDir, emptyOutDir: true } } as const;
  await build(options);
  server = await preview({ ...options, preview: { port: 0, host: "127.0.0.1" } });
  browser = await launchBrowser((line) => console.log(line));
  page = await browser.newPage();
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("requestfailed", (request) => errors.push(request.url()));
  await page.goto(server.resolvedUrls!.local[0]);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(outDir, { recursive: true, force: true });
});

/** What an element shows. */
const textOf = (id: string) => page.$eval(`#${id}`, (element) => element.textContent ?? "");

it("trains at a click until the loss has fallen, stops at another, and says how well it reads", async () => {
  await page.waitForSelector("#start[data-ready]");
  expect(await textOf("loss")).toBe("–");
  await page.click("#start");
  // An untrained network of ten classes has a loss of about ln 10 = 2.3.
  await page.waitForFunction(() => Number(document.getElementById("loss")!.textContent) < 0.6, { polling: 50 });
  expect(await textOf("status")).toMatch(/^Training on /);
  expect(await textOf("plan")).toMatch(/784.*train step, batch 64/s);
  await page.click("#stop");
  await page.waitForSelector("#result:not([hidden])");
  expect(await textOf("status")).toBe("Stopped.");
  const [, share] = /^It reads ([\d.]+) % of 2,000 digits/.exec(await textOf("result"))!;
  expect(Number(share)).toBeGreaterThan(60);
  expect(errors).toEqual([]);
});
