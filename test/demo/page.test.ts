// What all rooms of the page have in common, used as a visitor would: built, served, in headless Chrome.

import type { Page } from "puppeteer";
import { afterAll, beforeAll, expect, it } from "vitest";
import { copyWithWorkers, openDemo, type Demo } from "../support/demo-page.ts";

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

async function opened(room: string, path = ""): Promise<Page> {
  const page = await demo.open(`${path}#${room}`, english);
  await stateIs(page, room, "ready");
  return page;
}

it.each(ROOMS)("smooths by 0.6 at first (%s)", async (room) => {
  const page = await opened(room);
  const shown = await page.$$eval("label", (labels) => labels.find(({ textContent }) => textContent === "Smoothing")!.parentElement!.querySelector("output")!.textContent);
  expect(shown).toBe("0.60");
  await page.close();
});

it.each([
  ["no API", 'Object.defineProperty(WorkerNavigator.prototype, "gpu", { value: undefined });', /^This browser has no WebGPU\. Chrome .*trains on WebAssembly/],
  ["no secure context", 'Object.defineProperty(WorkerNavigator.prototype, "gpu", { value: undefined });Object.defineProperty(self, "isSecureContext", { value: false });',
    /^WebGPU works in secure contexts only.*https.*trains on WebAssembly/],
  ["no adapter", "GPU.prototype.requestAdapter = () => Promise.resolve(null);", /^This browser has WebGPU but offers no GPU.*trains on WebAssembly/],
])("says why there is no WebGPU: %s", async (name, first, message) => {
  const page = await opened("playground", await copyWithWorkers(`${demo.folder}/site`, name.replaceAll(" ", "-"), first));
  expect(await page.$eval("#notices p", ({ textContent }) => textContent)).toMatch(message);
  await page.close();
});
