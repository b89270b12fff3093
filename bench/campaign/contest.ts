// Contenders on one workload in one process: what each computes is compared first, then they run in turn, round after round.

import { compareLosses, compareProduct, type Agreement } from "../agreement.ts";
import type { Contender, ProductContender, RecurrentContender, Repeated } from "../contender.ts";
import { contender as ours } from "../contenders/deltaprop.ts";
import { products as ourProducts } from "../contenders/deltaprop-product.ts";
import { recurrent as ourRecurrent } from "../contenders/deltaprop-rnn.ts";
import { products as jaxProducts } from "../contenders/jax-product-webgpu.ts";
import { recurrent as jaxRecurrent } from "../contenders/jax-rnn-webgpu.ts";
import { contender as jax } from "../contenders/jax-webgpu.ts";
import { Stopwatch, stepsPerSecond } from "../measure.ts";
import { flopsOf, makeOperands, productError, PRODUCTS, type Product } from "../products.ts";
import { makeRecurrentProblem, RECURRENT, type RecurrentWorkload } from "../recurrent.ts";
import { rotated } from "../statistics.ts";
import { makeProblem, WORKLOADS, type Workload } from "../workloads.ts";
import { paceOf, type Pace } from "./pace.ts";
import { rememberedLosses } from "./reference.ts";
import type { Row } from "./rows.ts";
import type { Task } from "./tasks.ts";

export type Tell = (row: Row) => void;

/** One who takes part: `begin` opens it, does the first few and compares them. */
export interface Lane {
  readonly contender: string;
  readonly begin: () => Promise<{ readonly work: Repeated; readonly agreement: Agreement }>;
  /** Of the first trial: one step through many time steps may take seconds. */
  readonly fewest: number;
  readonly flops: number | null;
}

interface Running extends Lane {
  readonly work: Repeated;
  readonly steps: number;
}

/** Null where it fails or computes something else: then it is not timed. */
async function beginLane(workload: string, lane: Lane, { seconds }: Pace, tell: Tell): Promise<Running | null> {
  const { contender, flops } = lane,
    row = { kind: "agreement", workload, contender } as const;
  try {
    const {
      work,
      agreement: { ok, difference, says },
    } = await lane.begin();
    tell({ ...row, status: ok ? "agrees" : "wrong", difference, says });
    if (!ok) return null;
    const alone = await stepsPerSecond(work, lane.fewest, seconds);
    tell({ kind: "rate", workload, contender, round: 0, perSecond: alone.steps / alone.seconds, flops });
    return { ...lane, work, steps: alone.steps };
  } catch (error) {
    tell({ ...row, status: "failed", difference: null, says: (error as Error).message.split("\n")[0] });
    return null;
  }
}

/** Everybody in turn, not always in the same order. */
export async function interleave(workload: string, lanes: readonly Lane[], pace: Pace, tell: Tell): Promise<void> {
  const running: Running[] = [];
  for (const lane of lanes) running.push(...[await beginLane(workload, lane, pace, tell)].filter((one) => one !== null));
  for (let round = 1; round <= pace.rounds; round++) {
    for (const { work, steps, contender, flops } of rotated(running, round)) {
      const watch = new Stopwatch(),
        done = await work.run(steps, watch);
      tell({ kind: "rate", workload, contender, round, perSecond: done / watch.seconds, flops });
    }
  }
}

type Starts<W, P> = (workload: W, problem: P) => ReturnType<Contender["start"]>;

/** Trainings of one problem, their first losses compared with the float64 reference's. */
export async function trainingLanes<W extends Workload | RecurrentWorkload, P>(
  workload: W,
  problem: P,
  contenders: Readonly<Record<string, Starts<W, P>>>,
  compare: Comparison,
): Promise<Lane[]> {
  const reference = compare.steps === null ? null : await rememberedLosses(compare.folder, workload, compare.steps);
  return Object.entries(contenders).map(([contender, start]) => ({
    contender,
    fewest: workload.kind === "recurrent" ? 1 : 2,
    flops: workload.kind === "training" ? stepFlops(workload) : null,
    async begin() {
      const work = await start(workload, problem),
        losses = await work.losses(reference?.length ?? UNCOMPARED_STEPS);
      return { work, agreement: reference ? compareLosses(losses, reference) : fallingLosses(losses) };
    },
  }));
}

export interface Comparison {
  /** How many losses are compared; null where the reference would take minutes. */
  readonly steps: number | null;
  /** Where those of the reference are remembered. */
  readonly folder: string;
}

/** A whole cycle through the mini-batches, and the first of the next. */
const UNCOMPARED_STEPS = 9;

/** Where there is no reference: losses are numbers, and a mini-batch seen twice has the smaller one the second time. */
export function fallingLosses(losses: readonly number[]): Agreement {
  const ok = losses.every(Number.isFinite) && losses.at(-1)! < losses[0];
  return {
    ok,
    difference: NaN,
    says: `losses ${ok ? "fall" : "do not fall"} from ${losses[0]} to ${losses.at(-1)}; too large for the reference`,
  };
}

/** Multiplications and additions of the products of a step: no gradient of the data is needed. */
export function stepFlops({ widths, batch }: Pick<Workload, "widths" | "batch">): number {
  return widths.slice(1).reduce((sum, units, i) => sum + 2 * batch * widths[i] * units * (i === 0 ? 2 : 3), 0);
}

function productLanes(product: Product): Lane[] {
  const operands = makeOperands(product);
  const contenders: Record<string, ProductContender> = { deltaprop: ourProducts, "jax-js webgpu": jaxProducts };
  return Object.entries(contenders).map(([contender, its]) => ({
    contender,
    fewest: 1,
    flops: flopsOf(product),
    async begin() {
      const work = await its.start(product, operands);
      return { work, agreement: compareProduct(productError(product, operands, await work.answer())) };
    },
  }));
}

async function lanesOf(name: string, { lossSteps }: Pace, folder: string): Promise<Lane[]> {
  const training = WORKLOADS.find((one) => one.name === name),
    product = PRODUCTS.find((one) => one.name === name);
  if (training) {
    const both: Record<string, Contender> = { deltaprop: ours, "jax-js webgpu": jax };
    return trainingLanes(training, makeProblem(training), startsOf(both), { steps: lossSteps, folder });
  }
  if (product) return productLanes(product);
  const recurrent = RECURRENT.find((one) => one.name === name)!;
  const both: Record<string, RecurrentContender> = { deltaprop: ourRecurrent, "jax-js webgpu": jaxRecurrent };
  const steps = Math.min(lossSteps, recurrent.mostLosses);
  return trainingLanes(recurrent, makeRecurrentProblem(recurrent), startsOf(both), { steps, folder });
}

/** Their start() alone. */
const startsOf = <W, P>(contenders: Readonly<Record<string, { start: Starts<W, P> }>>): Record<string, Starts<W, P>> =>
  Object.fromEntries(
    Object.entries(contenders).map(([name, contender]) => [name, (workload: W, problem: P) => contender.start(workload, problem)]),
  );

/** deltaprop and jax-js on WebGPU. */
export async function contest({ name, quick }: Task, folder: string, tell: Tell): Promise<void> {
  const pace = paceOf(quick);
  await interleave(name, await lanesOf(name, pace, folder), pace, tell);
}
