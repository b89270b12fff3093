// The same training on devices with and without `subgroups`, and with activations stored in f16 and in f32, in turn.

import { acquireDevice } from "../../src/gpu/device.ts";
import { compareLosses, type Agreement } from "../agreement.ts";
import { deltapropOn, type Variant } from "../contenders/deltaprop.ts";
import { recurrentOn } from "../contenders/deltaprop-rnn.ts";
import { makeRecurrentProblem, RECURRENT } from "../recurrent.ts";
import { makeProblem, WORKLOADS } from "../workloads.ts";
import { interleave, type Lane, type Tell } from "./contest.ts";
import { paceOf } from "./pace.ts";
import { rememberedLosses } from "./reference.ts";
import type { Task } from "./tasks.ts";

/**
 * How far losses may be from the reference where activations are stored in f16, which takes 2⁻¹¹ off each: losses here are
 * of the order of 1, and a few roundings of a few layers enter.
 */
const HALF_TOLERANCE = 2e-2;

interface Kind {
  readonly name: string;
  readonly features: readonly GPUFeatureName[];
  readonly precision: "f32" | "f16";
}

const KINDS: readonly Kind[] = [
  { name: "f32, subgroups", features: ["subgroups"], precision: "f32" },
  { name: "f32, no subgroups", features: [], precision: "f32" },
  { name: "f16, subgroups", features: ["subgroups", "shader-f16"], precision: "f16" },
  { name: "f16, no subgroups", features: ["shader-f16"], precision: "f16" },
];

/** Null where the adapter lacks one of the features. As the library asks for devices, with the adapter's limits. */
async function deviceWith(features: readonly GPUFeatureName[]): Promise<GPUDevice | null> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter || features.some((feature) => !adapter.features.has(feature))) return null;
  const { device } = await acquireDevice(),
    requiredLimits: Record<string, number> = {};
  for (const name in device.limits) requiredLimits[name] = device.limits[name as keyof GPUSupportedLimits] as number;
  device.destroy();
  return adapter.requestDevice({ requiredFeatures: [...features], requiredLimits });
}

interface Starter {
  readonly reference: (steps: number) => Promise<number[]>;
  readonly start: (variant: Variant) => Promise<Training>;
}

function starter(name: string, folder: string): Starter {
  const training = WORKLOADS.find((one) => one.name === name),
    recurrent = RECURRENT.find((one) => one.name === name);
  if (training) {
    const problem = makeProblem(training);
    return {
      reference: (steps) => rememberedLosses(folder, training, steps),
      start: (variant) => deltapropOn("webgpu", variant).start(training, problem),
    };
  }
  const problem = makeRecurrentProblem(recurrent!);
  return {
    reference: (steps) => rememberedLosses(folder, recurrent!, steps),
    start: (variant) => recurrentOn("webgpu", variant).start(recurrent!, problem),
  };
}

type Training = Awaited<ReturnType<ReturnType<typeof deltapropOn>["start"]>>;

/** As compareLosses(), with the bound of f16. */
function compareHalf(losses: readonly number[], reference: readonly number[]): Agreement {
  const agreement = compareLosses(losses, reference),
    ok = agreement.difference <= HALF_TOLERANCE;
  return { ...agreement, ok, says: ok ? "agrees as far as f16 can" : agreement.says };
}

export async function tryFeatures({ name, quick }: Task, folder: string, tell: Tell): Promise<void> {
  const pace = paceOf(quick),
    { reference, start } = starter(name, folder),
    expected = await reference(pace.lossSteps),
    lanes: Lane[] = [];
  for (const { name: contender, features, precision } of KINDS) {
    const device = await deviceWith(features);
    if (device === null) {
      tell({
        kind: "agreement",
        workload: name,
        contender,
        status: "not here",
        difference: null,
        says: `the adapter has not all of ${features.join(", ")}`,
      });
      continue;
    }
    lanes.push({
      contender,
      fewest: 1,
      flops: null,
      async begin() {
        const work = await start({ device, precision }),
          losses = await work.losses(expected.length);
        return { work, agreement: (precision === "f16" ? compareHalf : compareLosses)(losses, expected) };
      },
    });
  }
  await interleave(name, lanes, pace, tell);
}
