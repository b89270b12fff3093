// The lock of a run folder: one process at a time, a process that was killed does not keep it, and nobody else cleans anything away.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { formatHolder, hasEnded, parseHolder, thisProcess, type Holder } from "../../src/cli/holder.ts";
import { checkNotHeld, holdFolder, LOCK_FILE, tryHold, type HeldLock } from "../../src/cli/lock.ts";
import { InputError } from "../../src/errors.ts";
import { buildCli, type BuiltCli } from "../support/run-cli.ts";
import { writeTinyDigits } from "../support/tiny-digits.ts";

let root: string,
  folder: string,
  places = 0;
const at = (...names: string[]) => join(folder, ...names);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "deltaprop-"));
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  folder = join(root, String(places++));
  await mkdir(folder);
});

/** A process of this computer that is no more. */
function ended(): Holder {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  return { ...thisProcess(), pid };
}
const plant = (name: string, holder: Holder) => writeFile(at(name), formatHolder(holder));
const isHeld = (result: HeldLock | Holder): result is HeldLock => "release" in result;

describe("whether a holder has ended", () => {
  it("is told by its process and by when that started", () => {
    expect(hasEnded(thisProcess())).toBe(false);
    expect(hasEnded(ended())).toBe(true);
    expect(hasEnded({ ...thisProcess(), start: null })).toBe(false);
  });

  it.skipIf(process.platform === "win32")("is not hidden by another process with the same id", () => {
    expect(hasEnded({ ...thisProcess(), start: "another time" })).toBe(true);
  });

  it("is not guessed of another computer's process", () => {
    expect(hasEnded({ ...ended(), host: `not-${hostname()}` })).toBe(false);
  });

  it("comes back as it was written, and from nothing else", () => {
    const mine = thisProcess();
    expect(parseHolder(formatHolder(mine))).toEqual(mine);
    for (const change of [{ pid: 0 }, { pid: -1 }, { pid: 1.5 }, { pid: "1" }, { nonce: "../x" }, { host: "\x1b[2J" }, { start: 1 }]) {
      expect(parseHolder(JSON.stringify({ ...mine, ...change }))).toBeNull();
    }
    for (const text of ["", "null", "[]", "{}", formatHolder(mine).slice(0, -3)]) expect(parseHolder(text)).toBeNull();
  });
});

