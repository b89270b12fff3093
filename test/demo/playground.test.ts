// The playground as it is published: built, served, and used in headless Chrome as a visitor would. The numbers of "take one
// step apart" are computed once more by support/plain-network.ts, which shares nothing with the source.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import axe, { type AxeResults } from "axe-core";
import type { Browser, Page } from "puppeteer";
import { build, preview, type PreviewServer } from "vite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser } from "../../src/cli/launch.ts";
import { ACTIVATIONS, OPTIMIZERS } from "../../src/index.ts";
import { worstError } from "../support/compare.ts";
import { CROSS_ENTROPY, errors as backpropagate, HALF_SQUARED, type PlainCost, type PlainLayer } from "../support/plain-network.ts";

const CONFIG = fileURLToPath(new URL("../../demo/vite.config.ts", import.meta.url));
const ROOM = ".playground";

let outDir: string, server: PreviewServer, browser: Browser, page: Page;
const complaints: string[] = [];
beforeAll(async () => {
  outDir = await mkdtemp(`${tmpdir()}/deltaprop-playground-`);
  const options = { configFile: CONFIG, logLevel: "error", build: { outDir, emptyOutDir: true } } as const;
  await build(options);
  server = await preview({ ...options, preview: { port: 0, host: "127.0.0.1" } });
  browser = await launchBrowser((line) => console.log(line));
  page = await browser.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("requestfailed", (request) => complaints.push(request.url()));
  await page.goto(`${server.resolvedUrls!.local[0]}#playground`);
  await stateIs("ready");
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(outDir, { recursive: true, force: true });
  expect(complaints).toEqual([]);
});

const stateIs = (state: string) => page.waitForSelector(`${ROOM} .transport[data-state="${state}"]`);
const textOf = (selector: string) => page.$eval(selector, (element) => element.textContent ?? "");
const figure = async (name: string): Promise<number> => Number.parseFloat((await textOf(`#playground-${name}`)).replaceAll(",", ""));
/** A figure in full: what the page itself has. */
const exactly = (name: "steps" | "loss" | "accuracy"): Promise<number> =>
  page.$eval(`${ROOM} .transport`, (element, key) => Number((element as HTMLElement).dataset[key]), name);
const choose = async (label: string, value: string) => {
  const id = await page.$$eval(`${ROOM} label`, (labels, text) => labels.find(({ textContent }) => textContent === text)?.htmlFor, label);
  await page.select(`#${id}`, value);
};

/** The numbers that the panel shows in full, by tensor. */
async function panel(): Promise<Map<string, { gpu: number; reference: number; bound: number }[]>> {
  const rows = await page.$$eval(`${ROOM} .numbers tr[data-tensor]`, (found) => found.map((row) => ({ ...(row as HTMLElement).dataset })));
  const tensors = new Map<string, { gpu: number; reference: number; bound: number }[]>();
  for (const { tensor = "", index, gpu, reference, bound } of rows) {
    const numbers = tensors.get(tensor) ?? [];
    numbers[Number(index)] = { gpu: Number(gpu), reference: Number(reference), bound: Number(bound) };
    tensors.set(tensor, numbers);
  }
  return tensors;
}

/** The network's weights as its table has them: of each layer the kernel, row by row, then the bias. */
async function plainNetwork(widths: readonly number[]): Promise<PlainLayer[]> {
  if (!(await page.$(`${ROOM} .network details[open]`))) await page.click(`${ROOM} .network details summary`);
  await page.waitForSelector(`${ROOM} .weights td[data-exact]`);
  const numbers = await page.$$eval(`${ROOM} .weights td[data-exact]`, (cells) =>
    cells.map((cell) => Number((cell as HTMLElement).dataset.exact)),
  );
  let at = 0;
  return widths.slice(1).map((fanOut, l): PlainLayer => {
    const fanIn = widths[l],
      kernel = numbers.slice(at, (at += fanIn * fanOut)),
      b = numbers.slice(at, (at += fanOut));
    const w = Array.from({ length: fanOut }, (_, j) => Array.from({ length: fanIn }, (_, k) => kernel[k * fanOut + j]));
    return { w, b, f: l === widths.length - 2 ? "sigmoid" : "tanh" };
  });
}

