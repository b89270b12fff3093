// The digits room, used as a visitor would: built, served, in headless Chrome.

import { readFile, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import axe from "axe-core";
import type { ElementHandle, Page } from "puppeteer";
import { afterAll, beforeAll, expect, it } from "vitest";
import { copyWithoutWebGpu, openDemo, type Demo } from "../support/demo-page.ts";

let demo: Demo, page: Page;
beforeAll(async () => {
  demo = await openDemo();
  page = await demo.open("", englishAndWatched);
  await entered(page, "ready");
}, 90_000);
afterAll(() => demo?.close());

/** Whatever the machine speaks; and with the time of every task that holds up the page. */
const englishAndWatched = (page: Page) =>
  page.evaluateOnNewDocument(() => {
    if (!localStorage.getItem("deltaprop.language")) localStorage.setItem("deltaprop.language", "en");
    const tasks: number[] = [];
    Object.assign(globalThis, { tasks });
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
      entryTypes: ["longtask"],
    });
  });
const longTasks = (page: Page) => page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks);

const entered = (page: Page, state: string) => page.waitForSelector(`.transport[data-state="${state}"]`);
const textOf = (page: Page, id: string) => page.$eval(`#${id}`, (element) => element.textContent ?? "");
const exactLoss = (page: Page) => page.$eval("#digits-loss", (element) => (element as HTMLElement).dataset.exact);
const stepsShown = async (page: Page) => Number((await textOf(page, "digits-steps")).replaceAll(",", ""));
/** What is told of the run comes by another way than the answer to a click. */
const stepsAre = (page: Page, steps: number) =>
  page.waitForFunction((wanted) => document.getElementById("digits-steps")!.textContent === String(wanted), {}, steps);
const accuracyShown = async (page: Page) => parseFloat(await textOf(page, "digits-accuracy"));
const notice = (page: Page) => page.$eval(".notice", (element) => ((element as HTMLElement).hidden ? "" : (element.textContent ?? "")));
/** The control with this label. */
const control = async (page: Page, label: string): Promise<ElementHandle<HTMLInputElement>> =>
  (await page.waitForSelector(`aria/${label}`)) as ElementHandle<HTMLInputElement>;
const valueOf = async (page: Page, label: string) => (await control(page, label)).evaluate(({ value }) => value);

async function type(page: Page, label: string, text: string): Promise<void> {
  const input = await control(page, label);
  await input.evaluate((element) => element.select());
  await input.type(text);
  await input.press("Enter");
}

async function pause(page: Page): Promise<void> {
  await page.click("#digits-run");
  await entered(page, "paused");
}

/** Chooses files by the button whose label starts so. */
async function choose(page: Page, button: string, ...paths: string[]): Promise<void> {
  const input = await page.evaluateHandle(
    (text) => [...document.querySelectorAll("label.button")].find((label) => label.textContent?.startsWith(text))!.querySelector("input")!,
    button,
  );
  await input.uploadFile(...paths);
}

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = `${demo.folder}/${name}`;
  await writeFile(path, bytes);
  return path;
}

it("makes one step at a click, and after a reset the same first step, bit for bit", async () => {
  await page.click("#digits-step");
  await stepsAre(page, 1);
  const first = await exactLoss(page);
  await page.click("#digits-step");
  await stepsAre(page, 2);
  // A control: the second step has another loss.
  expect(await exactLoss(page)).not.toBe(first);
  await page.click("#digits-reset");
  await entered(page, "ready");
  await stepsAre(page, 0);
  await page.click("#digits-step");
  await stepsAre(page, 1);
  expect(await exactLoss(page)).toBe(first);
});

it("learns at a click until it reads more than 90 % of the validation digits, and stays answerable meanwhile", async () => {
  const before = (await longTasks(page)).length;
  await page.click("#digits-run");
  await page.waitForFunction(() => parseFloat(document.getElementById("digits-accuracy")!.textContent) > 90, { polling: 100 });
  const held = (await longTasks(page)).slice(before);
  await pause(page);
  expect(held.filter((duration) => duration > 100)).toEqual([]);
  // A control: a page that is held up is noticed.
  await page.evaluate(
    () =>
      new Promise((resolve) =>
        setTimeout(() => {
          const end = performance.now() + 150;
          while (performance.now() < end);
          setTimeout(resolve, 50);
        }),
      ),
  );
  expect((await longTasks(page)).some((duration) => duration > 100)).toBe(true);
  const steps = await stepsShown(page);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await stepsShown(page)).toBe(steps);
  expect(await textOf(page, "digits-launches")).toBe("3");
});

