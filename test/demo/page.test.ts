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
const english = (page: Page) =>
  page.evaluateOnNewDocument(() => {
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
  const shown = await page.$$eval(
    "label",
    (labels) => labels.find(({ textContent }) => textContent === "Smoothing")!.parentElement!.querySelector("output")!.textContent,
  );
  expect(shown).toBe("0.60");
  await page.close();
});

it.each([
  [
    "no API",
    'Object.defineProperty(WorkerNavigator.prototype, "gpu", { value: undefined });',
    /^This browser has no WebGPU\. Chrome .*trains on WebAssembly/,
  ],
  [
    "no secure context",
    'Object.defineProperty(WorkerNavigator.prototype, "gpu", { value: undefined });Object.defineProperty(self, "isSecureContext", { value: false });',
    /^WebGPU works in secure contexts only.*https.*trains on WebAssembly/,
  ],
  [
    "no adapter",
    "GPU.prototype.requestAdapter = () => Promise.resolve(null);",
    /^This browser has WebGPU but offers no GPU.*trains on WebAssembly/,
  ],
])("says why there is no WebGPU: %s", async (name, first, message) => {
  const page = await opened("playground", await copyWithWorkers(`${demo.folder}/site`, name.replaceAll(" ", "-"), first));
  expect(await page.$eval("#notices p", ({ textContent }) => textContent)).toMatch(message);
  await page.close();
});

/** The numbers that stand in the drawing of the playground's network. */
const drawing = (page: Page) =>
  page.evaluate(() => ({
    squares: [...document.querySelectorAll<HTMLCanvasElement>(".playground .column:not(.features) canvas")].map((canvas) =>
      canvas.toDataURL(),
    ),
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
  expect(await page.$eval(`.${room} .status`, ({ textContent }) => textContent)).toBe(
    "No network yet. Choose another engine or other settings.",
  );
  const id = await page.$$eval(`.${room} label`, (labels) => labels.find(({ textContent }) => textContent === "Runs on")!.htmlFor);
  await page.select(`#${id}`, "wasm");
  await stateIs(page, room, "ready");
  await page.click(`#${room}-step`);
  await page.waitForFunction((name) => document.getElementById(`${name}-steps`)!.textContent === "1", {}, room);
  await page.close();
});

/** Where the message stands: the text, whether all of it is on the screen, and how far it is from an element that is no wider than a card. */
const message = (page: Page, beside: string) =>
  page.evaluate((selector) => {
    const box = document.querySelector<HTMLElement>(".notice")!,
      at = box.getBoundingClientRect(),
      near = document.querySelector(selector)!.getBoundingClientRect();
    return { text: box.hidden ? "" : box.textContent, seen: at.top >= 0 && at.bottom <= innerHeight, gap: at.top - near.bottom };
  }, beside);

it("answers beside the control, on the screen", async () => {
  const page = await opened("digits");
  await page.click("#digits-save");
  await page.waitForFunction(() => /Saved as/.test(document.querySelector(".notice")!.textContent));
  const saved = await message(page, "#digits-save");
  expect(saved.seen).toBe(true);
  expect(saved.gap).toBeGreaterThanOrEqual(0);
  expect(saved.gap).toBeLessThan(40);
  // It speaks the language of the page, also after a switch.
  await page.select("#choose-language", "zh");
  expect((await message(page, "#digits-save")).text).toContain("已保存为");
  // Closed by keyboard, the focus stays near.
  await page.focus(".notice button");
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("digits-save");
  // A message without a control stays on the screen as well, wherever the page is scrolled to.
  await page.evaluate(() => {
    location.hash = "#digits?layers=0";
  });
  await page.waitForSelector(".notice:not([hidden])");
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  expect((await message(page, "#digits-save")).seen).toBe(true);
  await page.close();
});

it.each(["playground", "text"])("shows the link where there is no clipboard (%s)", async (room) => {
  const page = await demo.open(`#${room}`, async (fresh) => {
    await english(fresh);
    await fresh.evaluateOnNewDocument(() => Object.defineProperty(Navigator.prototype, "clipboard", { value: undefined }));
  });
  await stateIs(page, room, "ready");
  await page.click(`#${room}-share`);
  await page.waitForSelector(".notice:not([hidden])");
  const { text, seen, gap } = await message(page, `#${room}-share`);
  expect(text).toMatch(new RegExp(`http://.*#${room}\\?version=2&.*seed=1`));
  expect([seen, gap >= 0 && gap < 60]).toEqual([true, true]);
  await page.close();
});

it("places points of one's own by a tap and not by scrolling, with the class beside the map", async () => {
  const page = await opened("playground");
  await page.setViewport({ width: 390, height: 800, hasTouch: true, isMobile: true });
  await page.$eval('.playground input[value="own"]', (input) => input.click());
  await stateIs(page, "playground", "empty");
  const map = (await page.$(".playground .overlay"))!;
  await map.evaluate((element) => element.scrollIntoView({ block: "center" }));
  const { x, y, width, height } = (await map.boundingBox())!;
  const points = async () =>
    Number(/(\d+) points? to learn/.exec(await map.evaluate((element) => element.getAttribute("aria-label")!))![1]);
  const finger = await page.touchscreen.touchStart(x + width / 2, y + height * 0.8);
  for (let i = 1; i <= 8; i++) await finger.move(x + width / 2, y + height * 0.8 - 15 * i);
  await finger.end();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await points()).toBe(0);
  await map.evaluate((element) => element.scrollIntoView({ block: "center" }));
  const now = (await map.boundingBox())!;
  await page.touchscreen.tap(now.x + width / 3, now.y + height / 3);
  await page.waitForFunction(() =>
    /^Map.*\b1 points? to learn/.test(document.querySelector(".playground .overlay")!.getAttribute("aria-label")!),
  );
  const [chooser, plane] = await page.evaluate(() =>
    [".own select", ".plane"].map((selector) => document.querySelector(`.playground ${selector}`)!.getBoundingClientRect().top),
  );
  expect(Math.abs(chooser - plane)).toBeLessThan(200);
  await page.close();
});

