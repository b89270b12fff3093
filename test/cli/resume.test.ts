// --checkpoint and --resume of the built command, with real kills: what comes out is what would have come out, byte for byte.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildCli, type BuiltCli } from "../support/run-cli.ts";
import { writeTinyDigits } from "../support/tiny-digits.ts";

let cli: BuiltCli, folder: string;
const at = (...names: string[]) => join(folder, ...names);
const bytes = (name: string) => readFile(at(name));
/** A name that a run may keep. */
const END = ".safetensors";
/** A browser that is not there: reaching for one would be seen. */
const NO_BROWSER = { PUPPETEER_EXECUTABLE_PATH: "/nowhere/browser" };
type During = NonNullable<Parameters<BuiltCli["run"]>[1]>["during"];
const run = (args: readonly string[], during?: During, env?: NodeJS.ProcessEnv) => cli.run(args, { cwd: folder, env, during });

beforeAll(async () => {
  cli = await buildCli();
  folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
  await mkdir(at("digits"));
  await writeTinyDigits(at("digits"));
  await writeFile(at("cycle"), "abcd".repeat(120));
}, 120_000);
afterAll(async () => {
  await cli.remove();
  await rm(folder, { recursive: true });
});

const digits = (...more: string[]) => [
  "train",
  "--data",
  "digits",
  "--layers",
  "9,8,4",
  "--lr",
  "0.01",
  "--dropout",
  "0.2",
  "--batch",
  "4",
  "--epochs",
  "60",
  ...more,
];
const text = (...more: string[]) => [
  "char-rnn",
  "--text",
  "cycle",
  "--hidden",
  "8",
  "--length",
  "8",
  "--batch",
  "4",
  "--lr",
  "0.02",
  "--sample",
  "0",
  "--epochs",
  "120",
  ...more,
];