it("runs and pauses at clicks that come before the last one is answered", async () => {
  await page.evaluate(() => {
    document.getElementById("digits-step")!.click();
    document.getElementById("digits-run")!.click();
  });
  const before = await stepsShown(page);
  await page.waitForFunction(
    (steps) => Number(document.getElementById("digits-steps")!.textContent.replaceAll(",", "")) > steps + 10,
    {},
    before,
  );
  expect(await textOf(page, "digits-run")).toBe("Pause");
  await pause(page);
  expect(await notice(page)).toBe("");
});

it("reads a 1 that is drawn with the mouse, and a digit that is chosen by keyboard", async () => {
  const pad = (await page.$("canvas.pad"))!;
  await pad.scrollIntoView();
  const { x, y, width, height } = (await pad.boundingBox())!;
  await page.mouse.move(x + width * 0.55, y + height * 0.15);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.46, y + height * 0.85, { steps: 12 });
  await page.mouse.up();
  await page.waitForSelector('.verdict[data-answer="1"]');
  const { filled, total } = await page.$eval("canvas.seen", (canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, width, height);
    const paper = data[0];
    return { filled: data.filter((value, i) => i % 4 === 0 && value !== paper).length, total: width * height };
  });
  // A stroke of 20 rows, about 2 wide, in 28 × 28.
  expect(total).toBe(784);
  expect(filled).toBeGreaterThan(30);
  expect(filled).toBeLessThan(120);
  await (await control(page, "Show a test digit 0")).focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector('.verdict[data-answer="0"]');
});

it("shows what the network holds", async () => {
  await page.$eval("#digits-test", (element) => element.scrollIntoView());
  await page.waitForSelector("#digits-test[data-correct]");
  expect(Number(await page.$eval("#digits-test", (element) => (element as HTMLElement).dataset.correct))).toBeGreaterThan(1700);
  expect(await page.$$eval(".confusion tbody td", (cells) => cells.reduce((sum, cell) => sum + Number(cell.textContent), 0))).toBe(2000);
  expect(await page.$$eval(".mistakes li", (items) => items.length)).toBe(12);
  await page.$eval(".histograms", (element) => element.scrollIntoView());
  await page.waitForSelector(".histograms canvas");
  const labels = await page.$$eval(".histograms canvas", (all) => all.map((canvas) => canvas.getAttribute("aria-label") ?? ""));
  expect(labels).toHaveLength(4);
  for (const label of labels) expect(label).toMatch(/^Histogram of (100,480|1,290) (weights|gradients) .*not finite: 0$/);
});

it("takes a new learning rate while it learns, and goes on", async () => {
  await page.click("#digits-run");
  const before = await stepsShown(page);
  await (await control(page, "Learning rate η")).focus();
  await page.keyboard.press("ArrowRight");
  await page.waitForFunction(
    (steps) => Number(document.getElementById("digits-steps")!.textContent.replaceAll(",", "")) > steps + 20,
    {},
    before,
  );
});

it("goes on when its GPU is lost, and says so", async () => {
  await page.click("#digits-lose");
  await page.waitForFunction(() => /went on from there/.test(document.querySelector(".loss-result")!.textContent), { polling: 100 });
  const before = await stepsShown(page);
  await page.waitForFunction(
    (steps) => Number(document.getElementById("digits-steps")!.textContent.replaceAll(",", "")) > steps + 20,
    {},
    before,
  );
  await pause(page);
  expect(await accuracyShown(page)).toBeGreaterThan(90);
});

