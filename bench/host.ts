// The browser and the server behind it: a fresh page, in a fresh browser context, for each question.

import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "puppeteer";
import { launchBrowser } from "../src/cli/launch.ts";
import { startPageServer, type Answer, type PageServer } from "../src/cli/page-server.ts";
import { CONTENDERS } from "./contenders.ts";
import type { PageApi, PageRequest, PageResult } from "./protocol.ts";

const HTML = '<!doctype html><meta charset="utf-8"><title>bench</title><link rel="icon" href="data:,">' +
  '<script type="module" src="page.js"></script>';
const SCRIPT = "text/javascript; charset=utf-8", WASM = "application/wasm";
/** Of one page: slow contenders take a minute, stuck ones for ever. */
const PAGE_TIMEOUT_MILLIS = 180_000;

/** Everything built beside this file, and the WebAssembly of packages. */
async function answersFor(): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>([["", { type: "text/html; charset=utf-8", body: HTML }]]);
  const scripts = (await readdir(new URL(".", import.meta.url))).filter((name) => name.endsWith(".js") && name !== "main.js");
  for (const name of scripts) answers.set(name, { type: SCRIPT, body: await readFile(new URL(name, import.meta.url)) });
  const require = createRequire(import.meta.url);
  for (const path of new Set(CONTENDERS.flatMap(({ assets }) => assets))) {
    answers.set(basename(path), { type: WASM, body: await readFile(require.resolve(path)) });
  }
  return answers;
}

const isReady = (): boolean => "bench" in globalThis;
const askInPage = (request: PageRequest): Promise<PageResult> =>
  (globalThis as unknown as { bench: PageApi }).bench.run(request);
const describeInPage = (): Promise<string> => (globalThis as unknown as { bench: PageApi }).bench.describeAdapter();

/** Rejects when the page dies or the time is over; the page is closed by the caller. */
function trouble(page: Page): { promise: Promise<never>; clear(): void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PAGE_TIMEOUT_MILLIS / 1000} s`)), PAGE_TIMEOUT_MILLIS);
    page.on("error", (error) => reject(new Error(`the page has crashed: ${error.message}`)));
  });
  promise.catch(() => {});
  return { promise, clear: () => clearTimeout(timer) };
}

export class Host {
  private constructor(
    readonly browser: Browser, readonly server: PageServer, readonly answers: ReadonlyMap<string, Answer>,
  ) {}

  static async open(say: (line: string) => void): Promise<Host> {
    const answers = await answersFor(), server = await startPageServer(answers, []);
    try {
      return new Host(await launchBrowser(say), server, answers);
    } catch (error) {
      server.close();
      throw error;
    }
  }

  ask(request: PageRequest): Promise<PageResult> {
    return this.#inFreshPage((page) => page.evaluate(askInPage, request));
  }

  async describe(): Promise<{ adapter: string; browser: string }> {
    return { adapter: await this.#inFreshPage((page) => page.evaluate(describeInPage)), browser: await this.browser.version() };
  }

  /** Of all these files, each compressed by itself as a web server would. */
  gzippedBytes(names: readonly string[]): number {
    return [...new Set(names)].reduce((sum, name) => {
      const answer = this.answers.get(name);
      return sum + (answer === undefined ? 0 : gzipSync(answer.body, { level: 9 }).length);
    }, 0);
  }

  async close(): Promise<void> {
    await this.browser.close().catch(() => {});
    this.server.close();
  }

  async #inFreshPage<T>(use: (page: Page) => Promise<T>): Promise<T> {
    // Contexts share no files and no compiled scripts. The GPU process they do share, whoever comes first.
    const context = await this.browser.createBrowserContext(), page = await context.newPage(), watch = trouble(page);
    try {
      await page.goto(this.server.url);
      await page.waitForFunction(isReady);
      return await Promise.race([use(page), watch.promise]);
    } finally {
      watch.clear();
      await context.close().catch(() => {});
    }
  }
}
