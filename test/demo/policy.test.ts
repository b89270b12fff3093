// The Content-Security-Policy of SECURITY.md: the built page breaks none of it, and it stops what it is there to stop.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "puppeteer";
import { build, preview, type PreviewServer } from "vite";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { CONTENT_SECURITY_POLICY, META_POLICY } from "../../demo/policy.ts";
import { launchBrowser } from "../../src/cli/launch.ts";
import { copyWithoutWebGpu } from "../support/demo-page.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

let outDir: string, server: PreviewServer, browser: Browser;
beforeAll(async () => {
  outDir = await mkdtemp(`${tmpdir()}/deltaprop-policy-`);
  const options = { configFile: `${ROOT}/demo/vite.config.ts`, logLevel: "error", build: { outDir, emptyOutDir: true } } as const;
  await build(options);
  server = await preview({ ...options, preview: { port: 0, host: "127.0.0.1" } });
  browser = await launchBrowser((line) => console.log(line));
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(outDir, { recursive: true, force: true });
});

/** A page that writes down what the policy stopped in it; workers have the policy of their own answer. */
async function open(path = "", from = server): Promise<{ page: Page; stopped: () => Promise<string[]>; policies: string[] }> {
  const page = await browser.newPage(),
    policies: string[] = [];
  // What is looked up anew may come with no header but that nothing has changed.
  await page.setCacheEnabled(false);
  page.on("response", (response) => void policies.push(response.headers()["content-security-policy"] ?? "none"));
  page.on("console", (message) => {
    if (/Content Security Policy/i.test(message.text())) policies.push(message.text());
  });
  await page.evaluateOnNewDocument(() => {
    const stopped: string[] = [];
    Object.assign(globalThis, { stopped });
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => stopped.push(effectiveDirective));
  });
  await page.goto(from.resolvedUrls!.local[0] + path);
  return { page, policies, stopped: () => page.evaluate(() => (globalThis as unknown as { stopped: string[] }).stopped) };
}

it("the page trains under it, without a violation", async () => {
  const { page, stopped, policies } = await open();
  await page.waitForSelector('.transport[data-state="ready"]');
  await page.click("#digits-run");
  await page.waitForFunction(() => parseFloat(document.getElementById("digits-loss")!.textContent) > 0, { polling: 100 });
  expect(await stopped()).toEqual([]);
  expect(policies.length).toBeGreaterThan(2);
  expect(new Set(policies)).toEqual(new Set([CONTENT_SECURITY_POLICY]));
});

/** What "Runs on" offers, and what it shows. */
const engines = (page: Page) =>
  page.$$eval("label", (labels) => {
    const { options, value } = labels.find(({ textContent }) => textContent === "Runs on")!.control as HTMLSelectElement;
    return { offered: [...options].filter(({ disabled }) => !disabled).map((option) => option.value), value };
  });

it("the page trains on WebAssembly under it", async () => {
  const { page, stopped, policies } = await open();
  await page.waitForSelector('.transport[data-state="ready"]');
  expect((await engines(page)).offered).toContain("wasm");
  const id = await page.$$eval("label", (labels) => labels.find(({ textContent }) => textContent === "Runs on")!.htmlFor);
  await page.select(`#${id}`, "wasm");
  await page.waitForFunction(() => document.querySelector(".status")!.textContent.includes("WebAssembly"));
  await page.click("#digits-run");
  await page.waitForFunction(() => parseFloat(document.getElementById("digits-loss")!.textContent) > 0, { polling: 100 });
  expect(await stopped()).toEqual([]);
  expect(new Set(policies)).toEqual(new Set([CONTENT_SECURITY_POLICY]));
});

it("under a policy without 'wasm-unsafe-eval', and without WebGPU, the page says so and trains on the float64 reference", async () => {
  const headers = { "content-security-policy": CONTENT_SECURITY_POLICY.replace(" 'wasm-unsafe-eval'", "") };
  const strict = await preview({
    root: outDir,
    configFile: false,
    logLevel: "error",
    build: { outDir },
    preview: { port: 0, host: "127.0.0.1", headers },
  });
  onTestFinished(() => strict.close());
  const { page, policies } = await open("", strict);
  await page.waitForSelector('.transport[data-state="ready"]');
  // Control: with WebGPU nothing is missed, but WebAssembly is not offered.
  expect(await engines(page)).toEqual({ offered: ["webgpu", "cpu"], value: "webgpu" });
  expect(policies).toContain(headers["content-security-policy"]);
  expect(headers["content-security-policy"]).not.toContain("wasm");
  const { page: without } = await open(await copyWithoutWebGpu(outDir), strict);
  await without.waitForSelector('.transport[data-state="ready"]');
  expect(await engines(without)).toEqual({ offered: ["cpu"], value: "cpu" });
  expect(await without.$eval(".notice", ({ textContent }) => textContent)).toMatch(
    /no WebGPU.*WebAssembly with SIMD is missing.*float64 reference.*'wasm-unsafe-eval'/,
  );
  await without.click("#digits-step");
  await without.waitForFunction(() => document.getElementById("digits-steps")!.textContent === "1");
});

it("control: it stops inline scripts and other hosts", async () => {
  const { page, stopped } = await open();
  const ran = await page.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "globalThis.inlineRan = true";
    document.head.append(script);
    const fetched = await fetch("https://example.invalid/").then(
      () => true,
      () => false,
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    return { inline: "inlineRan" in globalThis, fetched };
  });
  expect(ran).toEqual({ inline: false, fetched: false });
  expect(new Set(await stopped())).toEqual(new Set(["script-src-elem", "connect-src"]));
});

it("the page stops the same by itself where a server sends no header", async () => {
  const bare = await preview({
    root: outDir,
    configFile: false,
    logLevel: "error",
    build: { outDir },
    preview: { port: 0, host: "127.0.0.1" },
  });
  onTestFinished(() => bare.close());
  const { page, stopped, policies } = await open("", bare);
  await page.waitForSelector('.transport[data-state="ready"]');
  expect(policies.every((policy) => policy === "none")).toBe(true);
  expect(await stopped()).toEqual([]);
  expect(await page.$eval("meta[http-equiv]", (meta) => meta.getAttribute("content"))).toBe(META_POLICY);
  const ran = await page.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "globalThis.inlineRan = true";
    document.head.append(script);
    return {
      inline: "inlineRan" in globalThis,
      fetched: await fetch("https://example.invalid/").then(
        () => true,
        () => false,
      ),
    };
  });
  expect(ran).toEqual({ inline: false, fetched: false });
  expect(new Set(await stopped())).toEqual(new Set(["script-src-elem", "connect-src"]));
});

it("is the one that SECURITY.md recommends", async () => {
  expect((await readFile(`${ROOT}/SECURITY.md`, "utf8")).replace(/\s+/g, " ")).toContain(CONTENT_SECURITY_POLICY);
});
