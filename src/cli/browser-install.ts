// Gets a browser where none is installed: Puppeteer's download of Chrome, and Debian's packages when run as root.
// Nothing here throws because the network is away; it says so and the next way is tried.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type * as PuppeteerBrowsers from "@puppeteer/browsers";

export type Browsers = typeof PuppeteerBrowsers;
/** Takes a line for the user. */
export type Say = (line: string) => void;

/** Neither asking for the version nor a stalled download may keep the user waiting longer than this. */
const STALL_MILLIS = 15_000;
const APT = "/usr/bin/apt-get";

/**
 * Rejects when `alive` has not been called for STALL_MILLIS, unless all bytes are there: unpacking takes its time.
 * What was running is left to fail by itself.
 */
async function unlessStalled<T>(work: (alive: (bytes?: number, total?: number) => void) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stalled = () => reject(new Error(`no answer for ${STALL_MILLIS / 1000} s`));
    let timer = setTimeout(stalled, STALL_MILLIS);
    const alive = (bytes = 0, total = Infinity) => {
      clearTimeout(timer);
      if (bytes < total) timer = setTimeout(stalled, STALL_MILLIS);
    };
    work(alive)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

/** Downloads the stable Chrome into Puppeteer's cache; null where there is none for this platform or no network. */
export async function downloadChrome(browsers: Browsers, cacheDir: string, say: Say): Promise<PuppeteerBrowsers.InstalledBrowser | null> {
  const platform = browsers.detectBrowserPlatform();
  if (platform === undefined) return null;
  const browser = browsers.Browser.CHROME,
    baseUrl = process.env.PUPPETEER_CHROME_DOWNLOAD_BASE_URL;
  try {
    say("No browser is installed. Downloading Chrome (about 150 MB, once) …");
    return await unlessStalled(async (alive) => {
      const buildId = process.env.PUPPETEER_CHROME_VERSION ?? (await browsers.resolveBuildId(browser, platform, "stable"));
      return browsers.install({ browser, buildId, platform, cacheDir, baseUrl, downloadProgressCallback: alive });
    });
  } catch (error) {
    const [reason] = (error as Error).message.split("\n").slice(-1);
    say(`Chrome could not be downloaded: ${reason.replace(/^[ -]+/, "")}`);
    return null;
  }
}

/** Debian and Ubuntu, as root. */
export const canUseApt = (): boolean => process.platform === "linux" && process.getuid?.() === 0 && existsSync(APT);

async function apt(...args: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(APT, args, { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
    child.on("error", () => resolve(false));
    child.on("exit", (code) => resolve(code === 0));
  });
}

/** Installs the shared libraries that a downloaded Chrome lists beside itself. */
export async function installLibraries(
  browsers: Browsers,
  chrome: PuppeteerBrowsers.InstalledBrowser,
  cacheDir: string,
  say: Say,
): Promise<void> {
  say("Installing the shared libraries that Chrome needs (apt-get) …");
  await apt("update");
  const { browser, buildId, platform } = chrome;
  await browsers.install({ browser, buildId, platform, cacheDir, installDeps: true }).catch((error: unknown) => {
    say(`The libraries could not be installed: ${(error as Error).message}`);
  });
}

/** Installs Debian's chromium. */
export async function installChromium(say: Say): Promise<boolean> {
  say("Installing chromium (apt-get install chromium) …");
  await apt("update");
  const installed = await apt("install", "-y", "--no-install-recommends", "chromium");
  if (!installed) say("chromium could not be installed with apt-get.");
  return installed;
}
