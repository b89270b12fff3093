// Output that nobody reads, or that does not fit the disk, never ends training; and no command prints a stack.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildCliWithDigits, type BuiltCli } from "../support/run-cli.ts";

let cli: BuiltCli, folder: string, remove: () => Promise<void>;
beforeAll(async () => {
  ({ cli, folder, remove } = await buildCliWithDigits());
}, 120_000);
afterAll(() => remove());

const tiny = (save: string) => [
  "train",
  "--data",
  folder,
  "--layers",
  "9,8,4",
  "--batch",
  "4",
  "--epochs",
  "30",
  "--backend",
  "cpu",
  "--save",
  join(folder, save),
];

/** Runs `node cli.js ARGS REST` in a shell. */
function shell(args: readonly string[], rest: string): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    execFile("bash", ["-c", `set -o pipefail; "$0" "$@" ${rest}`, process.execPath, cli.script, ...args], (error, _, stderr) =>
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stderr }),
    );
  });
}

describe.skipIf(process.platform === "win32")("weights are saved as without it", () => {
  beforeAll(async () => {
    expect((await cli.run(tiny("calm"))).code).toBe(0);
  }, 60_000);

  it.each([
    ["| head -1", "head"],
    ["| true", "nobody"],
    ["> /dev/full", "full"],
    ["2> /dev/full | true", "both"],
  ])(
    "%s",
    async (rest, name) => {
      if (rest.includes("/dev/full") && !existsSync("/dev/full")) return;
      const { code, stderr } = await shell(tiny(name), rest);
      expect([code, stderr]).toEqual([0, ""]);
      expect((await readFile(join(folder, name))).equals(await readFile(join(folder, "calm")))).toBe(true);
    },
    60_000,
  );

  it("control: a run that fails still says so by its exit code", async () => {
    expect((await shell([...tiny("none"), "--load", join(folder, "nothing")], "| true")).code).toBe(1);
  }, 60_000);
});

it.each([
  ["--layers 9,1000000000,4", ["train", "--layers", "9,1000000000,4"]],
  ["--layers 9,100000,100000,4", ["train", "--layers", "9,100000,100000,4"]],
  ["--hidden 1000000000", ["char-rnn", "--hidden", "1000000000"]],
])(
  "refuses more weights than can be kept: %s",
  async (what, args) => {
    const { code, stdout, stderr } = await cli.run([
      ...args,
      "--no-save",
      "--backend",
      "cpu",
      ...(args[0] === "train" ? ["--data", folder] : []),
    ]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr.startsWith(`error: ${what}: the network must have at most 268,369,920 weights`), stderr).toBe(true);
    expect(stderr.split("\n").length).toBe(2);
  },
  60_000,
);
