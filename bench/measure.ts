// Answers one question about one contender, in a page or a process of its own. It knows no contender and no host.

import type { Clock, Contender, ProductContender, RecurrentContender, Repeated, Training } from "./contender.ts";
import { installCounters, perStep, readCounts, readPeakBytes, type GpuCounts } from "./gpu-counters.ts";
import { hearGpuErrors, throwGpuErrors } from "./gpu-errors.ts";
import { makeOperands, PRODUCTS, productError, type Product } from "./products.ts";
import type { AnyQuestion, AnyResult, CheckResult, Question, TimeResult } from "./protocol.ts";
import { makeRecurrentProblem, RECURRENT, type RecurrentWorkload } from "./recurrent.ts";
import type { RooflineQuestion, RooflineResult } from "./roofline/report.ts";
import { BATCHES, makeProblem, WORKLOADS, type Workload } from "./workloads.ts";

/** How a page, or a process, gets a contender. */
export interface Loader {
  load(bundle: string): Promise<unknown>;
  /** Names of the files that have been fetched since this time of performance.now(). */
  fetchedSince(started: number): string[];
}

/** Of a counting run, so that what happens once per submit shows as the fraction of a step it is; fewer where that takes long. */
const MAX_COUNTED = 512,
  COUNTING_SECONDS = 0.5;
/** Each trial is at most this many times longer than the one before. */
const MAX_GROWTH = 32;

export class Stopwatch implements Clock {
  #started = NaN;
  seconds = NaN;
  start(): void {
    this.#started = performance.now();
  }
  stop(): void {
    this.seconds = (performance.now() - this.#started) / 1000;
  }
}

class CountingClock extends Stopwatch {
  started: GpuCounts = readCounts();
  stopped: GpuCounts = readCounts();
  override start(): void {
    super.start();
    this.started = readCounts();
  }
  override stop(): void {
    super.stop();
    this.stopped = readCounts();
  }
}

/** One contender on one workload; whether it trains or multiplies is known here and no further. */
interface Job {
  /** Opens it and has it do the first few: what they give is compared. */
  begin(bundle: unknown, count: number): Promise<{ work: Repeated; outcome: () => CheckResult["outcome"] }>;
  /** Of the first trial: a large product, or one step through many time steps, takes seconds. */
  readonly fewest: number;
  readonly mostCounted: number;
}

async function beginTraining(work: Training, count: number): ReturnType<Job["begin"]> {
  const losses = await work.losses(count);
  return { work, outcome: () => ({ losses }) };
}

function trainingJob(workload: Workload): Job {
  const problem = makeProblem(workload);
  return {
    fewest: 2,
    mostCounted: Math.min(MAX_COUNTED, workload.epochSteps),
    async begin(bundle, count) {
      return beginTraining(await (bundle as { contender: Contender }).contender.start(workload, problem), count);
    },
  };
}

function recurrentJob(workload: RecurrentWorkload): Job {
  const problem = makeRecurrentProblem(workload);
  return {
    fewest: 1,
    mostCounted: Math.min(MAX_COUNTED, workload.epochSteps),
    async begin(bundle, count) {
      return beginTraining(await (bundle as { recurrent: RecurrentContender }).recurrent.start(workload, problem), count);
    },
  };
}

function productJob(product: Product): Job {
  const operands = makeOperands(product);
  return {
    fewest: 1,
    mostCounted: MAX_COUNTED,
    async begin(bundle) {
      const work = await (bundle as { products: ProductContender }).products.start(product, operands);
      const answer = await work.answer();
      return { work, outcome: () => ({ productError: productError(product, operands, answer) }) };
    },
  };
}

function jobOf(name: string): Job {
  const workload = WORKLOADS.find((one) => one.name === name),
    recurrent = RECURRENT.find((one) => one.name === name);
  const product = PRODUCTS.find((one) => one.name === name);
  if (workload !== undefined) return trainingJob(workload);
  if (recurrent !== undefined) return recurrentJob(recurrent);
  if (product !== undefined) return productJob(product);
  throw new Error(`no workload ${name}`);
}

/** What the first ones give, then the most memory of a short run, then calls per step of a longer one. */
async function check({ bundle, lossSteps, device }: Question, job: Job, loader: Loader): Promise<CheckResult> {
  if (device === "webgpu") installCounters();
  const { work, outcome } = await job.begin(await loader.load(bundle), lossSteps);
  if (device !== "webgpu") return { kind: "check", outcome: outcome(), counts: null, peakBytes: null };
  const clock = new CountingClock();
  let steps = await work.run(job.fewest === 1 ? 1 : BATCHES, clock);
  const peakBytes = readPeakBytes(),
    affordable = Math.ceil((COUNTING_SECONDS * steps) / clock.seconds);
  const most = Math.min(job.mostCounted, affordable);
  if (most > steps) steps = await work.run(most, clock);
  return { kind: "check", outcome: outcome(), counts: perStep(clock.started, clock.stopped, steps), peakBytes };
}

/** Longer and longer runs, until one takes about `seconds`; all but the last are warm-up. */
export async function stepsPerSecond(work: Repeated, fewest: number, seconds: number): Promise<{ steps: number; seconds: number }> {
  let asked = fewest;
  for (;;) {
    const watch = new Stopwatch(),
      steps = await work.run(asked, watch);
    if (watch.seconds >= 0.8 * seconds) return { steps, seconds: watch.seconds };
    asked = Math.ceil(steps * Math.min(MAX_GROWTH, seconds / Math.max(watch.seconds, 1e-4)));
  }
}

async function time({ bundle, seconds }: Question, job: Job, loader: Loader): Promise<TimeResult> {
  const started = performance.now();
  const { work } = await job.begin(await loader.load(bundle), 1);
  const coldMillis = performance.now() - started;
  const fetched = loader.fetchedSince(started);
  return { kind: "time", coldMillis, fetched, ...(await stepsPerSecond(work, job.fewest, seconds)) };
}

/** @throws Error where the contender does, or where WebGPU refused some of its commands */
export async function answer(question: AnyQuestion, loader: Loader): Promise<AnyResult> {
  hearGpuErrors();
  const result = await answers[question.kind](question as never, loader);
  throwGpuErrors();
  return result;
}

const answers = {
  check: (question: Question, loader: Loader) => check(question, jobOf(question.workload), loader),
  time: (question: Question, loader: Loader) => time(question, jobOf(question.workload), loader),
  async roofline(question: RooflineQuestion, loader: Loader) {
    type Bundle = { roofline(question: RooflineQuestion): Promise<RooflineResult> };
    return ((await loader.load(question.bundle)) as Bundle).roofline(question);
  },
};

/** For people. */
export async function describeAdapter(): Promise<string> {
  const gpu = (globalThis.navigator as Navigator | undefined)?.gpu,
    info = (await gpu?.requestAdapter())?.info;
  if (info === undefined) return "no WebGPU adapter";
  return [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(" ") || "an adapter without a name";
}
