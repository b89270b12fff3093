// Runs Vitest's browser mode through Puppeteer in headless Chrome, with the browser that the command line would use, or in
// headless Firefox.

import { defineBrowserProvider } from "@vitest/browser";
import type { Browser, Page } from "puppeteer";
import { launchFirefox } from "../../bench/firefox.ts";
import { launchBrowser } from "../../src/cli/launch.ts";

export const puppeteerProvider = defineBrowserProvider({
  name: "puppeteer",
  supportedBrowser: ["chrome", "firefox"],
  options: {},
  providerFactory(project) {
    const launch = () => (project.config.browser.name === "firefox" ? launchFirefox() : launchBrowser((line) => console.log(line)));
    let browser: Promise<Browser> | undefined;
    const pages = new Map<string, Page>();
    return {
      name: "puppeteer",
      supportsParallelism: false,
      getCommandsContext: (sessionId) => ({ page: pages.get(sessionId) }),
      async openPage(sessionId, url) {
        browser ??= launch();
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
