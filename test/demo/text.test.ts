// The text room as it is published: built, served, and used in headless Chrome as a visitor would.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import axe, { type AxeResults } from "axe-core";
import type { ElementHandle, Page } from "puppeteer";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseTextModel } from "../../src/cli/saved-text-model.ts";
import { copyWithoutWebGpu, openDemo, type Demo } from "../support/demo-page.ts";

const ROOM = ".text";
/** Little to learn, and learnt within seconds on a software GPU. */
const LINK = "#text?units=32&layers=1&length=16&batch=8&rate=0.01&seed=3";
const TEXT = "the cat sat on the mat, and the dog sat on the log.\n".repeat(40);

let demo: Demo, page: Page;
beforeAll(async () => {
  demo = await openDemo();
  const session = await demo.browser.target().createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: join(demo.folder, "saved") });
  page = await demo.open(LINK);
  await stateIs("ready");
}, 60_000);
afterAll(async () => {
  await demo?.close();
  expect(demo.errors).toEqual([]);
});

const stateIs = (state: string) => page.waitForSelector(`${ROOM} .transport[data-state="${state}"]`);
const textOf = (selector: string) => page.$eval(selector, (element) => element.textContent ?? "");
const sample = () => textOf("#text-sample");
const stepsAre = (steps: number) =>
  page.waitForFunction((text) => document.getElementById("text-steps")!.textContent === text, {}, String(steps));
/** The mean perplexity of the last steps, in full. */
const perplexity = () => page.$eval(`${ROOM} .transport`, (element) => Number((element as HTMLElement).dataset.perplexity));
const heldOut = () => page.$eval(`${ROOM} .transport`, (element) => Number((element as HTMLElement).dataset.heldOut));
/** What is held out was asked about after so many steps. */
const heldOutAfter = (steps: number) => page.waitForSelector(`${ROOM} .transport[data-held-out-steps="${steps}"]`);
const steps = () => page.$eval(`${ROOM} .transport`, (element) => Number((element as HTMLElement).dataset.steps));
/** What it writes at a temperature, once it does. */
const writtenAt = async (temperature: number): Promise<string> => {
  await page.waitForSelector(`${ROOM} .writes[data-temperature="${temperature}"]`);
  return sample();
};
const writtenAfter = (steps: number) => page.waitForSelector(`${ROOM} .writes[data-steps="${steps}"]`);
/** Waits until it writes another text than this. */
const another = async (before: string): Promise<string> => {
  await page.waitForFunction((text) => document.getElementById("text-sample")!.textContent !== text, {}, before);
  return sample();
};

async function paste(text: string): Promise<void> {
  if (!(await page.$(`${ROOM} .reads details[open]`))) await page.click(`${ROOM} .reads summary`);
  // Typing thousands of characters takes long; what a paste does is the same to the page.
  await page.$eval(
    "#text-paste",
    (area, given) => {
      (area as HTMLTextAreaElement).value = given;
    },
    text,
  );
  await page.click("#text-learn");
}

/** What a network of one recurrent layer pays on a text that 8 readers share, with windows of 16, in plain loops. */
function perplexityOf({ spec: { vocabulary, hidden }, weights }: Awaited<ReturnType<typeof parseTextModel>>, text: string): number {
  const [u, w, b, v, c] = weights.map(({ data }) => data),
    places = [...text].map((character) => vocabulary.indexOf(character)),
    size = vocabulary.length;
  const each = Math.floor((places.length - 1) / (8 * 16)) * 16;
  let sum = 0;
  for (let reader = 0; reader < 8; reader++) {
    let h = new Array<number>(hidden).fill(0);
    for (let t = reader * each; t < (reader + 1) * each; t++) {
      h = h.map((_, j) => Math.tanh(u[places[t] * hidden + j] + b[j] + h.reduce((z, from, i) => z + from * w[i * hidden + j], 0)));
      const z = vocabulary.map((_, k) => c[k] + h.reduce((total, from, i) => total + from * v[i * size + k], 0));
      sum += Math.log(z.reduce((total, one) => total + Math.exp(one), 0)) - z[places[t + 1]];
    }
  }
  return Math.exp(sum / (8 * each));
}

