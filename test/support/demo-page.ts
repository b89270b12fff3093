// The demo page as it is published: built, served, and opened in headless Chrome. What a visitor would see as broken is kept:
// errors, requests that fail or leave the page's origin.

import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import type { Browser, Page } from "puppeteer";
import { build, preview } from "vite";
import { launchBrowser } from "../../src/cli/launch.ts";

/** Tests and scripts run in the root of the project. */
const CONFIG = resolve("demo/vite.config.ts");

export interface Demo {
  readonly browser: Browser;
  /** Of the page, with a slash at the end. */
  readonly url: string;
  /** What went wrong on any page so far, and requests to other places. */
  readonly errors: string[];
  /** For files of the test; it goes with the rest. */
  readonly folder: string;
  /** A page of its own at this address: "#digits", or with a configuration. */
  open(hash?: string, before?: (page: Page) => Promise<unknown>): Promise<Page>;
  close(): Promise<void>;
}

/**
 * Makes a copy of a built page whose workers run this code first.
 * @param name of its folder, a word that no other copy has
 * @returns its address in the site
 */
export async function copyWithWorkers(site: string, name: string, first: string): Promise<string> {
  const copy = `${site}/copy-${name}`;
  for (const part of await readdir(site))
    if (!part.startsWith("copy-")) await cp(`${site}/${part}`, `${copy}/${part}`, { recursive: true });
  for (const file of (await readdir(`${copy}/assets`)).filter((one) => one.startsWith("worker-"))) {
    const path = `${copy}/assets/${file}`,
      code = await readFile(path, "utf8");
    await writeFile(path, `${first}${code}`);
  }
  return `copy-${name}/index.html`;
}

/** The same with workers that find no navigator.gpu, as in a browser that has none. */
export const copyWithoutWebGpu = (site: string): Promise<string> =>
  copyWithWorkers(site, "without", 'Object.defineProperty(WorkerNavigator.prototype, "gpu", { value: undefined });');

export async function openDemo(): Promise<Demo> {
  const folder = await mkdtemp(`${tmpdir()}/deltaprop-demo-`),
    errors: string[] = [];
  const options = { configFile: CONFIG, logLevel: "error", build: { outDir: `${folder}/site`, emptyOutDir: true } } as const;
  await build(options);
  const server = await preview({ ...options, preview: { port: 0, host: "127.0.0.1" } });
  const browser = await launchBrowser((line) => console.log(line));
  const url = server.resolvedUrls!.local[0];
  return {
    browser,
    url,
    errors,
    folder,
    async open(hash = "", before) {
      const page = await browser.newPage();
      await page.setViewport({ width: 1280, height: 900 });
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text());
      });
      page.on("requestfailed", (request) => errors.push(`${request.url()} ${request.failure()?.errorText}`));
      page.on("request", (request) => {
        if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) errors.push(`leaves the page: ${request.url()}`);
      });
      await before?.(page);
      await page.goto(url + hash);
      return page;
    },
    async close() {
      await browser.close();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
