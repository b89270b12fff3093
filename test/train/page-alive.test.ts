// A page stays alive while it trains: no task of its thread takes over 50 ms, by the browser's own count of long tasks. The library as
// it is built, in a page of its own.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { builtLibrary, ROOT, servedPage, type ServedPage } from "../support/served-page.ts";

/** What the page's train() gives. */
interface Ran {
  readonly tasks: number[];
  readonly batches: number;
  readonly seconds: number;
}

/** A task is as long as it takes, and longer where other programs have the processors: what the library needs is seen in the best round. */
const ROUNDS = 4;

let served: ServedPage;
beforeAll(async () => {
  const script = readFileSync(`${ROOT}test/train/page-alive-page.js`, "utf8");
  served = await servedPage(new Map([...(await builtLibrary()), ["page-alive-page.js", script]]), "page-alive-page.js", {});
  await served.page.waitForFunction("globalThis.train !== undefined");
}, 60_000);
afterAll(() => served?.close());

const inPage = <T>(call: string): Promise<T> => served.page.evaluate(call) as Promise<T>;

it("control: a busy loop of 80 ms is seen, one of 20 ms is not", async () => {
  expect((await inPage<number[]>("busy(80)")).some((duration) => duration >= 80)).toBe(true);
  const calm: number[][] = [];
  for (let round = 0; round < ROUNDS && !calm.some(({ length }) => length === 0); round++) calm.push(await inPage("busy(20)"));
  expect(calm.at(-1)).toEqual([]);
});

it.each([
  ["fit", "wide"],
  ["fit", "tiny"],
  ["trainInWorker", "wide"],
  ["trainInWorker", "tiny"],
])("%s() of a %s network: no long task", async (by, network) => {
  const epochs = network === "wide" ? 4 : 12,
    tasks: number[][] = [];
  for (let round = 0; round < ROUNDS && !tasks.some(({ length }) => length === 0); round++) {
    const ran = await inPage<Ran>(`train(${JSON.stringify({ by, network, epochs })})`);
    expect(ran.batches).toBe(epochs * Math.ceil(1800 / 32));
    tasks.push(ran.tasks);
  }
  expect(tasks.at(-1), `of ${tasks.length} rounds: ${JSON.stringify(tasks)}`).toEqual([]);
});
