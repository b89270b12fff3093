// Launches the browser that browser.ts found, headless, with WebGPU on and everything that calls home off.

import type { Browser } from "puppeteer";
import { UnsupportedError } from "../errors.ts";
import { findBrowser } from "./browser.ts";
import type { Say } from "./browser-install.ts";
import { importPuppeteer } from "./optional.ts";
import { cleanProfiles, openProfile } from "./profiles.ts";
import { within } from "./within.ts";

/** Puppeteer's own flags already stop background networking, sync, first-run pages and timer throttling. */
const FLAGS = [
  "--enable-unsafe-webgpu",
  "--disable-quic",
  "--disable-component-update",
  // For machines that need more, such as a Linux server whose GPU is reached only with --enable-features=Vulkan.
  ...(process.env.DELTAPROP_BROWSER_FLAGS ?? "").split(/\s+/).filter(Boolean),
];
/** Chrome refuses its sandbox to root; containers and some Linuxes refuse it to everyone, which only starting it tells. */
const WITHOUT_SANDBOX = [...FLAGS, "--no-sandbox"];
const runsAsRoot = () => process.platform === "linux" && process.getuid?.() === 0;

const notStarted = (path: string, error: unknown) =>
  new UnsupportedError(
    `The browser ${path} does not start (${(error as Error).message}). Run it by hand with --headless ` +
      "to see why, or set PUPPETEER_EXECUTABLE_PATH to another one.",
  );

/** A machine that is busy takes a while; one that takes longer hangs. */
const START_MILLIS = 60_000;

const hangs = (path: string, millis: number) =>
  new UnsupportedError(
    `The browser ${path} has not answered within ${millis / 1000} s of its start. Run it by hand with --headless to see ` +
      "why, or set PUPPETEER_EXECUTABLE_PATH to another one.",
  );

export interface LaunchOptions {
  /** Which of Puppeteer's own flags to leave out. */
  readonly without?: readonly string[];
  /** Ends the start, and the browser with it; a browser that has started is left to the caller. */
  readonly signal?: AbortSignal;
  /** Longest wait for its first answer. Default 60,000. */
  readonly millis?: number;
}

async function start(path: string, flags: string[], { without = [], signal, millis = START_MILLIS }: LaunchOptions): Promise<Browser> {
  const puppeteer = await importPuppeteer(),
    profile = await openProfile(),
    killer = new AbortController();
  const launching = puppeteer.launch({
    executablePath: path,
    headless: true,
    args: flags,
    ignoreDefaultArgs: [...without],
    protocolTimeout: 0,
    userDataDir: profile.folder,
    // Over a pipe the browser ends when this process does, however that happens.
    pipe: true,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    signal: killer.signal,
  });
  try {
    const browser = await within(launching, { millis, late: () => hangs(path, millis), signal });
    process.once("exit", profile.remove);
    browser.process()?.once("exit", () => {
      process.off("exit", profile.remove);
      profile.remove();
    });
    return browser;
  } catch (error) {
    killer.abort();
    profile.remove();
    throw error;
  }
}

/**
 * A headless browser in its own process group: Ctrl-C is left to the caller. Its profile is its own and goes with it.
 * @throws UnsupportedError if there is no browser, it does not start, or it hangs; the signal's reason
 */
export async function launchBrowser(say: Say, options: LaunchOptions = {}): Promise<Browser> {
  const { signal } = options;
  await importPuppeteer();
  const path = await within(findBrowser(say, signal), { millis: Infinity, late: () => new Error(), signal });
  await cleanProfiles();
  const isFinal = (error: unknown) => error instanceof UnsupportedError || signal?.aborted;
  const fail = (error: unknown) => {
    throw isFinal(error) ? error : notStarted(path, error);
  };
  if (runsAsRoot()) return start(path, WITHOUT_SANDBOX, options).catch(fail);
  return start(path, FLAGS, options).catch((error: unknown) => {
    if (process.platform !== "linux" || isFinal(error)) return fail(error);
    say("The browser does not start in its sandbox here; starting it without. It opens deltaprop's own page only.");
    return start(path, WITHOUT_SANDBOX, options).catch(fail);
  });
}
