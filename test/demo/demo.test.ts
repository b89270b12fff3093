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

it("trains at a click until the validation digits are read, and pauses at another", async () => {
  await page.waitForSelector('.transport[data-state="ready"]');
  expect(await textOf("digits-loss")).toBe("–");
  await page.click("#digits-run");
  await page.waitForFunction(() => parseFloat(document.getElementById("digits-accuracy")!.textContent) > 90, { polling: 100 });
  await page.click("#digits-run");
  await page.waitForSelector('.transport[data-state="paused"]');
  const steps = await textOf("digits-steps");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await textOf("digits-steps")).toBe(steps);
  expect(errors).toEqual([]);
});
