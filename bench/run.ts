// A whole benchmark: every contender checked on every workload, then those that agree timed, interleaved, in rounds.

import { compareLosses, compareProduct, referenceLosses } from "./agreement.ts";
import type { ContenderInfo } from "./contenders.ts";
import type { GpuCounts } from "./gpu-counters.ts";
import { flopsOf, type Product } from "./products.ts";
import type { CheckResult, Question, Result, TimeResult } from "./protocol.ts";
import type { RecurrentWorkload } from "./recurrent.ts";
import { rotated, spreadOf, type Spread } from "./statistics.ts";
import type { Workload } from "./workloads.ts";

/** What a contender is given to do: a network to train, or matrices to multiply. */
export type Task = Workload | RecurrentWorkload | Product;

/** Where questions are asked; a test asks without a browser. */
export interface Asked {
  ask(question: Question): Promise<Result>;
  /** Why a contender cannot run there at all; null if it can. */
  refuses(info: ContenderInfo): string | null;
  /** What a page fetches; null where there are no pages. */
  gzippedBytes(names: readonly string[]): number | null;
}

export interface RunOptions {
  readonly contenders: readonly ContenderInfo[];
  readonly workloads: readonly Task[];
  readonly rounds: number;
  readonly lossSteps: number;
  readonly seconds: number;
  /** Of the float64 reference; others serve tests. */
  readonly reference?: (workload: Workload | RecurrentWorkload, steps: number) => Promise<number[]>;
  readonly say: (line: string) => void;
}

export interface Entry {
  readonly contender: string;
  /** "wrong": it computes something else than the reference. Only those that agree are timed. */
  status: "timed" | "wrong" | "failed" | "not here";
  /** Why it was not timed. */
  says: string;
  /** The largest difference of a loss from the reference's; of a product in units of 2⁻²⁴·Σ|terms|. */
  difference: number | null;
  /** Steps of training, or products. */
  stepsPerSecond: Spread | null;
  millisPerStep: number | null;
  coldMillis: Spread | null;
  /** Per step, or product. */
  counts: GpuCounts | null;
  peakBytes: number | null;
  bundleGzipBytes: number | null;
}

export interface WorkloadReport {
  readonly workload: string;
  readonly kind: Task["kind"];
  /** Of the product; null for a training. */
  readonly flops: number | null;
  readonly entries: readonly Entry[];
}

/** How many losses of a training are compared. */
const lossStepsOf = (task: Task, lossSteps: number): number =>
  task.kind === "recurrent" ? Math.min(lossSteps, task.mostLosses) : lossSteps;

const newEntry = (contender: string): Entry => ({
  contender,
  status: "failed",
  says: "",
  difference: null,
  stepsPerSecond: null,
  millisPerStep: null,
  coldMillis: null,
  counts: null,
  peakBytes: null,
  bundleGzipBytes: null,
});

/** Why a contender cannot do this task anywhere; null if it can. */
const lacking = ({ lacks }: ContenderInfo, task: Task): string | null => (task.kind === "recurrent" ? (lacks?.[task.cell] ?? null) : null);

/** One contender on one workload, and what its rounds have measured so far. */
class Lane {
  readonly entry: Entry;
  readonly times: TimeResult[] = [];

  constructor(
    readonly host: Asked,
    readonly info: ContenderInfo,
    readonly task: Task,
    readonly options: RunOptions,
  ) {
    this.entry = newEntry(info.name);
  }

  /** @param reference the losses of a training; nothing for a product, which is compared where its numbers are */
  async check(reference: readonly number[]): Promise<void> {
    const refusal = lacking(this.info, this.task) ?? this.host.refuses(this.info);
    if (refusal !== null) {
      Object.assign(this.entry, { status: "not here", says: refusal } satisfies Partial<Entry>);
      return;
    }
    await this.#attempt(async () => {
      const { outcome, counts, peakBytes } = (await this.#ask("check")) as CheckResult;
      const { ok, difference, says } =
        "losses" in outcome ? compareLosses(outcome.losses, reference) : compareProduct(outcome.productError);
      Object.assign(this.entry, { counts, peakBytes, status: ok ? "timed" : "wrong", says, difference } satisfies Partial<Entry>);
    });
  }

  async time(): Promise<void> {
    await this.#attempt(async () => {
      this.times.push((await this.#ask("time")) as TimeResult);
    });
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

  #ask(kind: Question["kind"]): Promise<Result> {
    const { seconds } = this.options,
      { file, device } = this.info,
      lossSteps = lossStepsOf(this.task, this.options.lossSteps);
    return this.host.ask({ kind, bundle: `${file}.js`, device, workload: this.task.name, lossSteps, seconds });
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

const words = ({ status, says, difference }: Entry): string =>
  status === "timed" ? `agrees within ${difference?.toExponential(1)}` : `${status.toUpperCase()}, ${says}`;

async function checkAll(lanes: readonly Lane[], options: RunOptions, seconds: () => string): Promise<void> {
  const { workloads, lossSteps, reference = referenceLosses, say } = options;
  for (const task of workloads) {
    const expected = task.kind === "product" ? [] : await reference(task, lossStepsOf(task, lossSteps));
    for (const lane of lanes.filter((one) => one.task === task)) {
      await lane.check(expected);
      say(`check  ${task.name}  ${lane.info.name}: ${words(lane.entry)}  (${seconds()})`);
    }
  }
}

/** @returns a report per workload. A contender that fails is one that failed; the others go on. */
export async function runBenchmark(host: Asked, options: RunOptions): Promise<WorkloadReport[]> {
  const { contenders, workloads, rounds, say } = options;
  const started = performance.now(),
    seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;
  const lanes = workloads.flatMap((task) =>
    contenders.filter(({ kind }) => kind === task.kind).map((info) => new Lane(host, info, task, options)),
  );
  await checkAll(lanes, options, seconds);
  for (let round = 0; round < rounds; round++) {
    for (const task of workloads) {
      for (const lane of rotated(
        lanes.filter((one) => one.task === task),
        round,
      )) {
        if (lane.entry.status === "timed") await lane.time();
      }
      say(`round ${round + 1}/${rounds}  ${task.name}  (${seconds()})`);
    }
  }
  return workloads.map((task) => ({
    workload: task.name,
    kind: task.kind,
    flops: task.kind === "product" ? flopsOf(task) : null,
    entries: lanes.filter((one) => one.task === task).map((lane) => lane.finish()),
  }));
}