/** What a guesser pays who knows how often each character comes: e^H, computed here from scratch. */
function unigram(text: string): number {
  const shares = [...new Set(text)].map((character) => text.split(character).length - 1).map((count) => count / text.length);
  return shares.reduce((product, share) => product * share ** -share, 1);
}

async function violations(): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<[], () => Promise<AxeResults>>(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
}

it("writes noise at first, steps once at a click, and begins again with the same numbers", async () => {
  await page.waitForFunction(() => document.getElementById("text-sample")!.textContent.length > 200);
  expect(await page.$$eval(`${ROOM} .samples li`, (found) => found.length)).toBe(1);
  // Before it learns anything it is about as unsure as there are characters, in what is held out too.
  const distinct = Number(/(\d+) different/.exec(await textOf("#text-counts"))![1]);
  await heldOutAfter(0);
  expect(Math.abs((await heldOut()) / distinct - 1)).toBeLessThan(0.3);
  await page.click("#text-step");
  await stepsAre(1);
  const first = await perplexity();
  expect(first).toBeGreaterThan(10);
  await page.click("#text-step");
  await stepsAre(2);
  expect(await perplexity()).not.toBe(first);
  await page.click("#text-reset");
  await stepsAre(0);
  await page.click("#text-step");
  await stepsAre(1);
  expect(await perplexity()).toBe(first);
  await writtenAfter(1);
});

