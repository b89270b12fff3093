// `npm run screenshots` writes a picture of each room to docs/screenshots/: wide in both themes, narrow in the light one.
// `npm run screenshots -- text` of that room alone. Look at them: what is ugly there is ugly.

import { mkdir, stat } from "node:fs/promises";
import type { Page } from "puppeteer";
import { openDemo } from "../support/demo-page.ts";

const FOLDER = "docs/screenshots";
const MOST_BYTES = 300_000;

interface Shot {
  readonly room: string;
  /** Brings the room to where it is worth a picture. */
  readonly prepare: (page: Page) => Promise<void>;
  /** Pixels from the top, at each width. */
  readonly height: Readonly<Record<number, number>>;
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 2_500));

const SHOTS: readonly Shot[] = [
  {
    room: "digits",
    height: { 1280: 1085, 360: 1560 },
    async prepare(page) {
      await page.waitForSelector('.transport[data-state="ready"]');
      await page.click("#digits-run");
      await page.waitForFunction(() => Number(document.getElementById("digits-epoch")!.textContent) >= 12, {
        polling: 200,
        timeout: 120_000,
      });
      await page.$eval(".wish:nth-child(4)", (wish) => (wish as HTMLElement).click());
      await page.waitForSelector('.verdict[data-answer="3"]');
      await page.click("#digits-run");
      await page.waitForSelector('.transport[data-state="paused"]');
    },
  },
  {
    room: "playground",
    height: { 1280: 935, 360: 1560 },
    async prepare(page) {
      await page.waitForSelector('.transport[data-state="ready"]');
      await page.click("#playground-run");
      await page.waitForFunction(() => parseFloat(document.getElementById("playground-accuracy")!.textContent) >= 98, { polling: 200 });
      await page.click("#playground-run");
      await page.waitForSelector('.transport[data-state="paused"]');
    },
  },
  {
    room: "text",
    height: { 1280: 1100, 360: 1560 },
    async prepare(page) {
      await page.waitForSelector('.transport[data-state="ready"]');
      await page.click("#text-run");
      await page.waitForFunction(() => Number((document.querySelector(".text .transport") as HTMLElement).dataset.steps) >= 1200, {
        polling: 500,
        timeout: 300_000,
      });
      await page.click("#text-run");
      await page.waitForSelector('.transport[data-state="paused"]');
    },
  },
];

const chosen = process.argv.slice(2);
await mkdir(FOLDER, { recursive: true });
const demo = await openDemo();
try {
  for (const { room, prepare, height } of SHOTS.filter(({ room }) => chosen.length === 0 || chosen.includes(room))) {
    const page = await demo.open(`#${room}`, (fresh) =>
      fresh.evaluateOnNewDocument(() => localStorage.setItem("deltaprop.language", "en")),
    );
    await page.setViewport({ width: 1280, height: height[1280] });
    await prepare(page);
    for (const [width, scheme] of [
      [1280, "light"],
      [1280, "dark"],
      [360, "light"],
    ] as const) {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.setViewport({ width, height: height[width] });
      await page.evaluate(() => (document.activeElement as HTMLElement).blur());
      await settle();
      const path = `${FOLDER}/${room}-${width}-${scheme}.png` as const;
      await page.screenshot({ path });
      const { size } = await stat(path);
      console.log(
        `${path}  ${(size / 1e3).toFixed(0)} kB${size > MOST_BYTES ? "  too large for the repository: show less of the page" : ""}`,
      );
    }
    await page.close();
  }
} finally {
  await demo.close();
}
