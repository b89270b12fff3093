// Chooses how the products of a plan are cut by timing the candidates on the device at hand, each in the launch that it would
// be part of, epilogue and neighbours included. The winner is remembered. A file that only pages load which ask for it.

import type { Launch } from "../schedule/launch.ts";
import type { Plan } from "../schedule/plan.ts";
import { lanesOf } from "../schedule/tiles.ts";
import { candidatesFor, namedShape, shapeName } from "../schedule/candidates.ts";
import type { Choices, ProductSite } from "../schedule/tuning.ts";
import { openChoiceStore, type ChoiceStore } from "./choice-store.ts";
import { planAdapter, type GpuContext } from "./device.ts";
import { LaunchBench } from "./launch-bench.ts";
import { PipelineCache } from "./pipelines.ts";
import { fastest } from "./race.ts";

/** So long that what starting and waiting takes does not count. */
const MEANINGFUL_MILLISECONDS = 20;
const MAX_REPEATS = 10_000;
/** Of measuring one product, its compilation not counted. */
const BUDGET_MILLISECONDS = 2000;
const ROUNDS = 5;
/** Smaller products take no longer than it takes to start them. */
const FEWEST_FLOPS = 1e5;
/** Of the work of its launch: less is lost in the noise of its neighbours. */
const LEAST_SHARE = 0.1;

export interface TuneOptions {
  /** Where winners are remembered; that of the host if left out. */
  readonly store?: ChoiceStore;
  /** Milliseconds that a launch took so many times, in place of what was measured: for tests. */
  readonly judge?: (launch: Launch, milliseconds: number) => number;
}

/** What a choice depends on: the adapter, its limits, and the kernels as this version writes them. */
export function storeKey(context: GpuContext, { source }: Launch, { key }: ProductSite): string {
  const adapter = planAdapter(context),
    { kind, quads, workgroupBytes } = adapter;
  return [
    context.adapter,
    kind,
    `lanes ${lanesOf(adapter)}`,
    quads ? "quads" : "no quads",
    `workgroup ${workgroupBytes} B`,
    key,
    `kernel ${hash(source)}`,
  ].join(" | ");
}

/** Whether its cut can make a difference that can be seen. */
export const isWorthTuning = ({ flops }: ProductSite, launch: Launch): boolean =>
  flops >= FEWEST_FLOPS && flops >= LEAST_SHARE * launch.flops;

/** FNV-1a, twice with different starts: 64 bits, to tell texts apart and no more. */
function hash(text: string): string {
  const half = (start: number) => {
    let state = start;
    for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
    return (state >>> 0).toString(16).padStart(8, "0");
  };
  return half(0x811c9dc5) + half(0x1b873593);
}

/**
 * Choices for the larger products of a plan: those known, those remembered, and those measured now.
 * @param planWith the plan with its products cut as the choices say, the others as the model says
 * @param known choices made before; keys that they have are not looked at again
 * @throws GpuError if memory runs out or the device is lost
 */
export async function tune(
  context: GpuContext,
  planWith: (choices: Choices) => Plan,
  known: Choices,
  options: TuneOptions = {},
): Promise<Choices> {
  const { store = openChoiceStore() } = options,
    choices = new Map(known),
    untuned = planWith(new Map());
  for (const { launch, site } of untuned.products) {
    if (choices.has(site.key) || !isWorthTuning(site, untuned.launches[launch])) continue;
    const key = storeKey(context, untuned.launches[launch], site);
    const remembered = namedShape(await store.read(key), candidatesFor(site));
    const shape = remembered ?? (await measure(context.device, planWith, choices, launch, site, options));
    choices.set(site.key, shape);
    if (!remembered) await store.write(key, shapeName(shape));
  }
  return choices;
}

interface CandidateRunner {
  readonly plan: Plan;
  readonly pipeline: GPUComputePipeline;
}

async function measure(
  device: GPUDevice,
  planWith: (choices: Choices) => Plan,
  choices: Choices,
  number: number,
  site: ProductSite,
  { judge = (_, milliseconds) => milliseconds }: TuneOptions,
) {
  const pipelines = new PipelineCache(device),
    { key } = site,
    candidates = candidatesFor(site);
  const plans = candidates.map((shape) => planWith(new Map([...choices, [key, shape]])));
  const made = await Promise.allSettled(plans.map((plan) => pipelines.get(plan.launches[number])));
  // The model's choice must compile; what else does not is no candidate.
  if (made[0].status === "rejected") throw made[0].reason;
  const runners = made.flatMap((pipeline, i): (CandidateRunner & { shape: (typeof candidates)[number] })[] =>
    pipeline.status === "fulfilled" ? [{ plan: plans[i], pipeline: pipeline.value, shape: candidates[i] }] : [],
  );
  const bench = await LaunchBench.create(device, plans[0], plans[0].launches[number]);
  try {
    const time = async ({ plan, pipeline }: CandidateRunner, repeats: number) => {
      const launch = plan.launches[number];
      return judge(launch, await bench.time(launch, pipeline, repeats));
    };
    // Some drivers finish compiling when a shader first runs.
    for (const runner of runners) await time(runner, 1);
    const repeats = await meaningful((count) => time(runners[0], count));
    const winner = await fastest({
      count: runners.length,
      time: (i) => time(runners[i], repeats),
      now: () => performance.now(),
      budget: BUDGET_MILLISECONDS,
      rounds: ROUNDS,
    });
    return runners[winner].shape;
  } finally {
    bench.dispose();
  }
}

/** How many launches take long enough to be timed. */
async function meaningful(time: (repeats: number) => Promise<number>): Promise<number> {
  let repeats = 1;
  while (repeats < MAX_REPEATS) {
    const milliseconds = await time(repeats);
    if (milliseconds >= MEANINGFUL_MILLISECONDS) break;
    const wanted = Math.ceil((1.2 * MEANINGFUL_MILLISECONDS * repeats) / Math.max(milliseconds, 0.1));
    repeats = Math.min(MAX_REPEATS, Math.max(2 * repeats, Math.min(wanted, 10 * repeats)));
  }
  return repeats;
}