/** Sends it once the folder holds a checkpoint and the output a line of `epoch` or a later one. */
function kill(name: string, signal: NodeJS.Signals, epoch: number): During {
  let sent = false;
  return (output, send) => {
    const epochs = [...output.matchAll(/^epoch +(\d+)\//gm)].map(([, number]) => Number(number));
    if (sent || !(Math.max(0, ...epochs) >= epoch) || !existsSync(at(name, "checkpoint-latest"))) return;
    sent = true;
    send(signal);
  };
}
const resumedAt = (output: string) => Number(/^going on from step ([\d,]+)$/m.exec(output)?.[1].replaceAll(",", ""));

describe.each([
  ["train", "cpu", digits, "25"],
  ["char-rnn", "cpu", text, "9"],
  ["train", "webgpu", digits, "25"],
] as const)("%s --backend %s", (command, backend, flags, every) => {
  it("killed twice, and resumed with no other flag, saves the file of a run that was left alone", async () => {
    const name = `${command}-${backend}${END}`,
      args = flags("--backend", backend);
    const calm = await run([...args, "--save", `${name}.calm`]);
    expect([calm.code, calm.stdout]).toEqual([0, expect.not.stringContaining("going on from")]);
    const first = await run(
      [...args, "--save", name, "--checkpoint", `${name}.run`, "--checkpoint-every", every],
      kill(`${name}.run`, "SIGKILL", 5),
    );
    const second = await run([command, "--resume", `${name}.run`], kill(`${name}.run`, "SIGKILL", 20));
    expect([first.code, second.code, existsSync(at(name))]).toEqual([null, null, false]);
    const third = await run([command, "--resume", `${name}.run`]);
    expect(third.code).toBe(0);
    const [before, after] = [second, third].map(({ stdout }) => resumedAt(stdout));
    expect(before).toBeGreaterThan(0);
    expect(after).toBeGreaterThan(before);
    expect(after % Number(every)).toBe(0);
    expect((await bytes(name)).equals(await bytes(`${name}.calm`))).toBe(true);
  }, 180_000);
});

describe("--resume", () => {
  const RUN = digits("--backend", "cpu", "--epochs", "4");
  const refused = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(args, undefined, NO_BROWSER);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).not.toContain("    at ");
    return stderr;
  };
  beforeAll(async () => {
    expect((await run([...RUN, "--save", "short.safetensors", "--checkpoint", "short.run"])).code).toBe(0);
  }, 60_000);

  it("goes further than the run was to go, as if it had been so from the start; and saves the same again if not", async () => {
    const longer = await run([...RUN, "--epochs", "6", "--save", "longer"]);
    const again = await run(["train", "--resume", "short.run", "--save", "again.safetensors"]);
    const grown = await run(["train", "--resume", "short.run", "--epochs", "6", "--save", "grown.safetensors", "--json"]);
    expect([longer.code, again.code, grown.code]).toEqual([0, 0, 0]);
    expect((await bytes("again.safetensors")).equals(await bytes("short.safetensors"))).toBe(true);
    expect((await bytes("grown.safetensors")).equals(await bytes("longer"))).toBe(true);
    expect((await bytes("grown.safetensors")).equals(await bytes("short.safetensors"))).toBe(false);
    expect(JSON.parse(grown.stdout)).toMatchObject({ epochs: 6, steps: 270 });
    // The run has become the longer one.
    expect(await refused("train", "--resume", "short.run", "--epochs", "4")).toContain("has 6, which may only grow");
  }, 60_000);

  it("begins with the weights that --load gave, though their file is gone, where there is no checkpoint yet", async () => {
    await copyFile(at("short.safetensors"), at("start"));
    const args = [...RUN, "--load", "start"],
      calm = await run([...args, "--save", "loaded.calm"]);
    const killed = await run([...args, "--save", `loaded${END}`, "--checkpoint", "loaded.run"], (output, send) => {
      if (output.includes("data:")) send("SIGKILL");
    });
    for (const name of ["checkpoint-a.safetensors", "checkpoint-b.safetensors", "checkpoint-latest", "../start"]) {
      await rm(at("loaded.run", name), { force: true });
    }
    const resumed = await run(["train", "--resume", "loaded.run"]);
    expect([calm.code, killed.code, resumed.code]).toEqual([0, null, 0]);
    expect((await bytes(`loaded${END}`)).equals(await bytes("loaded.calm"))).toBe(true);
  }, 60_000);

  // Windows has no signals to send to another process: there kill() ends it.
  it.skipIf(process.platform === "win32")(
    "after Ctrl-C: a checkpoint is there as well as the weights",
    async () => {
      const long = digits("--backend", "cpu", "--epochs", "100000", "--save", `stopped${END}`, "--checkpoint", "stopped.run");
      const { code, stdout } = await run(long, kill("stopped.run", "SIGINT", 2));
      expect([code, existsSync(at(`stopped${END}`))]).toEqual([130, true]);
      const [, steps] = /Stopped after ([\d,]+) steps\.\nGo on with --resume stopped\.run\n/.exec(stdout) ?? [];
      const again = await run(["train", "--resume", "stopped.run"], (output, send) => {
        if (output.includes("going on from")) send("SIGINT");
      });
      expect(resumedAt(again.stdout)).toBe(Number(steps.replaceAll(",", "")));
    },
    60_000,
  );

  it.each<[string, string[], string]>([
    ["a folder that is not there", ["train", "--resume", "nowhere"], "--resume nowhere: no run can be read there"],
    ["a folder without a run", ["train", "--resume", "digits"], "--resume digits: no run can be read there"],
    ["another command's run", ["char-rnn", "--resume", "short.run"], "one of deltaprop train"],
    ["another learning rate", ["train", "--resume", "short.run", "--lr", "0.5"], "--lr 0.5: the run in short.run has 0.01. Leave --lr out"],
    ["other layers", ["train", "--resume", "short.run", "--layers", "9,7,4"], "has 9,8,4"],
    ["another backend", ["train", "--resume", "short.run", "--backend", "webgpu"], "has cpu"],
    ["a flag that the run lacks", ["train", "--resume", "short.run", "--autotune"], "has none"],
    ["other weights to start from", ["train", "--resume", "short.run", "--load", "short.safetensors"], "has a copy of what it began with"],
    ["two folders", ["train", "--resume", "short.run", "--checkpoint", "other"], "Leave --checkpoint out"],
    ["a run where another one is", digits("--backend", "cpu", "--checkpoint", "short.run"), "Go on with --resume short.run"],
    ["a file for a folder", digits("--backend", "cpu", "--checkpoint", "cycle"), "--checkpoint cycle: it cannot be used"],
  ])("refuses %s", async (_, args, message) => {
    expect(await refused(...args)).toContain(message);
  });

  it("refuses other data, and takes those that have moved", async () => {
    for (const name of ["moved", "changed"]) await cp(at("digits"), at(name), { recursive: true });
    expect((await run(["train", "--resume", "short.run", "--data", "moved"])).code).toBe(0);
    const file = at("changed", "train-labels-idx1-ubyte"),
      labels = await readFile(file);
    labels[labels.length - 1] ^= 1;
    await writeFile(file, labels);
    expect(await refused("train", "--resume", "short.run", "--data", "changed")).toContain("are not those that the run began with");
  }, 60_000);

  it("writes where a file of somebody else's says only below the current folder and over weights", async () => {
    await cp(at("short.run"), at("theirs"), { recursive: true });
    const file = at("theirs", "deltaprop-run.json"),
      theirs = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
    await symlink(tmpdir(), at("theirs", "way-out"));
    await writeFile(at("not-weights.safetensors"), "text");
    await symlink("/dev/zero", at("device.safetensors"));
    for (const save of [
      "/etc/passwd",
      "../outside",
      "theirs/../../outside",
      "theirs/way-out/outside",
      "none/below",
      "cycle",
      ".",
      ".profile",
      ".npmrc",
      ".git/hooks/x.safetensors",
      "digits/.x.safetensors",
      ".safetensors",
      "new",
      "new.js",
      "vite.config.ts",
      "/tmp/x.safetensors",
      "../x.safetensors",
      "theirs/way-out/x.safetensors",
      "not-weights.safetensors",
      "device.safetensors",
    ]) {
      await writeFile(file, JSON.stringify({ ...theirs, save }));
      expect(await refused("train", "--resume", "theirs"), save).toMatch(/the run saves to .*Give --save FILE/);
    }
    expect(await readFile(at("cycle"), "utf8")).toBe("abcd".repeat(120));
    // Control: what may be.
    await writeFile(file, JSON.stringify({ ...theirs, save: "short.safetensors" }));
    expect((await run(["train", "--resume", "theirs"])).code).toBe(0);
    delete theirs.save;
    await writeFile(file, JSON.stringify(theirs));
    expect(await refused("train", "--resume", "theirs")).toContain("such names are not taken from a run. Give --save FILE");
  }, 180_000);

  it("keeps no name to save to that it would not take back", async () => {
    expect((await run([...RUN, "--save", "plain-name", "--checkpoint", "plain.run"])).code).toBe(0);
    expect(JSON.parse(await readFile(at("plain.run", "deltaprop-run.json"), "utf8"))).not.toHaveProperty("save");
    expect(await refused("train", "--resume", "plain.run")).toContain("Give --save FILE");
    expect((await run(["train", "--resume", "plain.run", "--save", "plain-again"])).code).toBe(0);
    expect((await bytes("plain-again")).equals(await bytes("plain-name"))).toBe(true);
  }, 60_000);

  it("neither logs in to another machine nor follows a link because a file says so", async () => {
    await cp(at("short.run"), at("remote"), { recursive: true });
    const file = at("remote", "deltaprop-run.json"),
      theirs = JSON.parse(await readFile(file, "utf8")) as { flags: object };
    for (const data of ["//host/share", "\\\\host\\share", "\\/host/share"]) {
      await writeFile(file, JSON.stringify({ ...theirs, flags: { ...theirs.flags, data } }));
      expect(await refused("train", "--resume", "remote")).toContain("names another machine. Give --data FOLDER");
    }
    await writeFile(file, JSON.stringify(theirs));
    await symlink(at("cycle"), at("remote", "text.txt"));
    expect(await refused("train", "--resume", "remote")).toContain("text.txt is a symbolic link");
    await rm(at("remote", "text.txt"));
    // Nothing of what a link leads to is read, let alone shown.
    await rm(file);
    await symlink(at("cycle"), file);
    expect(await refused("train", "--resume", "remote")).toContain("deltaprop-run.json is a symbolic link");
    await rm(file);
    await writeFile(file, JSON.stringify(theirs));
    expect((await run(["train", "--resume", "remote"])).code).toBe(0);
  }, 60_000);

  it.skipIf(process.platform === "win32")(
    "reads no device, pipe or folder, and says so without a stack",
    async () => {
      expect(await refused(...RUN, "--load", "/dev/zero")).toContain("/dev/zero must be a regular file and is a device");
      execFileSync("mkfifo", [at("pipe")]);
      expect(await refused("char-rnn", "--text", "pipe")).toContain("is a pipe");
      expect(await refused(...RUN, "--load", "digits")).toContain("is a folder");
      await cp(at("short.run"), at("odd"), { recursive: true });
      for (const plant of [() => mkdir(at("odd", "checkpoint-latest")), () => execFileSync("mkfifo", [at("odd", "checkpoint-latest")])]) {
        await rm(at("odd", "checkpoint-latest"), { recursive: true });
        await plant();
        const { code, stderr } = await run(["train", "--resume", "odd"]);
        expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: .*must be a regular file/)]);
        expect(stderr).not.toContain("    at ");
      }
    },
    60_000,
  );
});
