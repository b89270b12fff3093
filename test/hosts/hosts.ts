// The four hosts: how each is found and started, which Vulkan driver it gets, and how it takes its sample.
//   Chrome, Node   Dawn and Tint, on SwiftShader where there is no GPU
//   Firefox, Deno  wgpu and naga, on lavapipe where there is no GPU

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "puppeteer";
import { launchFirefox } from "../../bench/firefox.ts";
import { launchBrowser } from "../../src/cli/launch.ts";
import { startPageServer } from "../../src/cli/page-server.ts";
import { findDeno } from "./deno.ts";
import type { Sample } from "./sample.ts";

export const HOSTS = ["chrome", "firefox", "node", "deno"] as const;
export type HostName = (typeof HOSTS)[number];

/** A program that Vitest runs in, and the project of vitest.config.ts that is its. */
export interface Started {
  readonly command: readonly string[];
  readonly project: string;
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  readonly sample: Sample;
}

const SWIFTSHADER = ["/usr/lib/chromium", "/opt/google/chrome", "/opt/microsoft/msedge"].map(
  (folder) => `${folder}/vk_swiftshader_icd.json`,
);
const LAVAPIPE = ["x86_64", "aarch64"]
  .flatMap((cpu) => [`lvp_icd.${cpu}.json`])
  .concat("lvp_icd.json")
  .map((name) => `/usr/share/vulkan/icd.d/${name}`);

/** The software drivers that a host runs on unless VK_DRIVER_FILES says otherwise, the first that is installed. */
const DRIVERS: Readonly<Record<HostName, readonly string[]>> = {
  // It brings its own, and knows when to take it.
  chrome: [],
  firefox: [...LAVAPIPE],
  node: [...SWIFTSHADER, ...LAVAPIPE],
  deno: [...LAVAPIPE, ...SWIFTSHADER],
};

/** The environment of a host. An empty VK_DRIVER_FILES leaves the choice to the system: its GPU. */
export function environmentOf(host: HostName, env: NodeJS.ProcessEnv, exists: (path: string) => boolean = existsSync): NodeJS.ProcessEnv {
  const given = env.VK_DRIVER_FILES;
  if (given === "") return Object.fromEntries(Object.entries(env).filter(([name]) => name !== "VK_DRIVER_FILES"));
  const driver = given ?? DRIVERS[host].find(exists);
  return driver === undefined ? env : { ...env, VK_DRIVER_FILES: driver };
}

/** A folder of the built files. */
export interface Place {
  readonly built: string;
  readonly say: (line: string) => void;
}

const VITEST = "node_modules/vitest/vitest.mjs";
const IN_PROCESS = "sample-process.js";
const SAMPLE_SECONDS = 300;

/** What the two networks became, or how far a host came. @throws Error in words for the table */
export async function startHost(host: HostName, train: boolean, place: Place): Promise<Started> {
  const env = environmentOf(host, process.env);
  switch (host) {
    case "chrome":
    case "firefox": {
      // Puppeteer hands this process's environment on to the browser.
      const before = process.env.VK_DRIVER_FILES;
      if (env.VK_DRIVER_FILES !== undefined) process.env.VK_DRIVER_FILES = env.VK_DRIVER_FILES;
      try {
        const browser = await (host === "chrome" ? launchBrowser(place.say) : launchFirefox());
        const version = await browser.version();
        const sample = await inPage(browser, train, place).finally(() => browser.close().catch(() => {}));
        return { command: [process.execPath, VITEST], project: host, env, version, sample };
      } finally {
        if (before === undefined) delete process.env.VK_DRIVER_FILES;
        else process.env.VK_DRIVER_FILES = before;
      }
    }
    case "node": {
      const sample = await inProcess([process.execPath, join(place.built, IN_PROCESS)], train, env);
      return {
        command: [process.execPath, VITEST],
        project: "node-gpu",
        env,
        version: `${process.version}, webgpu ${webgpuVersion()}`,
        sample,
      };
    }
    case "deno": {
      const { path, version } = await findDeno(place.say);
      // The packages are those that npm has put there; a lock file of Deno's own would say the same again.
      const command = [path, "run", "--allow-all", "--unstable-webgpu", "--no-lock", "--node-modules-dir=manual"];
      const sample = await inProcess([...command, join(place.built, IN_PROCESS)], train, env);
      return { command: [...command, VITEST], project: "deno", env, version, sample };
    }
  }
}

const webgpuVersion = (): string => (JSON.parse(readFileSync("node_modules/webgpu/package.json", "utf8")) as { version: string }).version;

const orError = (sample: Sample | { readonly error: string }): Sample => {
  if ("error" in sample) throw new Error(sample.error);
  return sample;
};

async function inPage(browser: Browser, train: boolean, { built }: Place): Promise<Sample> {
  const server = await startPageServer(
    new Map([
      [
        "",
        {
          type: "text/html; charset=utf-8",
          body: '<!doctype html><title>sample</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>',
        },
      ],
      ["page.js", { type: "text/javascript; charset=utf-8", body: readFileSync(join(built, "sample-page.js")) }],
    ]),
  );
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForFunction(() => "takeSample" in globalThis);
    return orError(
      await page.evaluate(
        (trained) =>
          (globalThis as unknown as { takeSample: (trained: boolean) => Promise<Sample> })
            .takeSample(trained)
            .catch((error: unknown) => ({ error: error instanceof Error ? error.message : String(error) })),
        train,
      ),
    );
  } finally {
    server.close();
  }
}

function inProcess([program, ...args]: readonly string[], train: boolean, env: NodeJS.ProcessEnv): Promise<Sample> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, ...(train ? ["--train"] : [])], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: SAMPLE_SECONDS * 1000,
    });
    let stdout = "",
      stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      try {
        resolve(orError(JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Sample));
      } catch (error) {
        const words =
          error instanceof SyntaxError ? stderr.trim().split("\n").at(-1) || `exit ${signal ?? code}` : (error as Error).message;
        reject(new Error(words));
      }
    });
  });
}
