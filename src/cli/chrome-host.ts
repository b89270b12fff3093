// Runs the job in headless Chrome: serves it the page, the library and the digits, and brings the results back.

import { readFile } from "node:fs/promises";
import type { Browser, Page } from "puppeteer";
import { GpuError } from "../errors.ts";
import { decodeSafetensors, encodeSafetensors } from "../formats/safetensors.ts";
import type { Say } from "./browser-install.ts";
import type { JobData, JobEvent, JobHost, JobRequest, JobResult } from "./job.ts";
import { launchBrowser } from "./launch.ts";
import { BYTES, startPageServer, type Answer, type PageServer } from "./page-server.ts";
import {
  DONE_FUNCTION, EVENT_FUNCTION, FAILED_FUNCTION, fromJson, fromSent, PATHS, STOP_FUNCTION, toJson, type JobFile,
  type Outcome, type SentError,
} from "./protocol.ts";

const HTML = '<!doctype html><meta charset="utf-8"><title>deltaprop</title><link rel="icon" href="data:,">' +
  '<script type="module" src="page.js"></script>';

/** The page, and the library as the build cuts it. */
const SCRIPTS = ["page.js", "index.js", "shared.js", "float64.js", "streamed.js", "autotune.js", "resident.js", "recurrent.js"] as const;

/** The built files lie beside this one (dist/). */
const built = (name: string): Promise<Buffer> => readFile(new URL(name, import.meta.url));

async function answersFor(request: JobRequest, data: JobData): Promise<Map<string, Answer>> {
  const { train, test, weights } = data;
  const sizes = ({ rows, features }: JobData["train"]) => ({ rows, features });
  const file: JobFile = { request, train: sizes(train), test: sizes(test), hasWeights: weights !== null };
  const script = async (name: string) => ({ type: "text/javascript; charset=utf-8", body: await built(name) });
  const bytes = (body: Uint8Array) => ({ type: BYTES, body });
  return new Map<string, Answer>([
    ["", { type: "text/html; charset=utf-8", body: HTML }],
    ...await Promise.all(SCRIPTS.map(async (name) => [name, await script(`./${name}`)] as const)),
    [PATHS.job, { type: "application/json", body: toJson(file) }],
    [PATHS.trainImages, bytes(train.images)], [PATHS.trainLabels, bytes(train.labels)],
    [PATHS.testImages, bytes(test.images)], [PATHS.testLabels, bytes(test.labels)],
    ...(weights === null ? [] : [[PATHS.weightsIn, bytes(encodeSafetensors(weights))] as const]),
  ]);
}

const stopInPage = (name: string) => (globalThis as unknown as Record<string, (() => void) | undefined>)[name]?.();

/** Opens the page and settles when its job ends, it fails, it crashes, or the browser goes away. */
async function outcomeOf(page: Page, browser: Browser, server: PageServer, host: JobHost): Promise<Outcome> {
  let finish!: (outcome: Outcome) => void, fail!: (error: Error) => void;
  const outcome = new Promise<Outcome>((resolve, reject) => { finish = resolve; fail = reject; });
  outcome.catch(() => {}); // a failure while the page still opens is reported by the await below
  const stop = () => { page.evaluate(stopInPage, STOP_FUNCTION).catch(fail); };
  page.on("error", (error) => fail(new GpuError(`The page that trains has crashed (${error.message}). ` +
    `It may have run out of memory: try fewer or smaller layers.`)));
  page.on("pageerror", (error) => fail(new Error(`in the page: ${String(error)}`)));
  browser.on("disconnected", () => fail(new GpuError("The browser has ended before the training did. Start it again.")));
  await page.exposeFunction(EVENT_FUNCTION, (json: string) => host.emit(fromJson(json) as JobEvent));
  await page.exposeFunction(DONE_FUNCTION, (json: string) => finish(fromJson(json) as Outcome));
  await page.exposeFunction(FAILED_FUNCTION, (json: string) => fail(fromSent(fromJson(json) as SentError)));
  host.signal.addEventListener("abort", stop);
  try {
    await page.goto(server.url, { timeout: 60_000 });
    if (host.signal.aborted) stop();
    return await outcome;
  } finally {
    host.signal.removeEventListener("abort", stop);
  }
}

/**
 * @throws UnsupportedError if no browser can be had, GpuError if the page or the browser dies, and whatever the job
 *   throws in the page
 */
export async function runInChrome(request: JobRequest, data: JobData, host: JobHost, say: Say): Promise<JobResult> {
  const browser = await launchBrowser(say);
  const server = await startPageServer(await answersFor(request, data), [PATHS.weightsOut]);
  try {
    const outcome = await outcomeOf(await browser.newPage(), browser, server, host);
    const weights = server.posted.get(PATHS.weightsOut);
    if (weights === undefined) throw new Error("The page ended without its weights.");
    return { ...outcome, weights: decodeSafetensors(weights, "weights from the page").tensors };
  } finally {
    await browser.close().catch(() => {});
    server.close();
  }
}
