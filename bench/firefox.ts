// Finds an installed Firefox and launches it headless with WebGPU on. Puppeteer drives it by WebDriver BiDi.

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { Browser } from "puppeteer";
import { UnsupportedError } from "../src/errors.ts";
import { importPuppeteer } from "../src/cli/optional.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where Firefox usually lies. */
export function firefoxPaths(platform: NodeJS.Platform, env: Environment, home: string): string[] {
  if (platform === "win32") {
    return [env.ProgramFiles, env["ProgramFiles(x86)"], env.LOCALAPPDATA]
      .filter((root) => root !== undefined)
      .map((root) => `${root}\\Mozilla Firefox\\firefox.exe`);
  }
  if (platform === "darwin") {
    return ["/Applications", `${home}/Applications`].map((root) => `${root}/Firefox.app/Contents/MacOS/firefox`);
  }
  const folders = [...(env.PATH ?? "").split(delimiter), "/usr/bin", "/usr/local/bin", "/snap/bin"].filter(Boolean);
  return [...new Set(["firefox", "firefox-esr"].flatMap((name) => folders.map((folder) => join(folder, name))))];
}

/** WebGPU is off in Firefox on Linux unless asked for, and software adapters are on its blocklist. */
const PREFERENCES = {
  "dom.webgpu.enabled": true,
  "gfx.webgpu.ignore-blocklist": true,
  // A page in the background would have its timers throttled, as far as it has any.
  "dom.min_background_timeout_value": 4,
};

/** @throws UnsupportedError if none is installed or it does not start */
export async function launchFirefox(): Promise<Browser> {
  const given = process.env.DELTAPROP_FIREFOX;
  const executablePath = given ?? firefoxPaths(process.platform, process.env, homedir()).find(existsSync);
  if (executablePath === undefined || !existsSync(executablePath)) {
    throw new UnsupportedError(
      `${given === undefined ? "No Firefox was found" : `There is no ${given}`}. ` +
        "Install Firefox 141 or later, or set DELTAPROP_FIREFOX to its path.",
    );
  }
  const puppeteer = await importPuppeteer();
  try {
    return await puppeteer.launch({
      browser: "firefox",
      executablePath,
      headless: true,
      protocolTimeout: 0,
      extraPrefsFirefox: PREFERENCES,
    });
  } catch (error) {
    throw new UnsupportedError(`The browser ${executablePath} does not start (${(error as Error).message}).`);
  }
}