it("when each GPU is lost at once, says what Run does, and Run goes on", async () => {
  const [worker] = page.workers();
  await worker.evaluate(() => {
    const request = Reflect.get(GPUAdapter.prototype, "requestDevice") as (this: GPUAdapter, ...given: unknown[]) => Promise<GPUDevice>;
    Object.assign(globalThis, { lostAtOnce: true });
    GPUAdapter.prototype.requestDevice = async function (...given) {
      const device = await request.apply(this, given);
      if ((globalThis as { lostAtOnce?: boolean }).lostAtOnce) setTimeout(() => device.destroy(), 1);
      return device;
    };
  });
  await page.click("#digits-run");
  await entered(page, "running");
  await page.click("#digits-lose");
  await entered(page, "paused");
  expect(await notice(page)).toMatch(/lost again and again.*Run tries the GPU again/);
  expect(await notice(page)).not.toContain("compile");
  // Control: it is so still.
  await page.click("#digits-run");
  await entered(page, "paused");
  await worker.evaluate(() => {
    (globalThis as { lostAtOnce?: boolean }).lostAtOnce = false;
  });
  const before = await stepsShown(page);
  await page.click("#digits-run");
  await page.waitForFunction(
    (steps) => Number(document.getElementById("digits-steps")!.textContent.replaceAll(",", "")) > steps + 20,
    {},
    before,
  );
  await pause(page);
  expect(await accuracyShown(page)).toBeGreaterThan(90);
});

it("races the three engines to weights that agree", async () => {
  await page.click("#digits-race");
  await page.waitForFunction(() => /^After \d/.test(document.querySelector(".race-result")!.textContent), {
    polling: 200,
    timeout: 50_000,
  });
  expect(await page.$$eval(".race-card li .name", (names) => names.map(({ textContent }) => textContent))).toEqual([
    "WebGPU",
    "WebAssembly",
    "CPU (float64)",
  ]);
  const result = await page.$eval(".race-result", ({ textContent }) => textContent);
  expect(result).toMatch(
    /WebGPU was [\d,.]+ times as fast as the float64 reference, WebAssembly was [\d,.]+ times as fast as the float64 reference/,
  );
  const steps = Number(/After ([\d,]+) steps each/.exec(result)![1].replaceAll(",", ""));
  const difference = await page.$eval(".race-card", (card) => Number((card as HTMLElement).dataset.difference));
  expect(steps).toBeGreaterThan(25);
  // float32 against float64, after some steps: rounding, and not nothing.
  expect(difference).toBeGreaterThan(0);
  expect(difference).toBeLessThan(0.01);
});

it("trains on WebAssembly when it is chosen, to what WebGPU makes of the first mini-batch", async () => {
  const firstOn = async (engine: string) => {
    await page.select(`#${await (await control(page, "Runs on")).evaluate(({ id }) => id)}`, engine);
    await stepsAre(page, 0);
    await entered(page, "ready");
    await page.click("#digits-step");
    await stepsAre(page, 1);
    return { loss: Number(await exactLoss(page)), status: await page.$eval(".transport .status", (status) => status.textContent ?? "") };
  };
  const wasm = await firstOn("wasm"),
    cpu = await firstOn("cpu"),
    webgpu = await firstOn("webgpu");
  expect(wasm.status).toContain("CPU (WebAssembly");
  expect(webgpu.status).not.toContain("WebAssembly");
  // The same network in float32 and float64.
  for (const { loss } of [wasm, webgpu]) expect(Math.abs(loss / cpu.loss - 1)).toBeLessThan(1e-5);
  await firstOn("wasm");
  await page.click("#digits-run");
  await page.waitForFunction(() => parseFloat(document.getElementById("digits-accuracy")!.textContent) > 90, { polling: 100 });
  await pause(page);
  expect(await textOf(page, "digits-launches")).toBe("–");
  expect(await page.$eval("#digits-lose", (button) => (button as HTMLButtonElement).disabled)).toBe(true);
});

it("saves weights that come back with the same accuracy after a reload", async () => {
  const accuracy = await accuracyShown(page),
    client = await demo.browser.target().createCDPSession();
  await client.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: demo.folder, eventsEnabled: true });
  const done = new Promise<void>((resolve) => {
    client.on("Browser.downloadProgress", ({ state }) => {
      if (state === "completed") resolve();
    });
  });
  await page.click("#digits-save");
  await done;
  await page.reload();
  await entered(page, "ready");
  expect(await textOf(page, "digits-accuracy")).toBe("–");
  await choose(page, "Load weights", `${demo.folder}/deltaprop-digits.safetensors`);
  await page.waitForFunction((share) => parseFloat(document.getElementById("digits-accuracy")!.textContent) === share, {}, accuracy);
  expect(await notice(page)).toContain("in place");
});

