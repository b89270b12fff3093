// The address holds the whole configuration of a room: through a reload, and through Back and Forward.

import type { ElementHandle, Page } from "puppeteer";
import { expect, it } from "vitest";
import { useDemo } from "../support/use-demo.ts";

const demo = useDemo();

const stateIs = (page: Page, room: string, state: string) => page.waitForSelector(`.${room} .transport[data-state="${state}"]`);

async function opened(hash: string): Promise<Page> {
  const page = await demo.open(hash, (fresh) =>
    fresh.evaluateOnNewDocument(() => {
      if (sessionStorage.getItem("begun")) return;
      sessionStorage.setItem("begun", "true");
      localStorage.clear();
      localStorage.setItem("deltaprop.language", "en");
    }),
  );
  await stateIs(page, /^#(\w+)/.exec(hash)![1], "ready");
  return page;
}

const field = async (page: Page, room: string, label: string): Promise<ElementHandle<HTMLInputElement>> => {
  const id = await page.$$eval(`.${room} label`, (labels, text) => labels.find(({ textContent }) => textContent === text)!.htmlFor, label);
  return (await page.$(`#${id}`)) as ElementHandle<HTMLInputElement>;
};
const addressHas = (page: Page, ...parts: string[]) =>
  page.waitForFunction(
    (wanted) => {
      const given = location.hash.split(/[?&]/);
      return wanted.every((part) => given.includes(part));
    },
    { polling: 50 },
    parts,
  );
const address = (page: Page) => page.evaluate(() => location.hash);
const valueIs = async (page: Page, room: string, label: string, value: string) => {
  await page.waitForFunction((input, text) => input.value === text, { polling: 50 }, await field(page, room, label), value);
};
const stepsAre = (page: Page, room: string, steps: number) =>
  page.waitForFunction(
    (name, text) => document.getElementById(`${name}-steps`)!.textContent === text,
    { polling: 50 },
    room,
    String(steps),
  );

async function type(page: Page, room: string, label: string, text: string): Promise<void> {
  const input = await field(page, room, label);
  await input.evaluate((element) => element.select());
  await input.type(text);
  await input.press("Enter");
}

it.each(["digits", "playground", "text"])("keeps a changed configuration through a reload, and undoes it by Back (%s)", async (room) => {
  const page = await opened(`#${room}`);
  await addressHas(page, "seed=1", "engine=auto");
  const before = await address(page);
  await type(page, room, "Seed", "7");
  await addressHas(page, "seed=7");
  const after = await address(page);
  await stateIs(page, room, "ready");
  await page.reload();
  await stateIs(page, room, "ready");
  await valueIs(page, room, "Seed", "7");
  expect(await address(page)).toBe(after);
  await page.goBack();
  await valueIs(page, room, "Seed", "1");
  expect(await address(page)).toBe(before);
  await page.goForward();
  await valueIs(page, room, "Seed", "7");
  expect(await address(page)).toBe(after);
  await page.close();
});

it("keeps what else was chosen: the engine, the pace, features and layers", async () => {
  const page = await opened("#playground");
  await (await field(page, "playground", "Runs on")).select("cpu");
  await (await field(page, "playground", "Pace")).select("full");
  await page.click('.playground .cell[data-feature="xy"]');
  await page.waitForSelector('.playground .cell[data-feature="xy"][aria-pressed="true"]');
  await page.click(".playground .depth button:last-child");
  await page.waitForFunction(() => document.querySelectorAll(".playground .column").length === 5);
  await addressHas(page, "engine=cpu", "pace=full", "features=x,y,xy", "layers=6,4,4");
  await stateIs(page, "playground", "ready");
  await page.reload();
  await stateIs(page, "playground", "ready");
  await page.waitForFunction(() => /CPU|reference/.test(document.querySelector(".playground .status")!.textContent));
  await valueIs(page, "playground", "Pace", "full");
  expect(
    await page.$$eval('.playground .cell[aria-pressed="true"]', (cells) => cells.map((cell) => (cell as HTMLElement).dataset.feature)),
  ).toEqual(["x", "y", "xy"]);
  expect(await page.$$eval(".playground .column", ({ length }) => length)).toBe(5);
  await page.close();
});

it("keeps the visitor's own points, no more than there may be", async () => {
  const page = await opened("#playground");
  await page.$eval('.playground input[value="own"]', (input) => input.click());
  await stateIs(page, "playground", "empty");
  await page.focus(".playground .overlay");
  for (const keys of [
    ["ArrowRight", "ArrowRight", "ArrowRight", "Enter", "ArrowUp", "Enter", "c"],
    ["ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft", "Enter", "ArrowDown", "Enter"],
  ]) {
    for (const key of keys) await page.keyboard.press(key as "Enter");
  }
  await addressHas(page, "problem=own", "points=10.0.1,10.5.1,-10.5.0,-10.0.0");
  await stateIs(page, "playground", "ready");
  await page.reload();
  await stateIs(page, "playground", "ready");
  expect(await page.$eval(".playground .overlay", (map) => map.getAttribute("aria-label"))).toContain(
    "2 points to learn from, 2 to test with",
  );
  await page.close();
  const many = Array.from({ length: 200 }, (_, i) => `${(i % 99) - 49}.${Math.floor(i / 4) - 25}.${i % 2}`).join(",");
  const full = await opened(`#playground?problem=own&points=${many}`);
  await full.focus(".playground .overlay");
  await full.keyboard.press("Enter");
  await full.waitForFunction(() => /^At most 200 points/.test(document.querySelector(".notice p")!.textContent));
  await addressHas(full, `points=${many}`);
  await full.close();
});

it("does not begin again for what can change while it learns, nor for another tab of the page", async () => {
  const page = await opened("#playground");
  await page.click("#playground-step");
  await stepsAre(page, "playground", 1);
  const before = await address(page),
    slider = await field(page, "playground", "Learning rate η"),
    rate = await slider.evaluate(({ value }) => value);
  await slider.press("ArrowRight");
  await page.waitForFunction((was) => location.hash !== was, { polling: 50 }, before);
  await page.goBack();
  await page.waitForFunction((input, was) => input.value === was, { polling: 50 }, slider, rate);
  expect(await address(page)).toBe(before);
  await page.click('#rooms a[href="#text"]');
  await stateIs(page, "text", "ready");
  await addressHas(page, "temperature=0.6");
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("#rooms a[aria-current]")!.getAttribute("href") === "#playground");
  expect(await address(page)).toBe(before);
  await stepsAre(page, "playground", 1);
  // Control: what needs another network begins again.
  await page.click("#playground-step");
  await stepsAre(page, "playground", 2);
  await type(page, "playground", "Seed", "8");
  await stepsAre(page, "playground", 0);
  await page.close();
});

