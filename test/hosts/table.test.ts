// The report of `npm run test:hosts`: no host that did not run, or ran no test, may look as if it had passed.

import { describe, expect, it } from "vitest";
import { environmentOf } from "./hosts.ts";
import type { Outcome } from "./outcome.ts";
import { exitCode, reportText, type HostReport } from "./table.ts";

const about = { seconds: 61.4, version: "v1", adapter: "software" };
const ran = (host: HostReport["host"], outcome: Partial<Outcome> = {}): HostReport => ({
  host,
  state: "ran",
  ...about,
  outcome: { passed: 1317, failed: [], skipped: [], ...outcome },
});
const notRun: HostReport = { host: "firefox", state: "not run", says: "No Firefox was found.", seconds: 0 };
const brokenOff: HostReport = { host: "deno", state: "broken off", says: "its process ended with 139", ...about };

describe("exitCode()", () => {
  it.each([
    ["all passed", [ran("chrome"), ran("node")], 0, 0],
    ["one cannot be started", [ran("chrome"), notRun], 0, 1],
    ["a failure", [ran("chrome"), ran("node", { failed: ["a > b"] })], 1, 1],
    ["one broke off", [ran("chrome"), brokenOff], 1, 1],
    ["one ran no test", [ran("chrome"), ran("node", { passed: 0 })], 1, 1],
    ["none could be started", [notRun], 1, 1],
    ["none was asked for", [], 1, 1],
  ])("%s", (_, reports, usual, all) => {
    expect(exitCode(reports, false)).toBe(usual);
    expect(exitCode(reports, true)).toBe(all);
  });
});

it("the table says what passed, what failed, what was skipped and why, and who did not run", () => {
  const text = reportText([
    ran("chrome", {
      skipped: [
        { name: "a", note: "no f16" },
        { name: "b", note: "no f16" },
        { name: "c", note: "a file" },
      ],
    }),
    notRun,
    ran("node", { passed: 3, failed: ["test/gpu/x.test.ts > y"] }),
    brokenOff,
  ]);
  expect(text.split("\n")).toEqual([
    "host     passed  failed  skipped  seconds  version  adapter",
    "chrome   1,317   0       3        61       v1       software",
    "firefox  not run: No Firefox was found.",
    "node     3       1       0        61       v1       software",
    "deno     broken off after 61 s: its process ended with 139 (v1, software)",
    "chrome skipped 2: no f16",
    "chrome skipped 1: a file",
    "node failed: test/gpu/x.test.ts > y",
    "Ran in: chrome, node. Did not run in: firefox, deno.",
  ]);
});

describe("environmentOf()", () => {
  const lavapipe = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json",
    swiftshader = "/usr/lib/chromium/vk_swiftshader_icd.json";
  const driver = (host: HostReport["host"], env: NodeJS.ProcessEnv, there: readonly string[]) =>
    environmentOf(host, env, (path) => there.includes(path)).VK_DRIVER_FILES;

  it("gives each host a software driver that is there, and takes the user's instead", () => {
    expect((["chrome", "firefox", "node", "deno"] as const).map((host) => driver(host, {}, [lavapipe, swiftshader]))).toEqual([
      undefined,
      lavapipe,
      swiftshader,
      lavapipe,
    ]);
    expect(driver("node", {}, [lavapipe])).toBe(lavapipe);
    expect(driver("deno", {}, [])).toBeUndefined();
    expect(driver("deno", { VK_DRIVER_FILES: "mine.json" }, [lavapipe])).toBe("mine.json");
  });

  it("an empty one leaves the choice to the system", () => {
    expect(environmentOf("deno", { VK_DRIVER_FILES: "", A: "b" }, () => true)).toEqual({ A: "b" });
  });
});
