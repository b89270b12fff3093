// How the speed of training grows with the batch and with the width of layers.

import { deltapropOn } from "../contenders/deltaprop.ts";
import { makeProblem, type Workload } from "../workloads.ts";
import { interleave, stepFlops, trainingLanes, type Tell } from "./contest.ts";
import { paceOf } from "./pace.ts";
import type { Task } from "./tasks.ts";

/** From here on the float64 reference would take longer than what is measured. */
const MOST_REFERENCE_FLOPS = 3e8;
/** Of the networks of which the width is swept. */
const BATCH = 256;

/** "batch 64" → 784-128-10 with that batch; "width 512" → 512-512-10, batch 256. @throws Error for any other name */
export function workloadOf(name: string): Workload {
  const [, of, digits] = /^(batch|width) (\d+)$/.exec(name) ?? [],
    size = Number(digits);
  if (of === undefined) throw new Error(`no size ${name}`);
  const shared = {
    kind: "training",
    hidden: "relu",
    loss: "softmaxCrossentropy",
    optimizer: "adam",
    learningRate: 1e-3,
    epochSteps: 128,
  } as const;
  return of === "batch"
    ? { ...shared, name: `784-128-10 b${size} adam`, widths: [784, 128, 10], batch: size }
    : { ...shared, name: `${size}-${size}-10 b${BATCH} adam`, widths: [size, size, 10], batch: BATCH };
}

export async function trySize({ name, quick }: Task, folder: string, tell: Tell): Promise<void> {
  const workload = workloadOf(name),
    pace = paceOf(quick),
    ours = deltapropOn("webgpu");
  const steps = stepFlops(workload) <= MOST_REFERENCE_FLOPS ? pace.lossSteps : null;
  const lanes = await trainingLanes(workload, makeProblem(workload), { deltaprop: (...given) => ours.start(...given) }, { steps, folder });
  await interleave(workload.name, lanes, pace, tell);
}
