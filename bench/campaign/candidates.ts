// Every cut of every product that autotune looks at, timed in its launch, in rounds; the model's choice is marked.

import { isWorthTuning } from "../../src/gpu/autotune.ts";
import { acquireDevice, planAdapter, type GpuContext } from "../../src/gpu/device.ts";
import { LaunchBench } from "../../src/gpu/launch-bench.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import type { Launch } from "../../src/schedule/launch.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { candidatesFor, shapeName } from "../../src/schedule/candidates.ts";
import type { Choices, ProductSite } from "../../src/schedule/tuning.ts";
import { compiledModel, trainingOf } from "../contenders/deltaprop.ts";
import { productPlan } from "../contenders/deltaprop-product.ts";
import { compiledRecurrent, recurrentTraining } from "../contenders/deltaprop-rnn.ts";
import { PRODUCTS } from "../products.ts";
import { makeRecurrentProblem, RECURRENT } from "../recurrent.ts";
import { spreadOf } from "../statistics.ts";
import { makeProblem, WORKLOADS } from "../workloads.ts";
import type { Tell } from "./contest.ts";
import { paceOf } from "./pace.ts";
import type { Task } from "./tasks.ts";

/** Of one timing: so long that what a submit costs does not count. */
const MILLIS = { full: 8, quick: 2 },
  MAX_REPEATS = 10_000;

/** The plan that fit() makes for a network, or that of a product alone. */
async function planOf(name: string, context: GpuContext): Promise<Plan> {
  const training = WORKLOADS.find((one) => one.name === name),
    product = PRODUCTS.find((one) => one.name === name);
  if (product) return productPlan(product, planAdapter(context));
  const recurrent = RECURRENT.find((one) => one.name === name)!,
    variant = { device: context.device };
  const problem = training ? makeProblem(training) : null,
    sequence = training ? null : makeRecurrentProblem(recurrent);
  const model = training
    ? await compiledModel(training, problem!, "webgpu", variant)
    : await compiledRecurrent(recurrent, sequence!, "webgpu", variant);
  try {
    await (training ? trainingOf(model, training, problem!) : recurrentTraining(model, recurrent, sequence!)).losses(1);
    return model.plan;
  } finally {
    model.dispose();
  }
}

interface Candidate {
  readonly shape: string;
  readonly launch: Launch;
  readonly pipeline: GPUComputePipeline | null;
}

const compiled = (pipelines: PipelineCache, launch: Launch): Promise<GPUComputePipeline | null> => pipelines.get(launch).catch(() => null);

/** How many launches take long enough to be timed. */
async function meaningful(time: (repeats: number) => Promise<number>, millis: number): Promise<number> {
  let repeats = 1;
  for (let taken = await time(1); taken < millis && repeats < MAX_REPEATS; taken = await time(repeats)) {
    repeats = Math.min(MAX_REPEATS, Math.ceil(repeats * Math.min(10, Math.max(2, (1.2 * millis) / Math.max(taken, 0.1)))));
  }
  return repeats;
}

async function timeSite({ device }: GpuContext, plan: Plan, candidates: readonly Candidate[], { quick }: Task): Promise<(number | null)[]> {
  const runnable = candidates.flatMap(({ launch, pipeline }, at) => (pipeline ? [{ launch, pipeline, at }] : []));
  const times: number[][] = candidates.map(() => []),
    { rounds } = paceOf(quick);
  if (runnable.length === 0) return times.map(() => null);
  const bench = await LaunchBench.create(device, plan, candidates[0].launch);
  try {
    // Some drivers finish compiling when a shader first runs.
    for (const { launch, pipeline } of runnable) await bench.time(launch, pipeline, 1);
    const { launch: first, pipeline: its } = runnable[0];
    const repeats = await meaningful((count) => bench.time(first, its, count), MILLIS[quick ? "quick" : "full"]);
    for (let round = 0; round < rounds; round++) {
      for (const { launch, pipeline, at } of runnable) times[at].push(((await bench.time(launch, pipeline, repeats)) * 1000) / repeats);
    }
    return times.map((ofOne) => (ofOne.length > 0 ? spreadOf(ofOne).median : null));
  } finally {
    bench.dispose();
  }
}

export async function timeCandidates(task: Task, tell: Tell): Promise<void> {
  const context = await acquireDevice(),
    { device } = context;
  const shown = await planOf(task.name, context),
    pipelines = new PipelineCache(device);
  const planWith = (choices: Choices): Plan =>
    new Plan(shown.graph, {
      batch: shown.batch,
      adapter: planAdapter(context),
      choices,
      maxBuffers: device.limits.maxStorageBuffersPerShaderStage,
      sequences: SEQUENCES,
    });
  const plan = planWith(new Map()),
    seen = new Set<string>();
  const sites = plan.products.filter(
    ({ launch, site }) => isWorthTuning(site, plan.launches[launch]) && !seen.has(site.key) && seen.add(site.key),
  );
  for (const { launch, site } of sites) {
    const candidates = await Promise.all(candidatesFor(site).map((shape) => candidateOf(planWith, pipelines, launch, site, shape)));
    const times = await timeSite(context, plan, candidates, task);
    const model = shapeName(site.shape);
    candidates.forEach(({ shape }, i) =>
      tell({
        kind: "candidate",
        workload: task.name,
        launch: plan.launches[launch].label,
        site: site.key,
        shape,
        isModels: shape === model,
        micros: times[i],
      }),
    );
  }
  device.destroy();
}

async function candidateOf(
  planWith: (choices: Choices) => Plan,
  pipelines: PipelineCache,
  launch: number,
  { key }: ProductSite,
  shape: ProductSite["shape"],
): Promise<Candidate> {
  const cut = planWith(new Map([[key, shape]])).launches[launch];
  return { shape: shapeName(shape), launch: cut, pipeline: await compiled(pipelines, cut) };
}
