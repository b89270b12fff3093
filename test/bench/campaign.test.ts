// The campaign without a GPU: what it would do and for how long, that nothing takes the rest along, what it writes, and that
// the bundle of the GPU tests tells what fails.

import { execFileSync, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fallingLosses, interleave, stepFlops, type Lane } from "../../bench/campaign/contest.ts";
import { markdownOf } from "../../bench/campaign/markdown.ts";
import type { CampaignReport, Row } from "../../bench/campaign/rows.ts";
import { OutOfTime, runCampaign, type CampaignOptions } from "../../bench/campaign/run.ts";
import { rememberedLosses } from "../../bench/campaign/reference.ts";
import { workloadOf } from "../../bench/campaign/sizes.ts";
import { PARTS, partsOf, tasksOf, type Task } from "../../bench/campaign/tasks.ts";

const FILES = ["adapter", "api-fit", "worker", "worked-xor", "slow/predict"];

describe("the parts", () => {
  const sum = (pace: "full" | "quick", parts = [...PARTS]) => parts.reduce((all, { seconds }) => all + seconds[pace], 0);

  it("end within 9 minutes, and quick ones within a minute where PyTorch is not", () => {
    // Some seconds go to starting and ending processes.
    expect(sum("full")).toBeLessThanOrEqual(530);
    expect(sum("quick", PARTS.filter(({ name }) => name !== "pytorch") as never)).toBeLessThanOrEqual(56);
  });

  it("are all of them, or those named with the adapter before them, in their order", () => {
    expect(partsOf(undefined)).toEqual(PARTS);
    expect(partsOf("sizes, tests").map(({ name }) => name)).toEqual(["adapter", "tests", "sizes"]);
    for (const wrong of ["tests,rooflin", "", ","]) {
      expect(() => partsOf(wrong)).toThrow(/--parts takes names of parts .* Known: adapter, tests, roofline/);
    }
  });

  it("go through every test file, workload, product and size; quick ones through one of each kind", () => {
    expect(tasksOf("tests", false, FILES).map(({ name }) => name)).toEqual(FILES);
    expect(tasksOf("tests", true, FILES).map(({ name }) => name)).toEqual(["adapter", "worker", "worked-xor"]);
    expect(tasksOf("workloads", false, FILES)).toHaveLength(15);
    for (const { name } of tasksOf("sizes", false, FILES)) expect(workloadOf(name).widths.length).toBe(3);
    expect(tasksOf("sizes", false, FILES).map(({ name }) => workloadOf(name).name)).toEqual(
      expect.arrayContaining(["784-128-10 b16 adam", "784-128-10 b4096 adam", "32-32-10 b256 adam", "4096-4096-10 b256 adam"]),
    );
    for (const { name } of PARTS) expect(tasksOf(name, true, FILES).length).toBeGreaterThan(0);
    expect(() => workloadOf("depth 3")).toThrow("no size depth 3");
  });
});

const adapterRow: Row = {
  kind: "adapter",
  adapter: "a GPU",
  plansFor: "gpu",
  runtime: "Node",
  features: ["subgroups"],
  limits: { maxBufferSize: 8 },
};

/** Runs parts of a quick campaign with made-up tasks, and gives the report, what was said and how often it was saved. */
async function campaign(parts: string, perform: CampaignOptions["perform"], changes: Partial<CampaignOptions> = {}) {
  const said: string[] = [],
    saved: CampaignReport[] = [];
  const report = runCampaign({
    parts: partsOf(parts),
    quick: true,
    patience: 1,
    testFiles: FILES,
    cpu: "a CPU",
    now: () => 0,
    perform: async (task, tell, seconds) => (task.part === "adapter" ? tell(adapterRow) : perform(task, tell, seconds)),
    save: async (soFar) => void saved.push(structuredClone(soFar)),
    say: (line) => void said.push(line),
    ...changes,
  });
  return { report, said, saved };
}

