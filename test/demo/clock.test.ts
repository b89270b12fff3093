// The playground's clock as a visitor uses it: the pace, the step 0 of a reset, and looking back.

import type { Page } from "puppeteer";
import { expect, it } from "vitest";
import { useDemo } from "../support/use-demo.ts";

const demo = useDemo();

const stateIs = (page: Page, state: string, room = "playground") => page.waitForSelector(`.${room} .transport[data-state="${state}"]`);
const idOf = (page: Page, label: string) =>
  page.$$eval("label", (labels, text) => labels.find(({ textContent }) => textContent === text)!.htmlFor, label);

/** The room, with every picture that it shows noted: its step, and the accuracy on the test points. */
async function opened(room = "playground"): Promise<Page> {
  const page = await demo.open(`#${room}`, (fresh) =>
    fresh.evaluateOnNewDocument(() => {
      localStorage.clear();
      localStorage.setItem("deltaprop.language", "en");
    }),
  );
  await stateIs(page, "ready", room);
  await page.evaluate((name) => {
    const pictures: { steps: number; accuracy: number }[] = [],
      host = document.querySelector<HTMLElement>(`.${name} .transport`)!;
    Object.assign(globalThis, { pictures });
    new MutationObserver(() => pictures.push({ steps: Number(host.dataset.steps), accuracy: Number(host.dataset.accuracy) })).observe(
      host,
      { attributeFilter: ["data-steps"] },
    );
  }, room);
  return page;
}
type Pictures = readonly { steps: number; accuracy: number }[];
const pictures = (page: Page) =>
  page.evaluate(() => [...new Map((globalThis as unknown as { pictures: Pictures }).pictures.map((one) => [one.steps, one])).values()]);
const stepsReach = (page: Page, steps: number, room = "playground") =>
  page.waitForFunction(
    (name, least) => Number((document.querySelector(`.${name} .transport`) as HTMLElement).dataset.steps) >= least,
    { polling: 50 },
    room,
    steps,
  );
const differences = (all: Pictures) => all.slice(1).map(({ steps }, i) => steps - all[i].steps);

async function pause(page: Page): Promise<void> {
  await page.click("#playground-run");
  await stateIs(page, "paused");
}

it("learns slowly enough to be watched, at first", async () => {
  const page = await opened();
  await page.click("#playground-run");
  await page.waitForFunction(() => Number((document.querySelector(".playground .transport") as HTMLElement).dataset.accuracy) > 0.97, {
    polling: 50,
  });
  await pause(page);
  const seen = await pictures(page),
    solved = seen.findIndex(({ accuracy }) => accuracy > 0.97);
  expect(solved).toBeGreaterThan(8);
  expect(new Set(differences(seen.slice(0, solved)))).toEqual(new Set([10]));
  await page.close();
});

it.each([
  ["step", 1],
  ["slow", 10],
] as const)("makes as many steps a picture as its pace says: %s", async (pace, steps) => {
  const page = await opened();
  await page.select(`#${await idOf(page, "Pace")}`, pace);
  await page.click("#playground-run");
  await stepsReach(page, 12 * steps);
  await pause(page);
  // The pause may have cut the last one short.
  expect(new Set(differences(await pictures(page)).slice(0, -1))).toEqual(new Set([steps]));
  // Control: at full speed there are more of them, also when it is chosen in the middle.
  await page.click("#playground-run");
  await stateIs(page, "running");
  await page.select(`#${await idOf(page, "Pace")}`, "full");
  await page.waitForFunction(
    () => {
      const seen = (globalThis as unknown as { pictures: Pictures }).pictures;
      return seen.some((one, i) => i > 0 && one.steps - seen[i - 1].steps > 20);
    },
    { polling: 50 },
  );
  await pause(page);
  await page.close();
});

it.each(["playground", "digits", "text"])("shows step 0 after a reset, and stays there (%s)", async (room) => {
  const page = await opened(room);
  const steps = () => page.$eval(`#${room}-steps`, ({ textContent }) => textContent);
  await page.click(`#${room}-run`);
  await page.waitForFunction(
    (name) => Number(document.getElementById(`${name}-steps`)!.textContent.replaceAll(",", "")) > 3,
    { polling: 50 },
    room,
  );
  await page.click(`#${room}-reset`);
  await stateIs(page, "ready", room);
  await page.waitForFunction((name) => document.getElementById(`${name}-steps`)!.textContent === "0", {}, room);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect([await steps(), await page.$eval(`#${room}-run`, ({ textContent }) => textContent)]).toEqual(["0", "Run"]);
  // Control: it can go on from there.
  await page.click(`#${room}-run`);
  await page.waitForFunction((name) => document.getElementById(`${name}-steps`)!.textContent !== "0", { polling: 50 }, room);
  await page.close();
});