it("holds no weights, and takes the place of a link that is wrong", async () => {
  const page = await opened("#playground?layers=3");
  await addressHas(page, "layers=3", "seed=1", "problem=xor");
  const before = await address(page);
  await page.click("#playground-step");
  await stepsAre(page, "playground", 1);
  expect(await address(page)).toBe(before);
  await page.evaluate(() => {
    location.hash = "#playground?layers=99";
  });
  await page.waitForFunction(
    (was) => /layers/.test(document.querySelector(".notice p")!.textContent) && location.hash === was,
    { polling: 50 },
    before,
  );
  await stepsAre(page, "playground", 1);
  await page.close();
  const fresh = await opened("#digits?layers=0");
  await addressHas(fresh, "layers=128", "seed=1");
  await fresh.close();
});

it("follows a slider that is dragged as one change", async () => {
  const page = await opened("#playground");
  const entries = await page.evaluate(() => history.length),
    slider = await field(page, "playground", "Learning rate η");
  const last = await slider.evaluate((input) => {
    for (let i = 0; i < 20; i++) {
      input.stepUp();
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
    return input.closest(".control")!.querySelector("output")!.textContent;
  });
  await addressHas(page, `rate=${last}`);
  expect(await page.evaluate(() => history.length)).toBe(entries + 1);
  await page.close();
});
