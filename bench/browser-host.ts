// A browser and the server behind it: a fresh page, in a fresh browser context, for each question.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename } from "node:path";
import type { Browser, Page } from "puppeteer";
import { launchBrowser } from "../src/cli/launch.ts";
import { startPageServer, type ServedFile, type PageServer } from "../src/cli/page-server.ts";
import { readScripts } from "./built-files.ts";
import { CONTENDERS } from "./contenders.ts";
import { launchFirefox } from "./firefox.ts";
import { gzippedBytes, timeout, type Host } from "./host.ts";
import { fromText, toText, type PageApi, type AnyQuestion, type AnyResult } from "./protocol.ts";

const HTML =
  '<!doctype html><meta charset="utf-8"><title>bench</title><link rel="icon" href="data:,">' +
  '<script type="module" src="page.js"></script>';
const SCRIPT = "text/javascript; charset=utf-8",
  WASM = "application/wasm";

/** All bundles, and the WebAssembly of packages. */
async function answersFor(): Promise<Map<string, ServedFile>> {
  const answers = new Map<string, ServedFile>([["", { type: "text/html; charset=utf-8", body: HTML }]]);
  for (const [name, body] of await readScripts()) answers.set(name, { type: SCRIPT, body });
  const require = createRequire(import.meta.url);
  for (const path of new Set(CONTENDERS.flatMap(({ assets }) => assets))) {
    answers.set(basename(path), { type: WASM, body: await readFile(require.resolve(path)) });
  }
  return answers;
}

const isReady = (): boolean => "bench" in globalThis;
const answerInPage = (question: string): Promise<string> => (globalThis as unknown as { bench: PageApi }).bench.answer(question);
const describeInPage = (): Promise<string> => (globalThis as unknown as { bench: PageApi }).bench.describeAdapter();

export class BrowserHost implements Host {
  private constructor(
    readonly browser: Browser,
    readonly server: PageServer,
    readonly answers: ReadonlyMap<string, ServedFile>,
  ) {}

  static async open(name: "chrome" | "firefox", say: (line: string) => void): Promise<BrowserHost> {
    const answers = await answersFor(),
      server = await startPageServer(answers);
    try {
      return new BrowserHost(await (name === "chrome" ? launchBrowser(say) : launchFirefox()), server, answers);
    } catch (error) {
      server.close();
      throw error;
    }
  }

  refuses(): null {
    return null;
  }

  async ask<R extends AnyResult>(question: AnyQuestion): Promise<R> {
    return fromText(await this.#inFreshPage((page) => page.evaluate(answerInPage, toText(question)))) as R;
  }

  async describe(): Promise<{ adapter: string; runtime: string }> {
    return { adapter: await this.#inFreshPage((page) => page.evaluate(describeInPage)), runtime: await this.browser.version() };
  }

  gzippedBytes(names: readonly string[]): number {
    return gzippedBytes(names, (name) => this.answers.get(name)?.body);
  }

  async close(): Promise<void> {
    await this.browser.close().catch(() => {});
    this.server.close();
  }

  async #inFreshPage<T>(use: (page: Page) => Promise<T>): Promise<T> {
    // Contexts share no files and no compiled scripts. The GPU process they do share, whoever comes first.
    const context = await this.browser.createBrowserContext(),
      page = await context.newPage(),
      watch = timeout();
    page.on("error", (error) => watch.fail(new Error(`the page has crashed: ${error.message}`)));
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
