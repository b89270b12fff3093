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

/** English and the system's theme, whatever the machine speaks and the page before has chosen. */
const english = (page: Page) => page.evaluateOnNewDocument(() => {
  if (sessionStorage.getItem("begun")) return;
  sessionStorage.setItem("begun", "true");
  localStorage.clear();
  localStorage.setItem("deltaprop.language", "en");
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

/** The numbers that stand in the drawing of the playground's network. */
const drawing = (page: Page) => page.evaluate(() => ({
  squares: [...document.querySelectorAll<HTMLCanvasElement>(".playground .column:not(.features) canvas")].map((canvas) => canvas.toDataURL()),
  lines: [...document.querySelectorAll<SVGPathElement>(".playground .links path")].map(({ style }) => style.strokeWidth),
}));

it("keeps what is drawn and said when the language changes while training is paused", async () => {
  const page = await opened("playground");
  await page.click("#playground-step");
  await page.waitForFunction(() => document.getElementById("playground-steps")!.textContent === "1");
  await page.click("#playground-take");
  await page.waitForSelector(".playground .cell.followed");
  const before = await drawing(page);
  // Control: these are no empty squares.
  expect(new Set(before.squares).size).toBeGreaterThan(5);
  await page.select("#choose-language", "zh");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await drawing(page)).toEqual(before);
  expect(await page.$$eval(".playground .cell.followed", ({ length }) => length)).toBe(1);
  // The other theme has other colours, and none of the squares is blank.
  await page.select("#choose-theme", "dark");
  await new Promise((resolve) => setTimeout(resolve, 300));
  const dark = await drawing(page);
  expect(dark.lines).toEqual(before.lines);
  expect(new Set(dark.squares).size).toBe(new Set(before.squares).size);
  expect(dark.squares[0]).not.toBe(before.squares[0]);
  await page.close();
});

const REFUSED = 'GPUAdapter.prototype.requestDevice = () => Promise.reject(new DOMException("this GPU is refused", "OperationError"));';

it.each(ROOMS)("says when the first network is refused, and makes one on another engine (%s)", async (room) => {
  const page = await demo.open(`${await copyWithWorkers(`${demo.folder}/site`, `refused-${room}`, REFUSED)}#${room}`, english);
  await stateIs(page, room, "failed");
  expect(await page.$eval("#notices p", ({ textContent }) => textContent)).toContain("refused");
  expect(await page.$eval(`.${room} .status`, ({ textContent }) => textContent)).toBe("No network yet. Choose another engine or other settings.");
  const id = await page.$$eval(`.${room} label`, (labels) => labels.find(({ textContent }) => textContent === "Runs on")!.htmlFor);
  await page.select(`#${id}`, "wasm");
  await stateIs(page, room, "ready");
  await page.click(`#${room}-step`);
  await page.waitForFunction((name) => document.getElementById(`${name}-steps`)!.textContent === "1", {}, room);
  await page.close();
});
