// Launches the browser that browser.ts found, headless, with WebGPU on and everything that calls home off.

import type { Browser } from "puppeteer";
import { UnsupportedError } from "../errors.ts";
import { findBrowser } from "./browser.ts";
import type { Say } from "./browser-install.ts";
import { importPuppeteer } from "./optional.ts";

/** Puppeteer's own flags already stop background networking, sync, first-run pages and timer throttling. */
const FLAGS = [
  "--enable-unsafe-webgpu", "--disable-quic", "--disable-component-update",
  // For machines that need more, such as a Linux server whose GPU is reached only with --enable-features=Vulkan.
  ...(process.env.DELTAPROP_BROWSER_FLAGS ?? "").split(/\s+/).filter(Boolean),
];
/** Chrome refuses its sandbox to root; containers and some Linuxes refuse it to everyone, which only starting it tells. */
const WITHOUT_SANDBOX = [...FLAGS, "--no-sandbox"];
const runsAsRoot = () => process.platform === "linux" && process.getuid?.() === 0;

const notStarted = (path: string, error: unknown) =>
  new UnsupportedError(`The browser ${path} does not start (${(error as Error).message}). Run it by hand with --headless ` +
    "to see why, or set PUPPETEER_EXECUTABLE_PATH to another one.");

/**
 * A headless browser in its own process group: Ctrl-C is left to the caller.
 * @param without which of Puppeteer's own flags to leave out
 * @throws UnsupportedError if there is no browser, or it does not start
 */
export async function launchBrowser(say: Say, without: readonly string[] = []): Promise<Browser> {
  const puppeteer = await importPuppeteer();
  const executablePath = await findBrowser(say);
  const launch = (flags: string[]) => puppeteer.launch({
    executablePath, headless: true, args: flags, ignoreDefaultArgs: [...without], protocolTimeout: 0,
    // Over a pipe the browser ends when this process does, however that happens.
    pipe: true, handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false,
  });
  const fail = (error: unknown) => { throw notStarted(executablePath, error); };
  if (runsAsRoot()) return launch(WITHOUT_SANDBOX).catch(fail);
  return launch(FLAGS).catch((error: unknown) => {
    if (process.platform !== "linux") return fail(error);
    say("The browser does not start in its sandbox here; starting it without. It opens deltaprop's own page only.");
    return launch(WITHOUT_SANDBOX).catch(fail);
  });
}