it("refuses files that are none, with a message, and changes nothing", async () => {
  const accuracy = await accuracyShown(page);
  const saved = await readFile(`${demo.folder}/deltaprop-digits.safetensors`);
  const idx = (name: string, header: number[], bytes: number) => file(name, Uint8Array.from([...header, ...Array<number>(bytes).fill(1)]));
  const images = (count: number) => idx(`images-${count}`, [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 28, 0, 0, 0, 28], count * 784);
  const labels = (count: number) => idx(`labels-${count}`, [0, 0, 8, 1, 0, 0, 0, count], count);
  const cases: [string, string[], RegExp][] = [
    ["Load weights", [await file("cut.safetensors", saved.subarray(0, 5000))], /cut\.safetensors/],
    ["Load weights", [await file("junk.safetensors", new Uint8Array(100).fill(255))], /junk\.safetensors/],
    ["Train on your own", [await file("text.txt", new TextEncoder().encode("no digits"))], /starts with two zero bytes/],
    ["Train on your own", [await images(30)], /come in pairs/],
    ["Train on your own", [await images(30), await labels(29)], /do not belong together/],
    ["Train on your own", [await file("bad.gz", Uint8Array.from([0x1f, 0x8b, 8, 0, 1, 2, 3])), await labels(30)], /gzip data are damaged/],
  ];
  for (const [button, paths, message] of cases) {
    await choose(page, button, ...paths);
    await page.waitForFunction((source) => new RegExp(source).test(document.querySelector(".notice")!.textContent), {}, message.source);
    expect(await notice(page)).toContain("nothing was changed");
    await page.click(".notice button");
    expect(await accuracyShown(page)).toBe(accuracy);
  }
  await page.$eval("#digits-test", (element) => element.scrollIntoView());
  await page.waitForSelector("#digits-test[data-correct]");
  expect(await page.$eval("#digits-test", (element) => element.textContent)).toContain("of 2,000 test digits");
});

it("trains on IDX files of one's own, gzipped too", async () => {
  const rows = 100,
    pixels = Uint8Array.from({ length: rows * 784 }, (_, i) => (Math.floor(i / 784) % 3 === (i % 784) % 3 ? 200 : 0));
  const images = Uint8Array.from([0, 0, 8, 3, 0, 0, 0, rows, 0, 0, 0, 28, 0, 0, 0, 28, ...pixels]);
  const labels = Uint8Array.from([0, 0, 8, 1, 0, 0, 0, rows, ...Array.from({ length: rows }, (_, i) => i % 3)]);
  await choose(
    page,
    "Train on your own",
    await file("own-images-idx3-ubyte.gz", gzipSync(images)),
    await file("own-labels-idx1-ubyte", labels),
  );
  await page.waitForFunction(() =>
    document.querySelector(".notice")!.textContent.includes("72 images to train on, 8 to validate with and 20 to test with"),
  );
  expect(await page.$eval(".lead", (element) => element.textContent)).toContain("784–128–3");
  await page.click("#digits-run");
  await page.waitForFunction(() => parseFloat(document.getElementById("digits-accuracy")!.textContent) === 100, { polling: 100 });
  await pause(page);
});

it("restores a configuration from its link, and from no link that is malformed", async () => {
  await type(page, "Hidden layers", "32, 16");
  await type(page, "Seed", "7");
  await type(page, "Batch size", "20");
  await page.select(`#${await (await control(page, "Activation")).evaluate(({ id }) => id)}`, "tanh");
  await page.click("#digits-share");
  await page.waitForSelector("#digits-link", { visible: true });
  const link = await valueOf(page, "Link with this configuration");
  const other = await demo.open(new URL(link).hash, englishAndWatched);
  await entered(other, "ready");
  const shown = async () => Promise.all(["Hidden layers", "Seed", "Batch size", "Activation"].map((label) => valueOf(other, label)));
  expect(await shown()).toEqual(["32,16", "7", "20", "tanh"]);
  expect(await other.$eval(".lead", (element) => element.textContent)).toContain("784–32–16–10");
  const address = await other.evaluate(() => location.hash);
  for (const wrong of [
    "layers=99999",
    "seed=-1",
    "seed=1&seed=2",
    "activation=evil",
    "rate=Infinity",
    "batch=0x10",
    "toString=1",
    "layers=1,2,3,4,5,6,7",
    `seed=${"1".repeat(2600)}`,
  ]) {
    await other.evaluate((hash) => {
      location.hash = hash;
    }, `#digits?${wrong}`);
    await other.waitForFunction(
      (before) => /nothing was changed/.test(document.querySelector(".notice")!.textContent) && location.hash === before,
      {},
      address,
    );
    expect(await shown()).toEqual(["32,16", "7", "20", "tanh"]);
    await other.click(".notice button");
  }
  await other.close();
  const fresh = await demo.open("#digits?layers=0", englishAndWatched);
  await entered(fresh, "ready");
  expect(await notice(fresh)).toContain("nothing was changed");
  expect(await valueOf(fresh, "Hidden layers")).toBe("128");
  await fresh.close();
});

