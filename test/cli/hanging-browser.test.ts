// Browsers that hang at their start, played by scripts; and the profiles of browsers whose command was killed.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { formatHolder, hasEnded, thisProcess } from "../../src/cli/holder.ts";
import { launchBrowser } from "../../src/cli/launch.ts";
import { LOCK_FILE } from "../../src/cli/lock.ts";
import { cleanProfiles, openProfile } from "../../src/cli/profiles.ts";
import { within } from "../../src/cli/within.ts";
import { UnsupportedError } from "../../src/errors.ts";
import { buildCli, type BuiltCli } from "../support/run-cli.ts";
import { writeTinyDigits } from "../support/tiny-digits.ts";

let folder: string;
const at = (...names: string[]) => join(folder, ...names);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
  await mkdir(at("tmp"));
  vi.stubEnv("TMPDIR", at("tmp"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** It writes its process id down, heeds no gentle signal, and never ends. */
async function hanging(version: boolean): Promise<string> {
  const path = at("browser"),
    answer = version ? 'if [ "$1" = --version ]; then echo Chrome 1.2.3; exit; fi\n' : "";
  await writeFile(path, `#!/bin/sh\n${answer}trap '' INT TERM HUP\necho $$ > ${at("pid")}\nwhile :; do sleep 1; done\n`);
  await chmod(path, 0o755);
  return path;
}
async function hasGone(): Promise<boolean> {
  const pid = Number(await readFile(at("pid"), "utf8"));
  for (let tries = 0; tries < 50; tries++) {
    if (hasEnded({ ...thisProcess(), pid, start: null })) return true;
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
  return false;
}

describe("within()", () => {
  const never = new Promise<never>(() => {}),
    late = () => new Error("late");
  it("comes to what the work comes to, in time", async () => {
    expect(await within(Promise.resolve(1), { millis: 1000, late })).toBe(1);
    await expect(within(Promise.reject(new Error("own")), { millis: 1000, late })).rejects.toThrow("own");
  });

  it("ends when the time is over, and when it is told to", async () => {
    await expect(within(never, { millis: 1, late })).rejects.toThrow("late");
    const stop = new AbortController(),
      waiting = within(never, { millis: Infinity, late, signal: stop.signal });
    stop.abort(new Error("told"));
    await expect(waiting).rejects.toThrow("told");
    await expect(within(never, { millis: Infinity, late, signal: stop.signal })).rejects.toThrow("told");
  });
});

describe.skipIf(process.platform !== "linux")("a browser that hangs", () => {
  it("is given up after a while, ended, and named", async () => {
    vi.stubEnv("PUPPETEER_EXECUTABLE_PATH", await hanging(true));
    const said: string[] = [],
      error: unknown = await launchBrowser((line) => said.push(line), { millis: 1000 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnsupportedError);
    expect((error as Error).message).toContain(`The browser ${at("browser")} has not answered within 1 s of its start. `);
    expect([said, await hasGone(), await readdir(at("tmp"))]).toEqual([[], true, []]);
  }, 30_000);

  describe("to the command", () => {
    let cli: BuiltCli;
    beforeAll(async () => {
      cli = await buildCli();
    }, 120_000);
    afterAll(() => cli.remove());

    it.each([
      ["while it says its version", false],
      ["at its start", true],
    ])(
      "%s: the first Ctrl-C ends both",
      async (_, version) => {
        await writeTinyDigits(folder);
        const env = { PUPPETEER_EXECUTABLE_PATH: await hanging(version), TMPDIR: at("tmp") };
        let since = 0;
        const { code, stdout, stderr } = await cli.run(
          ["train", "--data", folder, "--layers", "9,8,4", "--backend", "webgpu", "--save", at("saved")],
          {
            env,
            during: (output, kill) => {
              if (since > 0 || !output.includes("data:")) return;
              since = performance.now();
              const wait = setInterval(() => {
                if (!existsSync(at("pid"))) return;
                clearInterval(wait);
                since = performance.now();
                kill("SIGINT");
              }, 20);
            },
          },
        );
        expect(performance.now() - since).toBeLessThan(5000);
        expect([code, stderr, existsSync(at("saved"))]).toEqual([130, "", false]);
        expect(stdout).toMatch(/Stopping at the next step.*\nStopped before the training began\.\n$/);
        expect([await hasGone(), await readdir(at("tmp"))]).toEqual([true, []]);
      },
      60_000,
    );
  });
});

describe("profiles", () => {
  const left = async (name: string, pid: number) => {
    await mkdir(at("tmp", name, "profile", "Default"), { recursive: true });
    await writeFile(at("tmp", name, "profile", "Default", "Cookies"), "");
    await writeFile(at("tmp", name, LOCK_FILE), formatHolder({ ...thisProcess(), pid }));
  };

  it.skipIf(process.platform === "win32")("of processes that were killed are removed, and nothing else", async () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    await left("deltaprop-browser-killed", pid);
    await left("deltaprop-browser-lives", process.pid);
    await left("another-program", pid);
    await mkdir(at("tmp", "deltaprop-browser-without-a-lock"));
    const own = await openProfile();
    await mkdir(own.folder);
    await cleanProfiles();
    expect(existsSync(own.folder)).toBe(true);
    own.remove();
    expect((await readdir(at("tmp"))).sort()).toEqual(["another-program", "deltaprop-browser-lives", "deltaprop-browser-without-a-lock"]);
  });
});
