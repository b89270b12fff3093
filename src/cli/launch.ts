// Launches the browser that browser.ts found, headless, with WebGPU on and everything that calls home off.

import type { Browser } from "puppeteer";
import { findBrowser, type Say } from "./browser.ts";
import { importPuppeteer } from "./optional.ts";

/** Puppeteer's own flags already stop background networking, sync, first-run pages and timer throttling. */
const FLAGS = ["--enable-unsafe-webgpu", "--disable-quic", "--disable-component-update"];
const NO_SANDBOX = "--no-sandbox";

/** Chrome refuses its sandbox to root, and containers and some Linuxes refuse it to everyone. */
const needsNoSandbox = () => process.platform === "linux" && process.getuid?.() === 0;

/**
 * A headless browser in its own process group: Ctrl-C is left to the caller.
 * @throws UnsupportedError if there is no browser; Puppeteer's error if it does not start
 */
export async function launchBrowser(say: Say): Promise<Browser> {
  const puppeteer = await importPuppeteer();
  const executablePath = await findBrowser(say);
  const launch = (flags: string[]) => puppeteer.launch({
    executablePath, headless: true, args: flags, protocolTimeout: 0,
    // Over a pipe the browser ends when this process does, however that happens.
    pipe: true, handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false,
  });
  if (needsNoSandbox()) return launch([...FLAGS, NO_SANDBOX]);
  return launch(FLAGS).catch(async (error: unknown) => {
    if (!/sandbox/i.test(String(error))) throw error;
    say("The browser's sandbox is not available here; starting it without. It only runs deltaprop's own page.");
    return launch([...FLAGS, NO_SANDBOX]);
  });
}
