// A whole benchmark: every contender checked on every workload, then those that agree timed, interleaved, in rounds.

import { compareLosses, referenceLosses, type Agreement } from "./agreement.ts";
import type { ContenderInfo } from "./contenders.ts";
import type { GpuCounts } from "./gpu-counters.ts";
import type { CheckResult, PageRequest, PageResult, TimeResult } from "./protocol.ts";
import { rotated, spreadOf, type Spread } from "./statistics.ts";
import type { Workload } from "./workloads.ts";

/** Where questions are asked; a test asks without a browser. */
export interface Asked {
  ask(request: PageRequest): Promise<PageResult>;
  gzippedBytes(names: readonly string[]): number;
}

export interface RunOptions {
  readonly contenders: readonly ContenderInfo[];
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  readonly lossSteps: number;
  readonly seconds: number;
  /** Of the float64 reference; others serve tests. */
  readonly reference?: (workload: Workload, steps: number) => Promise<number[]>;
  readonly say: (line: string) => void;
}

export interface Entry {
  readonly contender: string;
  /** "wrong": its losses are others than the reference's. Neither that nor "failed" is timed. */
  status: "timed" | "wrong" | "failed";
  /** Why it was not timed. */
  says: string;
  /** The largest difference of a loss from the reference's. */
  lossDifference: number | null;
  stepsPerSecond: Spread | null;
  millisPerStep: number | null;
  coldMillis: Spread | null;
  /** Per step. */
  counts: GpuCounts | null;
  peakBytes: number | null;
  bundleGzipBytes: number | null;
}

export interface WorkloadReport {
  readonly workload: string;
  readonly entries: readonly Entry[];
}

const newEntry = (contender: string): Entry => ({
  contender, status: "failed", says: "", lossDifference: null, stepsPerSecond: null, millisPerStep: null, coldMillis: null,
  counts: null, peakBytes: null, bundleGzipBytes: null,
});

/** One contender on one workload, and what its rounds have measured so far. */
class Lane {
  readonly entry: Entry;
  readonly times: TimeResult[] = [];

  constructor(readonly host: Asked, readonly info: ContenderInfo, readonly workload: Workload, readonly options: RunOptions) {
    this.entry = newEntry(info.name);
  }

  async check(reference: readonly number[]): Promise<void> {
    await this.#attempt(async () => {
      const { losses, counts, peakBytes } = await this.#ask("check") as CheckResult;
      const agreement: Agreement = compareLosses(losses, reference);
      Object.assign(this.entry, { counts, peakBytes, status: agreement.ok ? "timed" : "wrong" } satisfies Partial<Entry>);
      Object.assign(this.entry, { says: agreement.says, lossDifference: agreement.difference } satisfies Partial<Entry>);
    });
  }

  async time(): Promise<void> {
    await this.#attempt(async () => { this.times.push(await this.#ask("time") as TimeResult); });
  }

  finish(): Entry {
    const { entry, times, host } = this;
    if (entry.status !== "timed" || times.length === 0) return entry;
    entry.stepsPerSecond = spreadOf(times.map(({ steps, seconds }) => steps / seconds));
    entry.millisPerStep = 1000 / entry.stepsPerSecond.median;
    entry.coldMillis = spreadOf(times.map(({ coldMillis }) => coldMillis));
    entry.bundleGzipBytes = host.gzippedBytes(times[0].fetched);
    return entry;
  }

  #ask(kind: PageRequest["kind"]): Promise<PageResult> {
    const { lossSteps, seconds } = this.options, { file, device } = this.info;
    return this.host.ask({ kind, bundle: `${file}.js`, device, workload: this.workload.name, lossSteps, seconds });
  }

  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.entry.status = "failed";
      this.entry.says = (error as Error).message.split("\n")[0];
    }
  }
}

async function checkAll(lanes: readonly Lane[], options: RunOptions, seconds: () => string): Promise<void> {
  const { workloads, lossSteps, reference = referenceLosses, say } = options;
  for (const workload of workloads) {
    const expected = await reference(workload, lossSteps);
    for (const lane of lanes.filter((one) => one.workload === workload)) {
      await lane.check(expected);
      const { contender, status, says, lossDifference } = lane.entry;
      say(`check  ${workload.name}  ${contender}: ${status === "timed" ? `agrees within ${lossDifference?.toExponential(1)}`
        : `${status.toUpperCase()}, ${says}`}  (${seconds()})`);
    }
  }
}

/** @returns a report per workload. A contender that fails is one that failed; the others go on. */
export async function runBenchmark(host: Asked, options: RunOptions): Promise<WorkloadReport[]> {
  const { contenders, workloads, rounds, say } = options;
  const started = performance.now(), seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;
  const lanes = workloads.flatMap((workload) => contenders.map((info) => new Lane(host, info, workload, options)));
  await checkAll(lanes, options, seconds);
  for (let round = 0; round < rounds; round++) {
    for (const workload of workloads) {
      for (const lane of rotated(lanes.filter((one) => one.workload === workload), round)) {
        if (lane.entry.status === "timed") await lane.time();
      }
      say(`round ${round + 1}/${rounds}  ${workload.name}  (${seconds()})`);
    }
  }
  return workloads.map((workload) => ({
    workload: workload.name, entries: lanes.filter((one) => one.workload === workload).map((lane) => lane.finish()),
  }));
}
