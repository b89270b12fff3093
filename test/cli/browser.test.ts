// Where browsers are looked for on each system, and what a wrong path says.

import { afterEach, expect, it, vi } from "vitest";
import { findBrowser, usualPaths } from "../../src/cli/browser.ts";
import { UnsupportedError } from "../../src/errors.ts";

afterEach(() => vi.unstubAllEnvs());

it("looks on Linux along PATH, Chrome before Chromium before Edge, then in the usual folders", () => {
  const paths = usualPaths("linux", { PATH: "/opt/bin" }, "/home/me");
  expect(paths[0]).toBe("/opt/bin/google-chrome-stable");
  expect(paths.indexOf("/usr/bin/chromium")).toBeLessThan(paths.indexOf("/usr/bin/microsoft-edge"));
  expect(new Set(paths).size).toBe(paths.length);
});

it("looks on macOS in the system's and the user's applications", () => {
  const paths = usualPaths("darwin", {}, "/Users/me");
  expect(paths).toContain("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
  expect(paths).toContain("/Users/me/Applications/Chromium.app/Contents/MacOS/Chromium");
});

it("looks on Windows in the program folders that are there", () => {
  const folders = { ProgramFiles: "C:\\Program Files", LOCALAPPDATA: "C:\\Users\\me\\AppData\\Local" };
  const paths = usualPaths("win32", folders, "C:\\Users\\me");
  expect(paths).toContain("C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe");
  expect(paths).toContain("C:\\Users\\me\\AppData\\Local\\Chromium\\Application\\chrome.exe");
  expect(paths).toHaveLength(6);
});

it("refuses a given path that is not there, in a sentence, rather than take another browser", async () => {
  vi.stubEnv("PUPPETEER_EXECUTABLE_PATH", "/nowhere/chrome");
  await expect(findBrowser(() => {})).rejects.toThrow(UnsupportedError);
  await expect(findBrowser(() => {})).rejects.toThrow("got /nowhere/chrome, which does not exist");
});

it.runIf(process.platform === "linux")("refuses a given program that does not start", async () => {
  vi.stubEnv("PUPPETEER_EXECUTABLE_PATH", "/bin/false");
  await expect(findBrowser(() => {})).rejects.toThrow("which does not.");
});
