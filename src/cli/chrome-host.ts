// Runs the job in headless Chrome: serves it the page, the library and the data, and brings the results back.

import { readdir, readFile } from "node:fs/promises";
import type { Browser, Page } from "puppeteer";
import { GpuError } from "../errors.ts";
import { decodeSafetensors } from "../formats/safetensors.ts";
import type { CheckpointStore } from "../index.ts";
import type { Say } from "./browser-install.ts";
import type { JobHost } from "./fit-events.ts";
import type { HostOf, Job, JobKind, ResultOf } from "./jobs.ts";
import { launchBrowser } from "./launch.ts";
import { BYTES, startPageServer, type PageServer, type Served, type Taker } from "./page-server.ts";
import {
  DONE_FUNCTION,
  EVENT_FUNCTION,
  FAILED_FUNCTION,
  fromJson,
  fromSent,
  pack,
  PATHS,
  STOP_FUNCTION,
  type ErrorMessage,
} from "./protocol.ts";
import { within } from "./within.ts";

const HTML =
  '<!doctype html><meta charset="utf-8"><title>deltaprop</title><link rel="icon" href="data:,">' +
  '<script type="module" src="page.js"></script>';

/** The page and the library, which lie beside this file (dist/) as the build cuts them; this command is no part of them. */
async function builtScripts(): Promise<Map<string, Buffer>> {
  const folder = new URL(".", import.meta.url),
    names = (await readdir(folder)).filter((name) => name.endsWith(".js") && name !== "cli.js");
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(new URL(name, folder))] as const)));
}

async function answersFor(job: Job, store: CheckpointStore | undefined): Promise<Map<string, Served>> {
  const { json, arrays } = pack(job);
  const saved = (name: string) => async () => {
    const body = await store!.read(name);
    return body && { type: BYTES, body };
  };
  return new Map<string, Served>([
    ["", { type: "text/html; charset=utf-8", body: HTML }],
    ...[...(await builtScripts())].map(([name, body]) => [name, { type: "text/javascript; charset=utf-8", body }] as const),
    [PATHS.job, { type: "application/json", body: json }],
    ...arrays.map((body, at) => [PATHS.array(at), { type: BYTES, body }] as const),
    ...(store ? PATHS.checkpoints.map((name) => [name, saved(name)] as const) : []),
  ]);
}

const stopInPage = (name: string) => (globalThis as unknown as Record<string, (() => void) | undefined>)[name]?.();

const WARNING = "deltaprop: ";

/** The weights do not travel with it: they are posted as safetensors. */
type ResultWithoutWeights<K extends JobKind> = Omit<ResultOf<K>, "weights">;

/** For the page to open, in a browser that has started. */
const OPEN_MILLIS = 60_000;

const late = () =>
  new GpuError(
    `The browser has not opened the page that trains within ${OPEN_MILLIS / 1000} s. Start it again, or set ` +
      "PUPPETEER_EXECUTABLE_PATH to another browser.",
  );

interface Ends<K extends JobKind> {
  readonly finish: (outcome: ResultWithoutWeights<K>) => void;
  readonly fail: (error: Error) => void;
}

async function openPage<K extends JobKind>(
  browser: Browser,
  server: PageServer,
  host: HostOf<K>,
  say: Say,
  { finish, fail }: Ends<K>,
): Promise<Page> {
  const page = await browser.newPage();
  page.on("error", (error) =>
    fail(
      new GpuError(`The page that trains has crashed (${error.message}). ` + `It may have run out of memory: try fewer or smaller layers.`),
    ),
  );
  // What the library says there is for the user; what Chrome says is not.
  page.on("console", (message) => {
    if (message.text().startsWith(WARNING)) say(message.text());
  });
  page.on("pageerror", (error) => fail(new Error(`in the page: ${String(error)}`)));
  browser.on("disconnected", () => fail(new GpuError("The browser has ended before the training did. Start it again.")));
  await page.exposeFunction(EVENT_FUNCTION, (json: string) => (host as JobHost<unknown>).emit(fromJson(json)));
  await page.exposeFunction(DONE_FUNCTION, (json: string) => finish(fromJson(json) as ResultWithoutWeights<K>));
  await page.exposeFunction(FAILED_FUNCTION, (json: string) => fail(fromSent(fromJson(json) as ErrorMessage)));
  await page.goto(server.url, { timeout: OPEN_MILLIS });
  return page;
}

/** Opens the page and settles when its job ends, it fails, it crashes, the browser goes away, or a stop comes before it is open. */
async function outcomeOf<K extends JobKind>(
  browser: Browser,
  server: PageServer,
  host: HostOf<K>,
  say: Say,
): Promise<ResultWithoutWeights<K>> {
  let finish!: Ends<K>["finish"], fail!: Ends<K>["fail"];
  const outcome = new Promise<ResultWithoutWeights<K>>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  outcome.catch(() => {}); // a failure while the page still opens is reported by the await below
  const { signal } = host,
    opening = openPage(browser, server, host, say, { finish, fail });
  const page = await within(opening, { millis: OPEN_MILLIS, late, signal });
  const stop = () => {
    page.evaluate(stopInPage, STOP_FUNCTION).catch(fail);
  };
  signal.addEventListener("abort", stop);
  try {
    return await outcome;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** A browser that hangs does not close by being asked. */
const CLOSE_MILLIS = 5000;

async function close(browser: Browser): Promise<void> {
  await within(browser.close(), { millis: CLOSE_MILLIS, late: () => new Error("The browser does not close.") }).catch(() =>
    browser.process()?.kill("SIGKILL"),
  );
}

/**
 * @throws UnsupportedError if no browser can be had, GpuError if the page or the browser dies or does not open, the reason of the
 *   host's signal if that comes before the page is open, and whatever the job throws in the page
 */
export async function runInChrome<K extends JobKind>(job: Job<K>, host: HostOf<K>, say: Say): Promise<ResultOf<K>> {
  const browser = await launchBrowser(say, { signal: host.signal });
  const { store } = host as JobHost<unknown>;
  let weights: Uint8Array | null = null;
  const server = await startPageServer(
    await answersFor(job, store),
    new Map<string, Taker>([
      [
        PATHS.weights,
        (body) => {
          weights = body;
        },
      ],
      ...(store ? PATHS.checkpoints.map((name) => [name, (body: Uint8Array<ArrayBuffer>) => store.write(name, body)] as const) : []),
    ]),
  );
  try {
    const outcome = await outcomeOf<K>(browser, server, host, say);
    if (weights === null) throw new Error("The page ended without its weights.");
    return { ...outcome, weights: decodeSafetensors(weights, "weights from the page").tensors } as unknown as ResultOf<K>;
  } finally {
    await close(browser);
    server.close();
  }
}