it("says what is wrong with a field, and keeps the network", async () => {
  await type(page, "Hidden layers", "12, many");
  const input = await control(page, "Hidden layers");
  expect(await input.evaluate((element) => element.getAttribute("aria-invalid"))).toBe("true");
  await page.click("#digits-step");
  await type(page, "Hidden layers", "12");
  expect(await input.evaluate((element) => element.getAttribute("aria-invalid"))).toBe(null);
});

it("speaks both languages, and changes them while it stands", async () => {
  await page.select("#choose-language", "zh");
  expect(await textOf(page, "digits-run")).toBe("运行");
  expect(await page.$eval("html", (element) => element.lang)).toBe("zh-Hans");
  // Nothing of the page is left in English but names and numbers.
  const left = await page.$$eval(
    "main h1, main h2, main h3, main label, main button, main legend, main dt, main .hint, main summary",
    (all) =>
      all.map((element) => element.textContent?.trim() ?? "").filter((text) => /[A-Za-z]{4,}/.test(text) && !/[\u4e00-\u9fff]/.test(text)),
  );
  expect(left).toEqual([]);
  await page.select("#choose-language", "en");
  expect(await textOf(page, "digits-run")).toBe("Run");
});

it.each(["light", "dark"])(
  "has nothing serious for axe to find, %s",
  async (theme) => {
    await page.select("#choose-theme", theme);
    await page.evaluate(axe.source);
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
      };
      const { violations } = await axe.run();
      return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    });
    expect(violations).toEqual([]);
  },
  30_000,
);

it("fits a narrow screen", async () => {
  for (const width of [360, 1280]) {
    await page.setViewport({ width, height: 800 });
    await page.waitForFunction((wanted) => document.documentElement.scrollWidth <= wanted, {}, width);
  }
});

it("trains on WebAssembly where there is no WebGPU, and says which browsers have it", async () => {
  const copy = await copyWithoutWebGpu(`${demo.folder}/site`);
  const without = await demo.open(copy, englishAndWatched);
  await entered(without, "ready");
  expect(await notice(without)).toMatch(/no WebGPU.*Chrome.*Firefox.*Safari.*trains on WebAssembly/);
  expect(await valueOf(without, "Runs on")).toBe("wasm");
  const offered = await (
    await control(without, "Runs on")
  ).evaluate((select) =>
    [...(select as unknown as HTMLSelectElement).options].filter(({ disabled }) => !disabled).map(({ value }) => value),
  );
  expect(offered).toEqual(["wasm", "cpu"]);
  await without.click("#digits-step");
  await stepsAre(without, 1);
  expect(await textOf(without, "digits-launches")).toBe("–");
  await without.close();
});

it("loads less than 200 kB before its data, from its own origin alone, without an error", async () => {
  const loaded: Promise<number>[] = [];
  const fresh = await demo.open("", async (page) => {
    page.on("response", (response) => {
      if (!response.url().includes("/digits/")) loaded.push(response.buffer().then((body) => gzipSync(body).length));
    });
  });
  await entered(fresh, "ready");
  const bytes = (await Promise.all(loaded)).reduce((a, b) => a + b, 0);
  expect(loaded.length).toBeGreaterThan(4);
  expect(bytes).toBeLessThan(200_000);
  await fresh.close();
  expect(demo.errors).toEqual([]);
});
