// A contender that trains something else must not be timed: the control for the benchmark's comparison of losses.

import { describe, expect, it, vi } from "vitest";
import { compareLosses, referenceLosses, TOLERANCE } from "../../bench/agreement.ts";
import type { ContenderInfo } from "../../bench/contenders.ts";
import { fromText, toText, type Question, type Result } from "../../bench/protocol.ts";
import { RECURRENT, type RecurrentWorkload } from "../../bench/recurrent.ts";
import { runBenchmark } from "../../bench/run.ts";
import { workloadTable } from "../../bench/table.ts";
import { WORKLOADS, type Workload } from "../../bench/workloads.ts";

const SMALL = WORKLOADS.filter(({ widths }) => widths[0] === 2);
const STEPS = 4;

const counts = { dispatches: 2, submits: 1, buffers: 0, bindGroups: 0, shaderModules: 0, writes: 0, readbacks: 0 };

/** Answers as a page would whose contender learns at another rate, or dies when timed. */
class FakeHost {
  readonly asked: string[] = [];

  constructor(readonly rates: Record<string, number>) {}

  async ask({ kind, bundle, workload: name, lossSteps }: Question): Promise<Result> {
    this.asked.push(`${kind} ${bundle}`);
    if (kind === "time") return { kind, steps: 200, seconds: 1, coldMillis: 100, fetched: [bundle] };
    const workload = [...WORKLOADS, ...RECURRENT].find((one) => one.name === name)!;
    const losses = await referenceLosses({ ...workload, learningRate: this.rates[bundle] * workload.learningRate }, lossSteps);
    return { kind, outcome: { losses }, counts, peakBytes: 1024 };
  }

  refuses({ name }: ContenderInfo): string | null {
    return name === "elsewhere" ? "it needs a page" : null;
  }

  gzippedBytes(): number {
    return 1000;
  }
}

const contender = (name: string): ContenderInfo => ({ name, kind: "training", file: name, device: "webgpu", assets: [] });

const run = (host: FakeHost, workloads: readonly (Workload | RecurrentWorkload)[]) =>
  runBenchmark(host, {
    contenders: [contender("deltaprop"), contender("other")],
    workloads,
    rounds: 3,
    lossSteps: STEPS,
    seconds: 0.1,
    say: () => {},
  });

describe("the comparison of losses", () => {
  it.each(SMALL)("reports a learning rate 2 % off as wrong, and does not time it: $name", async (workload) => {
    const host = new FakeHost({ "deltaprop.js": 1, "other.js": 1.02 });
    const [report] = await run(host, [workload]);
    expect(report.entries.map(({ status }) => status)).toEqual(["timed", "wrong"]);
    expect(host.asked.filter((line) => line.startsWith("time"))).toEqual(Array(3).fill("time deltaprop.js"));
    expect(workloadTable(report)).toMatch(/other +WRONG: loss of step \d/);
  });

  it("sees it in a recurrent network too, of which it compares only as many losses as the workload allows", async () => {
    const host = new FakeHost({ "deltaprop.js": 1, "other.js": 1.02 });
    const reference = async (_: unknown, steps: number) => Array.from({ length: steps }, () => 4);
    const ask = vi.spyOn(host, "ask").mockImplementation(async ({ kind, bundle, lossSteps }) =>
      kind === "check"
        ? {
            kind,
            outcome: { losses: Array.from({ length: lossSteps }, () => (bundle === "other.js" ? 4.001 : 4)) },
            counts,
            peakBytes: 1,
          }
        : { kind, steps: 1, seconds: 1, coldMillis: 1, fetched: [] },
    );
    const recurs = (name: string): ContenderInfo => ({ ...contender(name), kind: "recurrent" });
    const [report] = await runBenchmark(host, {
      contenders: [recurs("deltaprop"), recurs("other"), contender("dense")],
      workloads: [{ ...RECURRENT[0], mostLosses: 2 }],
      rounds: 1,
      lossSteps: STEPS,
      seconds: 0.1,
      reference,
      say: () => {},
    });
    expect(report.entries.map(({ contender: name, status }) => [name, status])).toEqual([
      ["deltaprop", "timed"],
      ["other", "wrong"],
    ]);
    expect(ask.mock.calls[0][0].lossSteps).toBe(2);
    expect(workloadTable(report)).toMatch(/steps\/s +ms\/step/);
  });

  it("times both where the rate is the same", async () => {
    const host = new FakeHost({ "deltaprop.js": 1, "other.js": 1 });
    const [report] = await run(host, [SMALL[0]]);
    expect(report.entries.map(({ status }) => status)).toEqual(["timed", "timed"]);
    // Interleaved, and not always in the same order.
    expect(host.asked.slice(2)).toEqual(
      ["deltaprop", "other", "other", "deltaprop", "deltaprop", "other"].map((name) => `time ${name}.js`),
    );
  });

  it("takes neither NaN nor a missing loss for agreement", () => {
    expect(compareLosses([1, NaN], [1, 1])).toMatchObject({ ok: false, difference: NaN });
    expect(compareLosses([1], [1, 1]).ok).toBe(false);
    expect(compareLosses([], [1]).ok).toBe(false);
  });

  it("sees NaN that has travelled as text", () => {
    expect(fromText(toText({ losses: [1, NaN, Infinity] }))).toEqual({ losses: [1, NaN, Infinity] });
  });

  it("draws the line at the tolerance", () => {
    expect(compareLosses([1 + 0.9 * TOLERANCE], [1]).ok).toBe(true);
    expect(compareLosses([1 + 1.1 * TOLERANCE], [1]).ok).toBe(false);
  });
});

