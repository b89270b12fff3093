// DELTAPROP_DEBUG: what a command logs of what it runs, in this process and in Chrome.

import { afterAll, beforeAll, expect, it } from "vitest";
import { debugLevel } from "../../src/cli/debug-level.ts";
import { InputError } from "../../src/errors.ts";
import { buildCli, type BuiltCli } from "../support/run-cli.ts";

const TRAIN = ["train", "--layers", "784,8,10", "--epochs", "1", "--batch", "500", "--no-save", "--json"];

let cli: BuiltCli;
beforeAll(async () => {
  cli = await buildCli();
}, 120_000);
afterAll(() => cli.remove());

const run = (level: string, ...flags: string[]) => cli.run([...TRAIN, ...flags], { env: { ...process.env, DELTAPROP_DEBUG: level } });

it("is 0 to 3, and nothing else", () => {
  expect([undefined, "", "0", "1", "2", "3"].map((given) => debugLevel({ DELTAPROP_DEBUG: given }))).toEqual([0, 0, 0, 1, 2, 3]);
  for (const given of ["4", "-1", "1.5", " 1", "yes"]) expect(() => debugLevel({ DELTAPROP_DEBUG: given })).toThrow(InputError);
});

it("is refused before anything is done where it is none", async () => {
  const { code, stdout, stderr } = await run("4", "--backend", "wasm");
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toBe('error: DELTAPROP_DEBUG must be 0 (nothing), 1 (plans), 2 (launches, too) or 3 (timings, too); got "4".\n');
});

it("logs plan, equations and timings where the other lines go: standard output holds the JSON alone", async () => {
  const { code, stdout, stderr } = await run("3", "--backend", "wasm");
  expect(code).toBe(0);
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  expect(JSON.parse(stdout)).toMatchObject({ backend: "wasm" });
  expect(stderr).toMatch(/deltaprop: wasm, CPU \(WebAssembly.*\)\ntrain step, batch 500: /);
  expect(stderr).toMatch(/BP2 +grad_a1 = /);
  expect(stderr).toMatch(/deltaprop: train, batch 500: \d+ steps? in [\d.]+/);
});

it("logs nothing at 0", async () => {
  const { code, stderr } = await run("0", "--backend", "wasm");
  expect(code).toBe(0);
  expect(stderr).not.toMatch(/^deltaprop: /m);
});

it("reaches the page in Chrome, and its log the terminal", async () => {
  const { code, stdout, stderr } = await run("2", "--backend", "webgpu");
  expect([code, stdout.trimEnd().split("\n").length]).toEqual([0, 1]);
  expect(stderr).toMatch(/deltaprop: webgpu, .*\ntrain step, batch 500: \d launches/);
  expect(stderr).toMatch(/launch \d of \d: .*BP2/);
});