describe("a campaign", () => {
  const rate = (contender: string, round: number, perSecond: number): Row => ({
    kind: "rate",
    workload: "784-128-10 b16 adam",
    contender,
    round,
    perSecond,
    flops: 2e6,
  });
  const agrees: Row = {
    kind: "agreement",
    workload: "784-128-10 b16 adam",
    contender: "deltaprop",
    status: "agrees",
    difference: 1e-7,
    says: "agrees",
  };

  it("goes on where a task fails or runs out of time, keeps what that told, and saves after each", async () => {
    const { report, saved } = await campaign("sizes,features", async ({ name, part }, tell) => {
      if (part === "features") return;
      tell(agrees);
      tell(rate("deltaprop", 0, 5));
      throw name === "batch 16" ? new OutOfTime("not done after 6 s") : new Error("the device was lost\nat some line");
    });
    const { parts } = await report;
    expect(parts.map(({ name, status }) => [name, status])).toEqual([
      ["adapter", "done"],
      ["features", "done"],
      ["sizes", "failed"],
    ]);
    expect(parts[2].tasks.map(({ status, says, rows }) => [status, says, rows.length])).toEqual([
      ["out of time", "not done after 6 s", 2],
      ["failed", "the device was lost", 2],
    ]);
    // After each of the four tasks and at the end of the three parts.
    expect(saved).toHaveLength(7);
    expect(saved.find((soFar) => soFar.parts.at(-1)!.tasks[0].status === "out of time")!.parts[2].tasks[1].status).toBe("not started");
    expect(markdownOf(await report)).toContain(
      "| 784-128-10 b16 adam | deltaprop | 5.00 [5.00–5.00] | 0.0100 | 1.00 | not in turn | 1.0e-7 |",
    );
    expect(markdownOf(await report)).toContain("| width 32 | failed | the device was lost |");
  });

  it("starts no task when the time of its part is over, and gives none more than is left", async () => {
    let clock = 0;
    const given: number[] = [];
    const { report } = await campaign(
      "tests",
      async (_task, _tell, seconds) => {
        given.push(seconds);
        clock += 5500;
      },
      { now: () => clock },
    );
    const [, tests] = (await report).parts;
    expect(given).toEqual([10, 4.5]);
    expect(tests).toMatchObject({
      status: "out of time",
      tasks: [{}, {}, { status: "not started", says: "the 10 s of its part were over" }],
    });
    clock = 0;
    given.length = 0;
    await (
      await campaign("tests", async (_task, _tell, seconds) => void given.push(seconds), { patience: 3 })
    ).report;
    expect(given).toEqual([30, 30, 30]);
  });

  it("counts a test that failed and a wrong loss of deltaprop as failures, those of peers not", async () => {
    const ending = async (row: Row) => (await (await campaign("tests", async (_, tell) => tell(row))).report).parts[1].status;
    const test: Row = { kind: "test", passed: 1, failed: [], notRun: [] };
    expect(await ending(test)).toBe("done");
    expect(await ending({ ...test, failed: [{ name: "adds", error: "1 is not 2" }] })).toBe("failed");
    expect(await ending({ ...agrees, status: "wrong" })).toBe("failed");
    expect(await ending({ ...agrees, status: "wrong", contender: "jax-js webgpu" })).toBe("done");
  });

  it("prints failures by name", async () => {
    const { report, said } = await campaign("tests", async (_, tell) =>
      tell({
        kind: "test",
        passed: 2,
        failed: [{ name: "products > adds", error: "1 is not 2" }],
        notRun: [{ name: "x", reason: "no page" }],
      }),
    );
    await report;
    expect(said.join("\n")).toMatch(/adapter: done \(2 passed, 1 failed, 1 not run\)\n {4}FAILED products > adds: 1 is not 2/);
    expect(markdownOf(await report)).toContain("| adapter | products > adds | 1 is not 2 |");
  });

  it("stops at once, with the reason, where there is no adapter", async () => {
    const asked: Task[] = [];
    const { report } = await campaign("tests", async () => {}, {
      perform: async (task) => {
        asked.push(task);
        throw new Error("this host has no WebGPU adapter");
      },
    });
    await expect(report).rejects.toThrow("this host has no WebGPU adapter");
    expect(asked).toHaveLength(1);
  });
});