describe("a contender that cannot run there", () => {
  it("is reported with the reason, and not asked", async () => {
    const host = new FakeHost({ "deltaprop.js": 1 });
    const [report] = await runBenchmark(host, {
      contenders: [contender("deltaprop"), contender("elsewhere")],
      workloads: [SMALL[0]],
      rounds: 1,
      lossSteps: STEPS,
      seconds: 0.1,
      say: () => {},
    });
    expect(report.entries.map(({ status }) => status)).toEqual(["timed", "not here"]);
    expect(host.asked).toEqual(["check deltaprop.js", "time deltaprop.js"]);
    expect(workloadTable(report)).toMatch(/elsewhere +NOT HERE: it needs a page/);
  });
});

describe("a contender without the workload's layer", () => {
  it("is reported with the reason where the cell is that one, and asked about others", async () => {
    const host = new FakeHost({ "deltaprop.js": 1, "other.js": 1 });
    const recurs = { ...contender("other"), kind: "recurrent", lacks: { gru: "it has another formula" } } as const;
    const small = { vocabulary: 5, hidden: 4, steps: 3, batch: 2 };
    const [lstm, gru] = (["lstm", "gru"] as const).map((cell) => ({ ...RECURRENT.find((one) => one.cell === cell)!, ...small }));
    vi.spyOn(host, "ask").mockImplementation(async ({ kind, workload, lossSteps }) => {
      host.asked.push(`${kind} ${workload}`);
      const losses = Array.from({ length: lossSteps }, () => 1);
      return kind === "check"
        ? { kind, outcome: { losses }, counts, peakBytes: 1 }
        : { kind, steps: 1, seconds: 1, coldMillis: 1, fetched: [] };
    });
    const reports = await runBenchmark(host, {
      contenders: [recurs],
      workloads: [lstm, gru],
      rounds: 1,
      lossSteps: STEPS,
      seconds: 0.1,
      reference: async (_, steps) => Array.from({ length: steps }, () => 1),
      say: () => {},
    });
    expect(reports.map(({ entries }) => entries[0].status)).toEqual(["timed", "not here"]);
    expect(host.asked).toEqual([`check ${lstm.name}`, `time ${lstm.name}`]);
    expect(workloadTable(reports[1])).toMatch(/other +NOT HERE: it has another formula/);
  });
});

describe("a contender that fails", () => {
  it("is reported, and the others go on", async () => {
    class Failing extends FakeHost {
      override async ask(request: Question): Promise<Result> {
        if (request.bundle === "other.js" && request.kind === "time") throw new Error("the page has crashed");
        return super.ask(request);
      }
    }
    const [report] = await run(new Failing({ "deltaprop.js": 1, "other.js": 1 }), [SMALL[0]]);
    expect(report.entries.map(({ status }) => status)).toEqual(["timed", "failed"]);
    expect(workloadTable(report)).toMatch(/other +FAILED: the page has crashed/);
  });
});
