// The page: fetches one contender's bundle and does with it what the host asks. It knows no contender.

import type { Clock, Contender, Training } from "./contender.ts";
import { installCounters, perStep, readCounts, readPeakBytes, type GpuCounts } from "./gpu-counters.ts";
import type { CheckResult, PageRequest, PageResult, TimeResult } from "./protocol.ts";
import { BATCHES, makeProblem, WORKLOADS, type Workload } from "./workloads.ts";

/** Of a counting run, so that what happens once per submit shows as the fraction of a step it is; fewer where that takes long. */
const MAX_COUNTED_STEPS = 512, COUNTING_SECONDS = 0.5;
/** Steps of the first trial; each next one is at most this many times longer. */
const FIRST_STEPS = 2, MAX_GROWTH = 32;

async function load(bundle: string): Promise<Contender> {
  const url = new URL(bundle, location.href).href;
  return ((await import(/* @vite-ignore */ url)) as { contender: Contender }).contender;
}

class Stopwatch implements Clock {
  #started = NaN;
  seconds = NaN;
  start(): void { this.#started = performance.now(); }
  stop(): void { this.seconds = (performance.now() - this.#started) / 1000; }
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

/** Losses from fresh weights, then the most memory of a short training, then calls per step of a longer one. */
async function check({ bundle, lossSteps, device }: PageRequest, workload: Workload): Promise<CheckResult> {
  if (device === "webgpu") installCounters();
  const training = await (await load(bundle)).start(workload, makeProblem(workload));
  const losses = await training.losses(lossSteps);
  if (device !== "webgpu") return { kind: "check", losses, counts: null, peakBytes: null };
  const clock = new CountingClock();
  let steps = await training.train(BATCHES, clock);
  const peakBytes = readPeakBytes(), affordable = Math.ceil(COUNTING_SECONDS * steps / clock.seconds);
  const most = Math.min(MAX_COUNTED_STEPS, workload.epochSteps, affordable);
  if (most > steps) steps = await training.train(most, clock);
  return { kind: "check", losses, counts: perStep(clock.started, clock.stopped, steps), peakBytes };
}

/** Longer and longer trainings, until one takes about `seconds`; all but the last are warm-up. */
async function stepsPerSecond(training: Training, seconds: number): Promise<{ steps: number; seconds: number }> {
  let asked = FIRST_STEPS;
  for (;;) {
    const watch = new Stopwatch(), steps = await training.train(asked, watch);
    if (watch.seconds >= 0.8 * seconds) return { steps, seconds: watch.seconds };
    asked = Math.ceil(steps * Math.min(MAX_GROWTH, seconds / Math.max(watch.seconds, 1e-4)));
  }
}

/** Its bundle, chunks that this loads, and WebAssembly; not this file and the like, which came before. */
const fetchedSince = (started: number): string[] => performance.getEntriesByType("resource")
  .filter(({ startTime }) => startTime >= started).map(({ name }) => name.slice(name.lastIndexOf("/") + 1));

async function time({ bundle, seconds }: PageRequest, workload: Workload): Promise<TimeResult> {
  const problem = makeProblem(workload), started = performance.now();
  const training = await (await load(bundle)).start(workload, problem);
  await training.losses(1);
  const coldMillis = performance.now() - started;
  const fetched = fetchedSince(started);
  return { kind: "time", coldMillis, fetched, ...await stepsPerSecond(training, seconds) };
}

async function run(request: PageRequest): Promise<PageResult> {
  const workload = WORKLOADS.find(({ name }) => name === request.workload);
  if (workload === undefined) throw new Error(`no workload ${request.workload}`);
  return request.kind === "check" ? check(request, workload) : time(request, workload);
}

async function describeAdapter(): Promise<string> {
  const info = (await navigator.gpu?.requestAdapter())?.info;
  if (info === undefined) return "no WebGPU adapter";
  return [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(" ");
}

Object.assign(globalThis, { bench: { run, describeAdapter } });