/** What is drawn of the network and of its answers. */
const drawing = () =>
  JSON.stringify([
    document.querySelector<HTMLCanvasElement>(".playground .heat")!.toDataURL(),
    document.getElementById("playground-testLoss")!.textContent,
    [...document.querySelectorAll<HTMLCanvasElement>(".playground .column:not(.features) canvas")].map((canvas) => canvas.toDataURL()),
    [...document.querySelectorAll<SVGPathElement>(".playground .links path")].map(({ style }) => style.strokeWidth),
  ]);
const drawn = (page: Page, expected: string) => expect.poll(() => page.evaluate(drawing), { timeout: 20_000 }).toBe(expected);
/** Once it has not changed for a while. */
async function settled(page: Page, read: () => string = drawing): Promise<string> {
  let last = "",
    same = 0;
  while (same < 4) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const now = await page.evaluate(read);
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return last;
}
const seek = (page: Page, place: number) =>
  page.$eval(
    ".playground .scrubber",
    (range, value) => {
      (range as HTMLInputElement).value = String(value);
      range.dispatchEvent(new Event("input", { bubbles: true }));
    },
    place,
  );

it("looks back at the network as it was, and comes back to now", async () => {
  const page = await opened(),
    first = await settled(page);
  expect(await page.$eval(".playground .scrubber", (range) => (range as HTMLInputElement).disabled)).toBe(true);
  await page.click("#playground-run");
  await stepsReach(page, 60);
  await pause(page);
  const last = await settled(page),
    steps = await page.$eval("#playground-steps", ({ textContent }) => textContent);
  // Control: the two differ.
  expect(last).not.toBe(first);
  await seek(page, 0);
  await drawn(page, first);
  expect(await page.$eval("#playground-steps", ({ textContent }) => textContent)).toBe("0");
  expect(await page.$eval(".playground .timeline output", ({ textContent }) => textContent)).toBe(`step 0 of ${steps}`);
  // By keyboard one further.
  await page.focus(".playground .scrubber");
  await page.keyboard.press("ArrowRight");
  await page.waitForSelector('.playground .timeline[data-back="10"]');
  await page.click("#playground-now");
  await drawn(page, last);
  expect(await page.evaluate(() => document.activeElement?.className)).toBe("scrubber");
  expect(await page.$eval("#playground-steps", ({ textContent }) => textContent)).toBe(steps);
  // It goes on from the newest.
  await seek(page, 1);
  await page.click("#playground-step");
  await page.waitForFunction((text) => document.getElementById("playground-steps")!.textContent === String(Number(text) + 1), {}, steps);
  await page.close();
});

it("pauses the training to look back, and forgets what was with a reset", async () => {
  const page = await opened();
  await page.click("#playground-run");
  await stepsReach(page, 40);
  await seek(page, 1);
  await stateIs(page, "paused");
  expect(await page.$eval(".playground .timeline", (host) => (host as HTMLElement).dataset.back)).toBe("10");
  await page.click("#playground-reset");
  await page.waitForSelector('.playground .timeline[data-kept="1"]:not([data-back])');
  await page.close();
});

it("has a logarithmic axis of steps, which can be chosen", async () => {
  const page = await opened();
  await page.click("#playground-run");
  await stepsReach(page, 60);
  await pause(page);
  const plot = () => document.querySelector<HTMLCanvasElement>(".playground .plot canvas")!.toDataURL();
  const box = await page.evaluateHandle(() =>
    [...document.querySelectorAll(".playground .switch")]
      .find(({ textContent }) => textContent === "Logarithmic steps")!
      .querySelector("input")!,
  );
  expect(await box.evaluate(({ checked }) => checked)).toBe(true);
  const logarithmic = await settled(page, plot);
  await box.evaluate((input) => input.click());
  await expect.poll(() => page.evaluate(plot), { timeout: 20_000 }).not.toBe(logarithmic);
  await box.evaluate((input) => input.click());
  await expect.poll(() => page.evaluate(plot), { timeout: 20_000 }).toBe(logarithmic);
  await page.close();
});