async function takeApart(): Promise<{ x: number[]; y: number[] }> {
  const taken = () => page.$eval(`${ROOM} .apart-body`, (body) => (body as HTMLElement).dataset.taken ?? "0"),
    before = await taken();
  await page.click("#playground-take");
  await page.waitForFunction(
    (last) => Number((document.querySelector(".playground .apart-body") as HTMLElement).dataset.taken ?? 0) > Number(last),
    {},
    before,
  );
  const { x, y, label } = await page.$eval(`${ROOM} .apart-body`, (body) => ({ ...(body as HTMLElement).dataset }));
  return { x: [Number(x), Number(y)], y: [Number(label)] };
}

/** Compares every number of the panel with plain loops over single neurons. */
async function comparePanel(widths: readonly number[], cost: PlainCost): Promise<void> {
  const layers = await plainNetwork(widths),
    example = await takeApart();
  const { z, a, delta } = backpropagate(layers, example.x, example.y, cost),
    shown = await panel();
  const expected = new Map<string, number[]>();
  layers.forEach((_, l) => {
    expected
      .set(`z${l + 1}`, z[l])
      .set(`a${l + 1}`, a[l + 1])
      .set(`delta${l + 1}`, delta[l])
      .set(`grad_b${l + 1}`, delta[l]);
    expected.set(
      `${shown.has(`data_grad_w${l + 1}`) ? "data_" : ""}grad_w${l + 1}`,
      a[l].flatMap((input) => delta[l].map((error) => input * error)),
    );
  });
  for (const [name, numbers] of expected) {
    const rows = shown.get(name) ?? [],
      largest = Math.max(...numbers.map(Math.abs));
    // The panel's reference starts each equation from the GPU's float32 numbers, ours from the weights: some roundings apart.
    for (const side of ["gpu", "reference"] as const)
      expect(
        worstError(
          rows.map((row) => row[side]),
          numbers,
        ),
        `${side} of ${name}`,
      ).toBeLessThan(1e-6 + 2e-5 * largest);
    for (const { gpu, reference, bound } of rows) expect(Math.abs(gpu - reference), name).toBeLessThanOrEqual(bound);
  }
  // And each reference is its equation, to float64, of the GPU numbers that the panel shows: here z² from a¹.
  const inputs = shown.get("a1")!.map(({ gpu }) => gpu);
  const z2 = layers[1].w.map((row, j) => row.reduce((sum, weight, k) => sum + weight * inputs[k], layers[1].b![j]));
  expect(
    worstError(
      shown.get("z2")!.map(({ reference }) => reference),
      z2,
    ),
  ).toBeLessThan(1e-13);
  expect(await page.$eval(`${ROOM} .verdict`, (verdict) => (verdict as HTMLElement).dataset.ok)).toBe("true");
}

/** What axe finds wrong on the page as it stands. */
async function violations(): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<[], () => Promise<AxeResults>>(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
}

it("offers every activation of hidden layers and every optimizer of the library", async () => {
  const offered = (label: string) =>
    page.$$eval(
      `${ROOM} .control`,
      (controls, text) =>
        [...controls.find((one) => one.querySelector("label")?.textContent === text)!.querySelectorAll("option")].map(({ value }) => value),
      label,
    );
  expect(await offered("Activation")).toEqual(ACTIVATIONS.filter((name) => name !== "softmax"));
  expect((await offered("Optimizer")).filter((name) => name !== "momentum" && name !== "nesterov")).toEqual([...OPTIMIZERS]);
});

it("steps once at a click, and begins again at another with the same loss", async () => {
  const first = await exactly("loss");
  for (const steps of [1, 2]) {
    await page.click("#playground-step");
    await page.waitForFunction((count) => document.getElementById("playground-steps")!.textContent === String(count), {}, steps);
  }
  expect(await exactly("loss")).not.toBe(first);
  await page.click("#playground-reset");
  await page.waitForFunction(() => document.getElementById("playground-steps")!.textContent === "0");
  expect(await exactly("loss")).toBe(first);
});

it("takes a step of a fresh network apart: the panel's numbers are those of plain backpropagation", () =>
  comparePanel([2, 6, 4, 1], CROSS_ENTROPY));

