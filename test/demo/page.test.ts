// What all rooms of the page have in common, used as a visitor would: built, served, in headless Chrome.

import type { Page } from "puppeteer";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDemo, type Demo } from "../support/demo-page.ts";

const ROOMS = ["digits", "playground", "text"] as const;

let demo: Demo;
beforeAll(async () => {
  demo = await openDemo();
}, 90_000);
afterAll(() => demo?.close());

const english = (page: Page) => page.evaluateOnNewDocument(() => {
  if (!localStorage.getItem("deltaprop.language")) localStorage.setItem("deltaprop.language", "en");
});
const stateIs = (page: Page, room: string, state: string) => page.waitForSelector(`.${room} .transport[data-state="${state}"]`);

async function opened(room: string): Promise<Page> {
  const page = await demo.open(`#${room}`, english);
  await stateIs(page, room, "ready");
  return page;
}

it.each(ROOMS)("smooths by 0.6 at first (%s)", async (room) => {
  const page = await opened(room);
  const shown = await page.$$eval("label", (labels) => labels.find(({ textContent }) => textContent === "Smoothing")!.parentElement!.querySelector("output")!.textContent);
  expect(shown).toBe("0.60");
  await page.close();
});
