// Finds a browser with WebGPU, or gets one: a path from the environment, what is installed, what Puppeteer has
// downloaded before, a download, Debian's package. Used by the command line and by the tests; launches nothing itself.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, posix, win32 } from "node:path";
import { UnsupportedError } from "../errors.ts";
import { canUseApt, downloadChrome, installChromium, installLibraries, type Browsers, type Say } from "./browser-install.ts";
import { resolveOptional } from "./optional.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const LINUX_NAMES = ["google-chrome-stable", "google-chrome", "chromium", "chromium-browser", "microsoft-edge-stable", "microsoft-edge"];
const MAC_NAMES = ["Google Chrome", "Chromium", "Microsoft Edge"];
const WINDOWS_PATHS = [
  "Google\\Chrome\\Application\\chrome.exe",
  "Chromium\\Application\\chrome.exe",
  "Microsoft\\Edge\\Application\\msedge.exe",
];
const START_TIMEOUT_MILLIS = 20_000;

/** Where Chrome, Chromium and Edge usually lie, best first. Windows hands its program folders over in the environment. */
export function usualPaths(platform: NodeJS.Platform, env: Environment, home: string): string[] {
  if (platform === "win32") {
    const roots = [env.ProgramFiles, env["ProgramFiles(x86)"], env.LOCALAPPDATA].filter((root) => root !== undefined);
    return WINDOWS_PATHS.flatMap((path) => roots.map((root) => win32.join(root, path)));
  }
  if (platform === "darwin") {
    return MAC_NAMES.flatMap((name) =>
      ["/", home].map((root) => posix.join(root, "Applications", `${name}.app`, "Contents", "MacOS", name)),
    );
  }
  const folders = [...(env.PATH ?? "").split(delimiter), "/usr/bin", "/usr/local/bin", "/snap/bin"].filter(Boolean);
  const paths = LINUX_NAMES.flatMap((name) => folders.map((folder) => posix.join(folder, name)));
  return [...new Set([...paths, "/opt/google/chrome/chrome", "/opt/microsoft/msedge/msedge"])];
}

/**
 * Whether the program starts. On Ubuntu a file named chromium-browser may only say "install the snap", and a downloaded
 * Chrome may lack shared libraries; elsewhere browsers bring what they need, and on Windows --version opens a window.
 */
async function starts(path: string, signal?: AbortSignal): Promise<boolean> {
  signal?.throwIfAborted();
  if (!existsSync(path)) return false;
  if (process.platform !== "linux") return true;
  const found = await new Promise<boolean>((resolve) => {
    // One that hangs may not heed a gentler signal (which is what execFile's own `signal` would send).
    const child = execFile(path, ["--version"], { timeout: START_TIMEOUT_MILLIS, killSignal: "SIGKILL" }, (error, output) => {
      signal?.removeEventListener("abort", stop);
      resolve(error === null && /\d+\.\d+/.test(output));
    });
    const stop = () => child.kill("SIGKILL");
    signal?.addEventListener("abort", stop);
  });
  signal?.throwIfAborted();
  return found;
}

async function firstThatStarts(paths: readonly string[], signal?: AbortSignal): Promise<string | null> {
  for (const path of paths) if (await starts(path, signal)) return path;
  return null;
}

/** @puppeteer/browsers belongs to puppeteer, so it is looked up from there: it need not lie beside this package. */
function puppeteerBrowsers(): Browsers {
  const { require } = resolveOptional("puppeteer", "puppeteer");
  return require("@puppeteer/browsers") as Browsers;
}

const cacheFolder = () => process.env.PUPPETEER_CACHE_DIR ?? join(homedir(), ".cache", "puppeteer");

async function downloadedBefore(browsers: Browsers, signal?: AbortSignal): Promise<string | null> {
  const found = await browsers.getInstalledBrowsers({ cacheDir: cacheFolder() }).catch(() => []);
  const newestFirst = found
    .filter(({ browser }) => browser === browsers.Browser.CHROME)
    .sort((a, b) => b.buildId.localeCompare(a.buildId, "en", { numeric: true }));
  return firstThatStarts(
    newestFirst.map(({ executablePath }) => executablePath),
    signal,
  );
}

/** A downloaded Chrome, with the shared libraries that it needs where those can be installed. */
async function getByDownload(browsers: Browsers, say: Say, signal?: AbortSignal): Promise<string | null> {
  const chrome = await downloadChrome(browsers, cacheFolder(), say);
  if (chrome === null || (await starts(chrome.executablePath, signal))) return chrome?.executablePath ?? null;
  if (!canUseApt()) {
    say("The downloaded Chrome does not start: this system lacks shared libraries that it needs.");
    return null;
  }
  await installLibraries(browsers, chrome, cacheFolder(), say);
  return (await starts(chrome.executablePath, signal)) ? chrome.executablePath : null;
}

/**
 * The path of a browser that can be launched; may download or install one, which `say` tells the user.
 * @param signal ends the search with its reason, between downloads and while a browser is tried
 * @throws UnsupportedError in one sentence saying what to install
 */
export async function findBrowser(say: Say, signal?: AbortSignal): Promise<string> {
  const given = process.env.PUPPETEER_EXECUTABLE_PATH;
  if (given) {
    if (await starts(given, signal)) return given;
    throw new UnsupportedError(
      `PUPPETEER_EXECUTABLE_PATH must name a browser that starts; got ${given}, which ` +
        `${existsSync(given) ? "does not" : "does not exist"}. Correct it, or unset it to have a browser looked for.`,
    );
  }
  const installed = await firstThatStarts(usualPaths(process.platform, process.env, homedir()), signal);
  if (installed !== null) return installed;
  const browsers = puppeteerBrowsers();
  const gotten = (await downloadedBefore(browsers, signal)) ?? (await getByDownload(browsers, say, signal));
  if (gotten !== null) return gotten;
  if (canUseApt() && (await installChromium(say))) {
    const chromium = await firstThatStarts(usualPaths(process.platform, process.env, homedir()), signal);
    if (chromium !== null) return chromium;
  }
  throw new UnsupportedError(
    "No browser was found and none could be downloaded: install Google Chrome, Chromium or " +
      "Microsoft Edge, or set PUPPETEER_EXECUTABLE_PATH to one.",
  );
}