it("fills the four equations in, and follows the neuron that is chosen", async () => {
  const cards = await page.$$eval(`${ROOM} .equation`, (found) => found.map((card) => (card as HTMLElement).dataset.equation));
  expect(cards).toEqual(["forward", "bp1", "bp2", "bp3", "bp4", "update"]);
  const shownNumber = async () =>
    await page.$eval(`${ROOM} [data-equation="bp2"] tr[data-tensor]`, (row) => ({ ...(row as HTMLElement).dataset }));
  // At first the neuron of the first layer with the largest error.
  const errors = (await panel()).get("delta1")!.map(({ gpu }) => Math.abs(gpu));
  expect(await shownNumber()).toEqual({ tensor: "grad_a1", index: String(errors.indexOf(Math.max(...errors))) });
  await page.click(`${ROOM} .cell[data-layer="2"][data-neuron="3"]`);
  expect(await shownNumber()).toEqual({ tensor: "grad_a2", index: "2" });
  expect(
    await page.$$eval(`${ROOM} [data-equation="bp2"] math`, (found) => found.map((math) => math.getAttribute("alttext"))),
  ).toHaveLength(3);
});

it("reads the numbers of neurons and weights out to the keyboard", async () => {
  await page.focus(`${ROOM} .cell[data-layer="0"]`);
  for (const key of ["ArrowRight", "ArrowDown"] as const) await page.keyboard.press(key);
  expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Layer 1, neuron 2");
  expect(await textOf(`${ROOM} .readout`)).toMatch(/^Layer 1, neuron 2: bias 0; weights x −?[\d.]+, y −?[\d.]+\.$/);
  // While it is looked at, the large map shows what it answers.
  const mapIs = (title: string) =>
    page.waitForFunction((text) => document.querySelector(".playground .map h2")!.textContent === text, {}, title);
  await mapIs("What Layer 1, neuron 2 answers");
  await page.focus("#playground-run");
  await mapIs("What it answers");
});

it("solves XOR, and says so", async () => {
  await page.click("#playground-run");
  await page.waitForFunction(() => Number.parseFloat(document.getElementById("playground-accuracy")!.textContent) > 95, { polling: 50 });
  await page.click("#playground-run");
  await stateIs("paused");
  const steps = await exactly("steps");
  expect(await figure("accuracy")).toBeGreaterThan(95);
  expect(await figure("speed")).toBeGreaterThan(0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await exactly("steps")).toBe(steps);
  expect(await textOf(`${ROOM} .overlay`)).toBe("");
  expect(await page.$eval(`${ROOM} .overlay`, (map) => map.getAttribute("aria-label"))).toContain(
    "200 points to learn from, 200 to test with",
  );
});

it("takes a step of the trained network apart, with the quadratic cost as well", async () => {
  await comparePanel([2, 6, 4, 1], CROSS_ENTROPY);
  await choose("Cost C", "quadratic");
  await page.waitForFunction(() => document.getElementById("playground-steps")!.textContent === "0");
  await comparePanel([2, 6, 4, 1], HALF_SQUARED);
});

it("learns and is taken apart on WebAssembly, and races it", async () => {
  await choose("Runs on", "wasm");
  await page.waitForFunction(() => document.getElementById("playground-steps")!.textContent === "0");
  await comparePanel([2, 6, 4, 1], HALF_SQUARED);
  expect(await textOf(`${ROOM} .status`)).toContain("WebAssembly");
  await page.click("#playground-race");
  await page.waitForFunction(() => /^After \d/.test(document.querySelector(".playground .race-result")!.textContent), { timeout: 30_000 });
  expect(await textOf(`${ROOM} .race-result`)).toMatch(
    /WebGPU was [\d,.]+ times as fast as the float64 reference, WebAssembly was [\d,.]+ times/,
  );
  const difference = await page.$eval(`${ROOM} .race-card`, (card) => Number((card as HTMLElement).dataset.difference));
  // Thousands of steps apart the roundings have grown; how far, nothing bounds.
  expect(difference).toBeGreaterThan(0);
  expect(difference).toBeLessThan(Infinity);
  await choose("Runs on", "webgpu");
  await page.waitForFunction(() => document.getElementById("playground-launches")!.textContent !== "–");
});