it.each(ROOMS)("can lose the GPU only while it trains (%s)", async (room) => {
  const page = await opened(room),
    can = () => page.$eval(`#${room}-lose`, (button) => !(button as HTMLButtonElement).disabled);
  expect(await can()).toBe(false);
  await page.click(`#${room}-run`);
  await stateIs(page, room, "running");
  expect(await can()).toBe(true);
  await page.click(`#${room}-run`);
  await stateIs(page, room, "paused");
  expect(await can()).toBe(false);
  await page.close();
});

it.each(ROOMS)("pauses while its tab is hidden, unless it is told to go on (%s)", async (room) => {
  const page = await opened(room);
  const hide = (hidden: boolean) =>
    page.evaluate((value) => {
      Object.defineProperty(document, "visibilityState", { value: value ? "hidden" : "visible", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  await page.click(`#${room}-run`);
  await stateIs(page, room, "running");
  await hide(true);
  await stateIs(page, room, "paused");
  await hide(false);
  await stateIs(page, room, "running");
  await page.$eval(`.${room} .when-hidden input`, (input) => input.click());
  await hide(true);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await page.$eval(`.${room} .transport`, (host) => (host as HTMLElement).dataset.state)).toBe("running");
  expect(await page.title()).toMatch(/^● Learning · /);
  await hide(false);
  expect(await page.title()).not.toContain("Learning");
  await page.close();
});

it("sets the equations in Nielsen's notation, the update among them, and cuts none", async () => {
  const page = await opened("playground");
  await page.click("#playground-take");
  await page.waitForSelector(".playground .equation");
  const general: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
    await page.$$eval(".playground .equation", (cards) =>
      cards.map((card) => {
        const math = card.querySelectorAll("math");
        return [(card as HTMLElement).dataset.equation!, [...math].map((one) => one.getAttribute("alttext") ?? "")] as const;
      }),
    ),
  );
  expect(general.forward[0]).toContain("w_jk^1");
  expect(general.forward.at(-1)).toMatch(/tanh\(/);
  expect(general.bp2[0]).toMatch(/w_kj\^2.*tanh′\(z_j\^1\)/);
  expect(general.bp1[0]).toContain("σ′(z^3)");
  expect(general.bp4[0]).toContain("w_jk^1");
  expect(general.update[0]).toMatch(/w_jk\^1 → w_jk\^1/);
  const labels = await page.$$eval('.playground [data-equation="bp4"] tbody th', (cells) => cells.map(({ textContent }) => textContent));
  // Two inputs of one neuron: the neuron first.
  expect(labels.map((label) => label.slice(-1))).toEqual(["₁", "₂"]);
  for (const width of [1280, 1024, 768]) {
    await page.setViewport({ width, height: 900 });
    expect(
      await page.$$eval(".playground .formula", (all) =>
        all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent),
      ),
      `${width}`,
    ).toEqual([]);
  }
  const [mathematics, verdict] = await page.evaluate(() =>
    [".equations", ".verdict"].map((selector) => document.querySelector(`.playground ${selector}`)!.getBoundingClientRect().top),
  );
  expect(verdict).toBeGreaterThan(mathematics);
  // Plain descent has its numbers: w − η·∂C/∂w, computed here once more.
  const id = await page.$$eval(".playground label", (all) => all.find(({ textContent }) => textContent === "Optimizer")!.htmlFor);
  await page.select(`#${id}`, "sgd");
  await page.waitForFunction(() => document.querySelector(".playground .apart-body")!.hasAttribute("hidden"));
  await stateIs(page, "playground", "ready");
  await page.click("#playground-take");
  await page.waitForSelector(".playground .apart-body:not([hidden])");
  expect(await page.$eval('.playground [data-equation="update"] math', (math) => math.getAttribute("alttext"))).toMatch(
    / − η · ∂C\/∂w_jk\^1$/,
  );
  const filled = await page.$$eval('.playground [data-equation="update"] math', (all) =>
    all.slice(1).map((math) => math.getAttribute("alttext")!),
  );
  for (const line of filled) {
    const [w, eta, gradient, next] = /= (.+) − (.+) · (.+) = (.+)$/
      .exec(line)!
      .slice(1)
      .map((text) =>
        Number(
          text
            .replace(/[()]/g, "")
            .replaceAll("−", "-")
            .replace(
              /·10(.+)$/,
              (_, power: string) => `e${[...power].map((digit) => (digit === "⁻" ? "-" : "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(digit))).join("")}`,
            ),
        ),
      );
    expect(Math.abs(next - (w - eta * gradient))).toBeLessThan(2e-4);
  }
  await page.close();
});

it("reads numbers as people write them, and says in words what may be written", async () => {
  const page = await opened("playground");
  const idOf = (label: string) =>
    page.$$eval(".playground label", (labels, text) => labels.find(({ textContent }) => textContent === text)!.htmlFor, label);
  const type = async (label: string, text: string) => {
    const id = await idOf(label);
    await page.$eval(`#${id}`, (input) => (input as HTMLInputElement).select());
    await page.type(`#${id}`, text);
    await page.keyboard.press("Enter");
    return page.$eval(`#${id}`, (input) => ({
      value: (input as HTMLInputElement).value,
      invalid: input.getAttribute("aria-invalid"),
      rule: document.getElementById(input.getAttribute("aria-errormessage") ?? "")?.textContent ?? null,
    }));
  };
  for (const text of [".05", "0,05", " 0.05 "]) expect(await type("λ", text)).toEqual({ value: "0.05", invalid: null, rule: null });
  // Control: what is no number is none still.
  expect(await type("λ", "0,0,5")).toMatchObject({ invalid: "true", rule: "A number from 0 to 0.1." });
  expect(await type("Batch size", "9999")).toMatchObject({ invalid: "true", rule: "A whole number from 1 to 256." });
  expect(await type("Neurons in hidden layers", "99")).toMatchObject({
    rule: "At most 4 whole numbers from 1 to 8, with commas between them.",
  });
  await page.select("#choose-language", "zh");
  expect(await page.$$eval(".playground .wrong:not([hidden])", (all) => all.map(({ textContent }) => textContent))).toContain(
    "请输入 1 到 256 之间的整数。",
  );
  await page.close();
});

it.each(ROOMS)("keeps the focus on the button that starts a race (%s)", async (room) => {
  const page = await opened(room);
  await page.focus(`#${room}-race`);
  await page.keyboard.press("Enter");
  await page.waitForSelector(`#${room}-race[aria-disabled="true"]`);
  expect(await page.evaluate(() => document.activeElement?.id)).toBe(`${room}-race`);
  await page.close();
});

it("keeps bars and legends where the system has its own colours", async () => {
  const page = await opened("playground"),
    session = await page.createCDPSession();
  const colour = () =>
    page.evaluate(() => ({
      key: getComputedStyle(document.querySelector(".key .validation")!, "::before").backgroundColor,
      glyph: getComputedStyle(document.querySelector(".glyph.class1")!).backgroundColor,
      card: getComputedStyle(document.querySelector(".card")!).backgroundColor,
    }));
  const before = await colour();
  await session.send("Emulation.setEmulatedMedia", { features: [{ name: "forced-colors", value: "active" }] });
  await page.waitForFunction(() => matchMedia("(forced-colors: active)").matches);
  const forced = await colour();
  expect([forced.key, forced.glyph]).toEqual([before.key, before.glyph]);
  // Control: other colours are forced.
  expect(forced.card).not.toBe(before.card);
  await page.close();
});

it("has the pad before the charts on a narrow screen, and cuts no column of the equations' tables", async () => {
  const page = await opened("digits");
  const tops = () =>
    page.evaluate(() =>
      [".drawing", ".curves"].map((selector) => document.querySelector(`.digits ${selector}`)!.getBoundingClientRect().top),
    );
  const [pad, charts] = await tops();
  expect(pad).toBe(charts);
  await page.setViewport({ width: 360, height: 800 });
  const [narrowPad, narrowCharts] = await tops();
  expect(narrowPad).toBeLessThan(narrowCharts);
  await page.close();
  const other = await opened("playground");
  await other.setViewport({ width: 360, height: 800 });
  await other.click("#playground-step");
  await other.waitForFunction(() => document.getElementById("playground-steps")!.textContent === "1");
  await other.click("#playground-take");
  await other.waitForSelector(".playground .equation table");
  const cut = () =>
    other.$$eval(".playground .equation .scroll, .playground .formula:not(.general)", (all) =>
      all.filter((one) => one.scrollWidth > one.clientWidth + 1).map(({ textContent, scrollWidth }) => `${textContent} ${scrollWidth}`),
    );
  expect(await cut()).toEqual([]);
  // Where there is room again, the sums are set in longer lines.
  const lines = () => other.$$eval('.playground [data-equation="forward"] .formula', ({ length }) => length),
    narrow = await lines();
  await other.setViewport({ width: 1280, height: 900 });
  await other.waitForFunction(
    (many) => document.querySelectorAll('.playground [data-equation="forward"] .formula').length < many,
    {},
    narrow,
  );
  await other.close();
});

it("links to its source, its documentation, its licence and the origin of its data, in both languages", async () => {
  const page = await opened("text");
  const links = () => page.$$eval("footer a", (all) => all.map((link) => [link.textContent, link.getAttribute("href")] as const));
  const english = await links();
  expect(english.map(([text]) => text.split(/[:,]/)[0])).toEqual(["Source", "Documentation", "MIT licence", "Digits", "Text"]);
  expect(english.every(([, href]) => href!.startsWith("https://"))).toBe(true);
  await page.select("#choose-language", "zh");
  expect((await links()).map(([text]) => text)).not.toEqual(english.map(([text]) => text));
  expect(await page.$$eval('meta[property^="og:"]', (all) => all.map((one) => one.getAttribute("property")))).toEqual([
    "og:type",
    "og:site_name",
    "og:title",
    "og:description",
  ]);
  await page.close();
});