describe("a contest", () => {
  const lane = (contender: string, done: string[], ok = true): Lane => ({
    contender,
    fewest: 1,
    flops: null,
    begin: async () => ({
      work: {
        run: async (times, clock) => {
          done.push(contender);
          clock.start();
          await new Promise((resolve) => setTimeout(resolve, 2));
          clock.stop();
          return times;
        },
      },
      agreement: { ok, difference: 0, says: "" },
    }),
  });

  it("times those in turn that agree, and one that fails takes no other along", async () => {
    const rows: Row[] = [],
      done: string[] = [];
    const failing: Lane = { ...lane("c", done), begin: () => Promise.reject(new Error("no such kernel\nline 2")) };
    const lanes = [lane("a", done), lane("b", done, false), failing, lane("d", done)];
    await interleave("w", lanes, { rounds: 2, seconds: 0.001, lossSteps: 1 }, (row) => rows.push(row));
    expect(done).toEqual(["a", "d", "d", "a", "a", "d"]);
    expect(rows.flatMap((row) => (row.kind === "agreement" ? [`${row.contender} ${row.status} ${row.says}`.trim()] : []))).toEqual([
      "a agrees",
      "b wrong",
      "c failed no such kernel",
      "d agrees",
    ]);
  });

  it("computes losses of the reference once, and again where more are asked for or the network is another", async () => {
    const folder = mkdtempSync(`${tmpdir()}/deltaprop-`),
      asked: string[] = [];
    const losses = (name: string, steps: number) =>
      rememberedLosses(folder, workloadOf(name), steps, async (workload, count) => {
        asked.push(`${workload.name} ${count}`);
        return Array.from({ length: count }, (_, i) => workload.batch + i);
      });
    expect([await losses("batch 16", 2), await losses("batch 16", 2), await losses("batch 16", 1)]).toEqual([[16, 17], [16, 17], [16]]);
    expect([await losses("batch 64", 1), await losses("batch 16", 3)]).toEqual([[64], [16, 17, 18]]);
    expect(asked).toEqual(["784-128-10 b16 adam 2", "784-128-10 b64 adam 1", "784-128-10 b16 adam 3"]);
    rmSync(folder, { recursive: true });
  });

  it("takes losses for falling only if they are numbers and fall", () => {
    expect(fallingLosses([2, 1.5, 1])).toMatchObject({ ok: true });
    for (const wrong of [
      [1, 1],
      [1, 2],
      [2, NaN, 1],
      [NaN, 1],
      [1, NaN],
    ])
      expect(fallingLosses(wrong)).toMatchObject({ ok: false });
  });

  it("counts the products of a step: forward, weights' gradients, pull-backs except to the data", () => {
    expect(stepFlops({ widths: [3, 5, 2], batch: 7 })).toBe(2 * 7 * (2 * 3 * 5 + 3 * 5 * 2));
  });
});

describe("the one file that npm run build:campaign makes", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url)),
    file = `${root}dist-bench/campaign.mjs`;
  let folder = "";
  beforeAll(() => {
    const build = ["build", "--app", "--config", "bench/campaign/vite.config.ts", "--logLevel", "warn"];
    execFileSync(process.execPath, [`${root}node_modules/vite/bin/vite.js`, ...build], { cwd: root });
    folder = mkdtempSync(`${tmpdir()}/deltaprop-`);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  /** In a process without a GPU. */
  function outcome(name: string): { passed: number; failed: { name: string; error: string }[]; notRun: { reason: string }[] } {
    const embedded = /^globalThis\.deltapropCampaign = (.*);$/m.exec(readFileSync(file, "utf8"))![1];
    writeFileSync(`${folder}/tests.mjs`, (JSON.parse(embedded) as { tests: string }).tests);
    const bundle = JSON.stringify(pathToFileURL(`${folder}/tests.mjs`).href);
    const script = `console.log("OUTCOME" + JSON.stringify(await (await import(${bundle})).runFile("${name}")))`;
    const text = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8", cwd: folder });
    return JSON.parse(text.slice(text.indexOf("OUTCOME") + "OUTCOME".length)) as ReturnType<typeof outcome>;
  }

  it("holds tests that pass without vitest, away from this repository", () => {
    expect(outcome("race")).toMatchObject({ failed: [], notRun: [] });
    expect(outcome("race").passed).toBeGreaterThan(4);
  });

  it("control: tells by name of a test that fails, here for lack of a GPU, and why others do not run", () => {
    const { passed, failed } = outcome("adapter");
    expect([passed, failed.map(({ name }) => name)]).toEqual([0, ["doubles four numbers"]]);
    expect(failed[0].error).toMatch(/navigator|gpu/);
    const { notRun } = outcome("worker");
    expect(new Set(notRun.map(({ reason }) => reason))).toEqual(new Set(["it needs a page or its workers, which Node does not have"]));
    expect(notRun.length).toBeGreaterThan(10);
  });

  it("has the process of a task end with the one that asked for it", async () => {
    const child = fork(file, ["--campaign-task"], { cwd: folder });
    const code = new Promise((resolve) => child.on("exit", resolve));
    // A task that would take long: nothing answers for a module that waits for ever.
    writeFileSync(`${folder}/tests.mjs`, "export const runFile = () => new Promise((resolve) => setTimeout(resolve, 600_000));");
    child.send({ task: { part: "tests", name: "adapter", quick: true }, folder });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    child.disconnect();
    expect(await code).toBe(1);
  });

  it("refuses a part that is none, and says which there are", () => {
    const run = () => execFileSync(process.execPath, [file, "--parts", "rooflin"], { cwd: folder, stdio: "pipe", encoding: "utf8" });
    expect(run).toThrow(/got "rooflin"\. Known: adapter, tests, roofline, workloads, autotune, features, sizes, pytorch/);
  });
});