describe("tryHold()", () => {
  it("gives the folder to one, says who has it, and gives it again afterwards", async () => {
    const first = await tryHold(folder),
      second = await tryHold(folder);
    expect(isHeld(first)).toBe(true);
    expect(second).toMatchObject({ pid: process.pid, host: hostname() });
    await expect(checkNotHeld(folder, "--x")).rejects.toThrow(`--x: process ${process.pid} is using that folder. Wait for it to end`);
    (first as HeldLock).release();
    expect(await readdir(folder)).toEqual([]);
    await checkNotHeld(folder, "--x");
    const third = await tryHold(folder);
    expect(isHeld(third)).toBe(true);
    (third as HeldLock).release();
  });

  it("takes it over from who has ended, from claims of those that ended while they took it over, too", async () => {
    const [lock, claim, claimOfClaim] = [ended(), ended(), ended()];
    await plant(LOCK_FILE, lock);
    await plant(`${LOCK_FILE}.${lock.nonce}`, claim);
    await plant(`${LOCK_FILE}.${claim.nonce}`, claimOfClaim);
    const held = await holdFolder(folder, [], "--x");
    expect(await readdir(folder)).toEqual([LOCK_FILE]);
    held.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it("does not take it over while another one that lives does", async () => {
    const lock = ended(),
      rival = thisProcess();
    await plant(LOCK_FILE, lock);
    await plant(`${LOCK_FILE}.${lock.nonce}`, rival);
    expect(await tryHold(folder)).toEqual(rival);
    expect(parseHolder(await readFile(at(LOCK_FILE), "utf8"))).toEqual(lock);
  });

  it("gives a folder that was left to one of many that come at once", async () => {
    for (let round = 0; round < 20; round++) {
      await plant(LOCK_FILE, ended());
      const results = await Promise.all(Array.from({ length: 12 }, () => tryHold(folder))),
        held = results.filter(isHeld);
      expect(held.length).toBe(1);
      held[0].release();
    }
  }, 60_000);

  // What the claims are for.
  it("control: taking over by removing and creating gives it to several", async () => {
    await plant(LOCK_FILE, ended());
    const naive = async (wait: number) => {
      const other = parseHolder(await readFile(at(LOCK_FILE), "utf8").catch(() => ""));
      if (other && !hasEnded(other)) return false;
      await new Promise((resolve) => {
        setTimeout(resolve, wait);
      });
      await rm(at(LOCK_FILE), { force: true });
      return writeFile(at(LOCK_FILE), formatHolder(thisProcess()), { flag: "wx" }).then(
        () => true,
        () => false,
      );
    };
    expect(await Promise.all([naive(0), naive(100)])).toEqual([true, true]);
  });

  it("keeps what another one has put in its place", async () => {
    const held = (await tryHold(folder)) as HeldLock,
      other = thisProcess();
    await plant(LOCK_FILE, other);
    held.release();
    expect(parseHolder(await readFile(at(LOCK_FILE), "utf8"))).toEqual(other);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ["text", () => writeFile(at(LOCK_FILE), "mine"), "must say which process uses the folder"],
    ["a folder", () => mkdir(at(LOCK_FILE)), "is a folder"],
    ["a link", () => symlink("/dev/zero", at(LOCK_FILE)), "is a symbolic link"],
    [
      "another computer's",
      () => plant(LOCK_FILE, { ...ended(), host: "elsewhere" }),
      "on elsewhere is using that folder. Wait for it to end; if it has, remove ",
    ],
  ])("refuses a lock that is %s, and cleans nothing away", async (_, put, message) => {
    await put();
    await writeFile(at(`a.${crypto.randomUUID()}.part`), "");
    const before = await readdir(folder);
    const error: unknown = await holdFolder(folder, ["a"], "--x").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toContain(message);
    expect(await readdir(folder)).toEqual(before);
  });
});

it("holdFolder() removes the drafts of the names that it is given, and nothing else", async () => {
  const kept = ["a", "a.part", `b.${crypto.randomUUID()}.part`, "b.12.part", "notes.part", "a.12.parts"];
  for (const name of [...kept, `a.${crypto.randomUUID()}.part`, `.a.${crypto.randomUUID()}.part`, "a.12.part"])
    await writeFile(at(name), "");
  (await holdFolder(folder, ["a"], "--x")).release();
  expect((await readdir(folder)).sort()).toEqual(kept.sort());
});

describe("the command", () => {
  let cli: BuiltCli;
  const long = (...more: string[]) => [
    "train",
    "--data",
    root,
    "--layers",
    "9,8,4",
    "--batch",
    "4",
    "--backend",
    "cpu",
    "--no-save",
    "--epochs",
    "1000000",
    ...more,
  ];
  beforeAll(async () => {
    cli = await buildCli();
    await writeTinyDigits(root);
  }, 120_000);
  afterAll(() => cli.remove());
  const DRAFTS = ["checkpoint-a.safetensors.5b6c1a52-6d1f-4f5e-9d53-0d6a8a1b7c11.part", "checkpoint-latest.123.part"];
  const isThere = (names: readonly string[]) => names.map((name) => existsSync(at(name)));

  it("refuses in one line what another process is using, and cleans up after one that was killed", async () => {
    const others: Promise<Awaited<ReturnType<BuiltCli["run"]>>>[] = [];
    let pid = 0;
    const first = await cli.run(long("--checkpoint", folder), {
      during: (_, kill, id) => {
        if (others.length > 0 || !existsSync(at("checkpoint-latest"))) return;
        pid = id;
        others.push(
          (async () => {
            for (const name of DRAFTS) await writeFile(at(name), "");
            const resumed = await cli.run(["train", "--resume", folder]),
              again = await cli.run(long("--checkpoint", folder));
            expect(isThere(DRAFTS)).toEqual([true, true]);
            expect(again.stderr).toContain(`--checkpoint ${folder}: process ${id} is using`);
            kill("SIGKILL");
            return resumed;
          })(),
        );
      },
    });
    const { code, stdout, stderr } = await others[0];
    expect([first.code, code, stdout, stderr]).toEqual([
      null,
      1,
      "",
      `error: --resume ${folder}: process ${pid} is using that folder. Wait for it to end, or stop it.\n`,
    ]);
    expect(existsSync(at(LOCK_FILE))).toBe(true);
    let isAsked = false;
    const stopped = await cli.run(["train", "--resume", folder], {
      during: (output, kill) => {
        // A second one would end it at once.
        if (isAsked || !output.includes("going on from")) return;
        isAsked = true;
        kill(process.platform === "win32" ? "SIGKILL" : "SIGINT");
      },
    });
    expect(stopped.stdout).toContain("going on from step");
    expect(isThere(DRAFTS)).toEqual([false, false]);
    if (process.platform !== "win32") expect([stopped.code, existsSync(at(LOCK_FILE))]).toEqual([130, false]);
  }, 60_000);

  it("trains in one of four processes that begin at once; each of the others says one line", async () => {
    const name = at("new");
    let refused = 0;
    const runs = Array.from({ length: 4 }, async () => {
      // Its output goes on for as long as it trains.
      const ran = await cli.run(long("--checkpoint", name), {
        during: (_, kill) => {
          if (refused === 3) kill("SIGKILL");
        },
      });
      if (ran.code === 1) refused++;
      return ran;
    });
    const codes = (await Promise.all(runs)).map(({ code, stdout, stderr }) => {
      if (code === 1)
        expect([stdout, stderr.split("\n").length, stderr]).toEqual(["", 2, expect.stringMatching(/ is using that folder\. /)]);
      return code;
    });
    expect(codes.sort()).toEqual([1, 1, 1, null]);
  }, 60_000);
});
