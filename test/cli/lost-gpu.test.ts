// The GPU process of the command's own browser, killed in mid-training: the command says so and goes on, to the same bytes.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { buildCli } from "../support/run-cli.ts";
import { writeTinyDigits } from "../support/tiny-digits.ts";

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Those that are running; Linux tells them as files. */
async function processes(): Promise<Process[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
      const [stat, command] = [await read("stat"), await read("cmdline")];
      // pid (name) state parent …, where the name may hold anything.
      return { pid: Number(pid), parent: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]), command };
    }),
  );
  return found.filter(({ parent }) => parent > 0);
}

async function gpuProcessBelow(pid: number): Promise<number | null> {
  const all = await processes(),
    below = new Set([pid]);
  for (let size = 0; size < below.size;) {
    size = below.size;
    for (const each of all) if (below.has(each.parent)) below.add(each.pid);
  }
  return all.find((each) => below.has(each.pid) && each.command.includes("--type=gpu-process"))?.pid ?? null;
}

// Elsewhere processes are told in other ways; what is tested is the same.
it.skipIf(process.platform !== "linux")(
  "says in one line that the GPU was lost, and ends as if nothing had happened",
  async () => {
    const cli = await buildCli(),
      folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
    try {
      await writeTinyDigits(folder);
      const train = (save: string) => [
        "train",
        "--data",
        folder,
        "--layers",
        "9,8,4",
        "--lr",
        "0.01",
        "--batch",
        "4",
        "--epochs",
        "300",
        "--backend",
        "webgpu",
        "--save",
        join(folder, save),
      ];
      const calm = await cli.run(train("calm"));
      const killed: Promise<void>[] = [];
      const lost = await cli.run(train("lost"), {
        during(output, _, pid) {
          if (killed.length > 0 || !output.includes("epoch   5/")) return;
          killed.push(
            gpuProcessBelow(pid).then((gpu) => {
              process.kill(gpu!, "SIGKILL");
            }),
          );
        },
      });
      await Promise.all(killed);
      expect([calm.code, lost.code, killed.length]).toEqual([0, 0, 1]);
      expect(lost.stdout.match(/^the GPU was lost \(.+\): going on with another one from step [\d,]+$/gm)).toHaveLength(1);
      expect(calm.stdout).not.toContain("the GPU was lost");
      expect((await readFile(join(folder, "lost"))).equals(await readFile(join(folder, "calm")))).toBe(true);
    } finally {
      await cli.remove();
      await rm(folder, { recursive: true });
    }
  },
  120_000,
);