it.each([
  ["too short", "to be", /has 5 characters; .* at least 170/],
  ["one character over and over", "a".repeat(500), /two different characters/],
  ["no text", `${TEXT}\0`, /no plain text: it holds U\+0000/],
  [
    "too many different characters",
    Array.from({ length: 3500 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join(""),
    /3,500 different characters/,
  ],
])("refuses what is %s, says why, and changes nothing", async (_, text, reason) => {
  const before = [await textOf("#text-counts"), await textOf("#text-steps"), await sample()];
  await paste(text);
  await page.waitForSelector("#text-problem:not([hidden])");
  expect(await textOf("#text-problem")).toMatch(reason);
  expect([await textOf("#text-counts"), await textOf("#text-steps"), await sample()]).toEqual(before);
});

it("learns a pasted text far better than by the frequency of its characters", async () => {
  await paste(TEXT);
  await page.waitForFunction(
    (counts) => document.getElementById("text-counts")!.textContent === counts,
    {},
    `${TEXT.length.toLocaleString("en")} characters, ${new Set(TEXT).size} different ones`,
  );
  await stepsAre(0);
  expect(await page.$("#text-problem:not([hidden])")).toBeNull();
  const noise = await sample();
  await page.click("#text-run");
  await page.waitForFunction(
    (enough) => Number((document.querySelector(".text .transport") as HTMLElement).dataset.perplexity) < enough,
    { polling: 100, timeout: 40_000 },
    unigram(TEXT) / 5,
  );
  await page.click("#text-run");
  await stateIs("paused");
  const trained = await steps();
  await writtenAfter(trained);
  // The end of this text is like its beginning, so the network knows what it has not read as well.
  await heldOutAfter(trained);
  expect(await heldOut()).toBeLessThan(unigram(TEXT) / 3);
  expect(await textOf("#text-heldOut")).toBe((await heldOut()).toPrecision(3));
  expect(await page.$eval(`${ROOM} .plot`, (plot) => plot.getAttribute("aria-label"))).toContain(
    `held-out tenth ${(await heldOut()).toPrecision(3)}.`,
  );
  expect(await sample()).toMatch(/the (cat|dog|mat|log)/);
  expect(noise).not.toMatch(/the (cat|dog|mat|log)/);
  // The first, and one for each doubling from 25 on.
  expect(await page.$$eval(`${ROOM} .samples li`, (found) => found.length)).toBe(2 + Math.floor(Math.log2(trained / 25)));
  expect(await page.$eval(`${ROOM} .plot`, (plot) => plot.getAttribute("aria-label"))).toContain(
    `by frequency: ${unigram(TEXT).toPrecision(3)}.`,
  );
  expect(await steps()).toBe(trained);
});

it("writes at once with another temperature, beginning or turn", async () => {
  await page.focus("#text-temperature");
  await page.keyboard.press("End");
  const hot = await writtenAt(2);
  await page.keyboard.press("Home");
  const cold = await writtenAt(0.1);
  expect(cold).toContain("sat on the");
  // It repeats itself at 0.1, and dares at 2.
  expect(new Set(hot.split(/\s+/)).size).toBeGreaterThan(new Set(cold.split(/\s+/)).size);
  await page.type("#text-prompt", "the d");
  await page.waitForFunction(() => document.querySelector(".text .begun")!.textContent === "the d");
  expect(await sample()).toMatch(/^og /);
  // After "the d" there is one way to go on, and the page says so.
  expect(await page.$$eval(`${ROOM} .next li`, (found) => found.map(({ textContent }) => textContent))).toHaveLength(8);
  expect(await textOf(`${ROOM} .next li`)).toMatch(/^(9\d|100) %o$/);
  await page.type("#text-prompt", "Ω");
  expect(await textOf(`${ROOM} .ways .wrong:not([hidden])`)).toContain("Ω");
  await page.keyboard.press("Backspace");
  expect(await page.$(`${ROOM} .ways .wrong:not([hidden])`)).toBeNull();
  await page.focus("#text-temperature");
  await page.keyboard.press("End");
  const one = await writtenAt(2);
  await page.click("#text-again");
  await another(one);
});

it("saves the network for the command line, and takes it on again", async () => {
  await page.click("#text-save");
  await page.waitForFunction(() => /Saved as/.test(document.querySelector("#notices p")!.textContent));
  let names: string[] = [];
  await expect
    .poll(async () => (names = await readdir(join(demo.folder, "saved")).catch(() => [])), { timeout: 5000 })
    .toEqual(["deltaprop-text.safetensors"]);
  const path = join(demo.folder, "saved", names[0]),
    saved = await parseTextModel(await readFile(path), path);
  expect(saved.spec).toMatchObject({ hidden: 32, layers: 1, vocabulary: [...new Set(TEXT)].sort() });
  expect(saved.primer).toBe(TEXT.slice(0, 64));
  expect(await heldOut()).toBeCloseTo(perplexityOf(saved, TEXT.slice(-Math.floor(TEXT.length / 10))), 3);
  const before = await sample();
  await page.click("#text-reset");
  await another(before);
  const input = (await page.$(`${ROOM} input[accept=".safetensors"]`)) as ElementHandle<HTMLInputElement>;
  const broken = join(demo.folder, "broken.safetensors"),
    noise = await sample();
  await writeFile(broken, "no tensors");
  await input.uploadFile(broken);
  await page.waitForFunction(() => /was not taken, and nothing was changed/.test(document.querySelector("#notices p")!.textContent));
  expect(await sample()).toBe(noise);
  await input.uploadFile(path);
  await page.waitForFunction(() => /is in place/.test(document.querySelector("#notices p")!.textContent));
  // Same weights, same seed, same way of writing.
  await page.waitForFunction((text) => document.getElementById("text-sample")!.textContent === text, {}, before);
});

it("tells what was memorised from what was learnt", async () => {
  // The last tenth is the same lines backwards: nothing in the beginning teaches them.
  const held = Math.floor(TEXT.length / 10),
    ending = [...TEXT.slice(-held)].reverse().join(""),
    text = TEXT.slice(0, -held) + ending;
  await paste(text);
  await page.waitForFunction(() => /A new network for a text/.test(document.querySelector(".notice p")!.textContent), { polling: 100 });
  await heldOutAfter(0);
  await page.click("#text-run");
  await page.waitForFunction(() => Number((document.querySelector(".text .transport") as HTMLElement).dataset.perplexity) < 2, {
    polling: 100,
    timeout: 40_000,
  });
  await page.click("#text-run");
  await stateIs("paused");
  await heldOutAfter(await steps());
  expect(await heldOut()).toBeGreaterThan(5 * (await perplexity()));
});

it("goes on learning when the GPU is lost, and says where", async () => {
  await page.click("#text-run");
  await stateIs("running");
  await page.click("#text-lose");
  await page.waitForFunction(() => {
    const { lostAt } = (document.querySelector(".text .loss") as HTMLElement).dataset;
    return lostAt !== undefined && Number((document.querySelector(".text .transport") as HTMLElement).dataset.steps) > Number(lostAt) + 5;
  });
  await page.click("#text-run");
  await stateIs("paused");
  expect(await textOf(`${ROOM} .loss-result`)).toMatch(/went on from there/);
});

it("races the three engines to weights that agree", async () => {
  // Few steps of a small rate: float32 and float64 go apart in time, and the further they go the sooner.
  await page.$eval(`${ROOM} .knobs input[type="range"]`, (input) => input.focus());
  await page.keyboard.press("Home");
  await page.click("#text-race");
  await page.waitForFunction(() => /After \d/.test(document.querySelector(".text .race-result")!.textContent), { timeout: 50_000 });
  const difference = await page.$eval(`${ROOM} .race-card`, (card) => Number((card as HTMLElement).dataset.difference));
  expect(difference).toBeLessThan(1e-3);
  expect(difference).toBeGreaterThan(0);
});

it.each(["light", "dark"])("is accessible to axe in the %s theme", async (theme) => {
  await page.select("#choose-theme", theme);
  await page.setViewport({ width: 360, height: 780 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  expect(await violations()).toEqual([]);
  // Control: axe does look.
  await page.$eval(`${ROOM} .keep`, (host) => host.append(document.createElement("input")));
  expect(await violations()).toHaveLength(1);
  await page.$eval(`${ROOM} .keep > input`, (input) => input.remove());
});

it("tells what is wrong with a link, and changes nothing", async () => {
  await page.evaluate(() => {
    location.hash = "#text?units=9999";
  });
  await page.waitForFunction(() => /units.*9999/.test(document.querySelector("#notices p")!.textContent));
  expect(await steps()).toBeGreaterThan(0);
});

it("trains on WebAssembly where there is no WebGPU, and says which browsers have it", async () => {
  const copy = await copyWithoutWebGpu(`${demo.folder}/site`);
  const without = await demo.open(`${copy}${LINK}`, (fresh) => fresh.evaluateOnNewDocument(() => localStorage.clear()));
  await without.waitForSelector(`${ROOM} .transport[data-state="ready"]`);
  expect(await without.$eval("#notices p", (notice) => notice.textContent)).toMatch(
    /no WebGPU.*Chrome.*Firefox.*Safari.*trains on WebAssembly/,
  );
  await without.click("#text-step");
  await without.waitForFunction(() => document.getElementById("text-steps")!.textContent === "1");
  expect(await without.$eval("#text-launches", (launches) => launches.textContent)).toBe("–");
  expect(await without.$eval(`${ROOM} .status`, (status) => status.textContent)).toContain("WebAssembly");
  expect(
    await without.$$eval(`${ROOM} .race-card li`, (rows) =>
      rows.filter((row) => !(row as HTMLElement).hidden).map((row) => (row as HTMLElement).dataset.runner),
    ),
  ).toEqual(["wasm", "cpu"]);
  await without.close();
});

it("speaks Chinese in every label", async () => {
  await page.select("#choose-language", "zh");
  expect(await textOf(`${ROOM} h1`)).toBe("教一个网络写作");
  const english = await page.$$eval(`${ROOM} button, ${ROOM} label, ${ROOM} h2, ${ROOM} dt, ${ROOM} summary, ${ROOM} .hint`, (found) =>
    found.map(({ textContent }) => textContent ?? "").filter((text) => /[a-z]{3}/i.test(text)),
  );
  // Names of devices, files and commands stay as they are.
  expect(english.filter((text) => !/GPU|WebAssembly|CPU|safetensors/.test(text))).toEqual([]);
});