it("learns on the engine just chosen, when Run is pressed before its network is there", async () => {
  for (const [engine, name] of [
    ["wasm", "WebAssembly"],
    ["webgpu", "WebGPU"],
  ]) {
    await choose("Runs on", engine);
    await page.click("#playground-run");
    await page.waitForFunction(
      (wanted) => {
        const transport = document.querySelector<HTMLElement>(".playground .transport")!;
        const runsOn = transport.querySelector(".status")!.textContent.includes("WebAssembly") ? "WebAssembly" : "WebGPU";
        return runsOn === wanted && Number(transport.dataset.steps) > 50;
      },
      {},
      name,
    );
    await page.click("#playground-run");
    await stateIs("paused");
  }
});

it("goes on learning when the GPU is lost, and says where", async () => {
  await page.click("#playground-run");
  await page.waitForFunction(() => Number((document.querySelector(".playground .transport") as HTMLElement).dataset.steps) > 30);
  await page.click("#playground-lose");
  await page.waitForFunction(() => {
    const { lostAt } = (document.querySelector(".playground .loss") as HTMLElement).dataset;
    return (
      lostAt !== undefined && Number((document.querySelector(".playground .transport") as HTMLElement).dataset.steps) > Number(lostAt) + 20
    );
  });
  await page.click("#playground-run");
  await stateIs("paused");
  expect(await textOf(`${ROOM} .loss-result`)).toMatch(/went on from there/);
});

it("learns points that were placed by keyboard", async () => {
  await page.$eval(`${ROOM} input[value="own"]`, (input) => input.click());
  await stateIs("empty");
  await page.focus(`${ROOM} .overlay`);
  // Two points of class 1 to the right, two of class 0 to the left; the first key only shows the cursor.
  for (const keys of [
    ["ArrowRight", "ArrowRight", "ArrowRight", "Enter", "ArrowUp", "Enter", "c"],
    ["ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft", "Enter", "ArrowDown", "Enter"],
  ]) {
    for (const key of keys) await page.keyboard.press(key as "Enter");
  }
  await page.waitForFunction(() =>
    /2 points to learn from, 2 to test with/.test(document.querySelector(".playground .overlay")!.getAttribute("aria-label")!),
  );
  await stateIs("ready");
  await page.click("#playground-step");
  await page.waitForFunction(() => document.getElementById("playground-steps")!.textContent === "1");
});

it("tells what is wrong with a link, and changes nothing", async () => {
  await page.evaluate(() => {
    location.hash = "#playground?layers=99";
  });
  await page.waitForSelector("#notices .notice:not([hidden])");
  expect(await textOf("#notices p")).toMatch(/layers.*99/);
  expect(await textOf("#playground-steps")).toBe("1");
  await page.evaluate(() => {
    location.hash = "#playground?problem=spiral&layers=3,2&features=x,y,sinx&seed=7";
  });
  await page.waitForFunction(() => document.querySelectorAll(".playground .column:not(.features) .cell").length === 3 + 2 + 1);
  expect(await page.$eval(`${ROOM} input[value="spiral"]`, (input) => input.checked)).toBe(true);
  await stateIs("ready");
});

it.each(["light", "dark"])("is accessible to axe in the %s theme", async (theme) => {
  await page.select("#choose-theme", theme);
  await takeApart();
  expect(await violations()).toEqual([]);
  // Control: axe does look.
  await page.$eval(`${ROOM} .apart`, (host) => host.append(document.createElement("input")));
  expect(await violations()).toHaveLength(1);
  await page.$eval(`${ROOM} .apart > input`, (input) => input.remove());
});

it("speaks Chinese in every label, and goes on", async () => {
  await page.select("#choose-language", "zh");
  expect(await textOf(`${ROOM} h1`)).toBe("游乐场");
  const english = await page.$$eval(`${ROOM} button, ${ROOM} label, ${ROOM} h2, ${ROOM} h3, ${ROOM} dt, ${ROOM} summary`, (found) =>
    found.map(({ textContent }) => textContent ?? "").filter((text) => /[a-z]{3}/i.test(text)),
  );
  // Names of functions and devices stay as they are.
  expect(english.filter((text) => !/sin π|GPU|WebAssembly|CPU/.test(text))).toEqual([]);
});
