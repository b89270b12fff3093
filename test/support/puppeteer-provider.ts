// Runs Vitest's browser mode in headless Chrome through Puppeteer, with the browser that the command line would use.

import { defineBrowserProvider } from "@vitest/browser";
import type { Browser, Page } from "puppeteer";
import { launchBrowser } from "../../src/cli/launch.ts";

export const puppeteerProvider = defineBrowserProvider({
  name: "puppeteer",
  supportedBrowser: ["chrome"],
  options: {},
  providerFactory() {
    let browser: Promise<Browser> | undefined;
    const pages = new Map<string, Page>();
    return {
      name: "puppeteer",
      supportsParallelism: false,
      getCommandsContext: (sessionId) => ({ page: pages.get(sessionId) }),
      async openPage(sessionId, url) {
        browser ??= launchBrowser((line) => console.log(line));
        const page = await (await browser).newPage();
        pages.set(sessionId, page);
        page.on("error", (error) => console.error(`The test page crashed: ${error.message}`));
        await page.goto(url, { timeout: 0 });
      },
      async close() {
        await (await browser)?.close();
      },
    };
  },
});
