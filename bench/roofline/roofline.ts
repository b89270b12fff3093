// The bundle of `npm run bench:roofline`: the adapter's ceilings, then every launch of the training plans and products alone.
//
// A launch runs as a plan of its own, many times in a submit, on numbers of the right shape but no meaning: none of the
// kernels takes another path for other numbers.
// Recurrent plans are not among them: a launch that goes through time reads characters, and its work is not counted yet.

import { createExecutor } from "../../src/gpu/create-executor.ts";
import { acquireDevice, planAdapter } from "../../src/gpu/device.ts";
import { createFrom } from "../../src/gpu/memory.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { tensorOf, type StepScalars } from "../../src/graph/types.ts";
import type { Launch } from "../../src/schedule/launch.ts";
import { memoryBytes } from "../../src/schedule/places.ts";
import type { Plan } from "../../src/schedule/plan.ts";
import { compiledModel, trainingOf } from "../contenders/deltaprop.ts";
import { productPlan } from "../contenders/deltaprop-product.ts";
import { PRODUCTS } from "../products.ts";
import { uniform } from "../random.ts";
import { makeProblem, WORKLOADS, type Workload } from "../workloads.ts";
import { probe } from "./probes.ts";
import type { KernelTime, RooflineQuestion, RooflineResult } from "./report.ts";
import { Timer } from "./timer.ts";
import { bytesOfLaunch, flopsOfLaunch } from "./work.ts";

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
] as const;

/** With timestamps if there are any, and otherwise what the library asks for. */
async function openDevice(): Promise<GPUDevice> {
  const adapter = await (navigator as Partial<Navigator>).gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("there is no WebGPU adapter here");
  const optional = ["timestamp-query", "shader-f16", "subgroups"] as const;
  return adapter.requestDevice({
    requiredFeatures: optional.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  });
}

/** The plan that fit() makes for this workload here. */
async function trainingPlan(workload: Workload): Promise<Plan> {
  const problem = makeProblem(workload),
    model = await compiledModel(workload, problem, "webgpu");
  try {
    await trainingOf(model, workload, problem).losses(1);
    return model.plan;
  } finally {
    model.dispose();
  }
}

/** Buffers for all that lies outside a plan: numbers where there are floats, class 0, the rows in their order. */
function buffersFor(device: GPUDevice, plan: Plan, used: Map<string, GPUBuffer>): (memory: string) => GPUBuffer {
  const next = uniform(1),
    sizes = memoryBytes(plan.places),
    bindings = plan.launches.flatMap((launch) => launch.bindings);
  const numbers = (elements: number) => Float32Array.from({ length: elements }, () => next() / 8);
  const contents = (memory: string) => {
    const bytes = sizes.get(memory);
    if (bytes !== undefined) return numbers(bytes / 4);
    if (memory === "order") return Uint32Array.from({ length: plan.batch }, (_, i) => i);
    const elements = plan.batch * tensorOf(plan.graph, memory).cols;
    return bindings.find((one) => one.memory === memory)?.type === "f32" ? numbers(elements) : new Uint32Array(elements);
  };
  return (memory) => {
    const buffer = used.get(memory) ?? createFrom(device, contents(memory), memory);
    used.set(memory, buffer);
    return buffer;
  };
}

async function timeLaunch(timer: Timer, pipelines: PipelineCache, plan: Plan, launch: Launch): Promise<KernelTime> {
  const alone = Object.create(plan, { launches: { value: [launch] } }) as Plan,
    buffers = new Map<string, GPUBuffer>();
  const executor = await createExecutor(timer.device, pipelines, alone, buffersFor(timer.device, plan, buffers));
  const step: StepScalars = { rows: plan.batch, offset: 0, step: 0, learningRate: 1e-6, correctedRate: 1e-6 };
  try {
    const { micros, runs } = await timer.time((times) => executor.submit(Array<StepScalars>(times).fill(step), 0), executor.capacity);
    return {
      kernel: launch.kernel,
      label: launch.label,
      micros,
      runs,
      flops: flopsOfLaunch(plan.graph, plan.batch, launch),
      bytes: bytesOfLaunch(plan.graph, plan.batch, launch),
    };
  } finally {
    executor.dispose();
    buffers.forEach((buffer) => buffer.destroy());
  }
}

/** @param tell hears what is known so far: after the ceilings, and after each plan */
export async function roofline(
  { pace, tasks }: RooflineQuestion,
  tell: (soFar: RooflineResult) => void = () => {},
): Promise<RooflineResult> {
  const context = await acquireDevice(await openDevice()),
    { device } = context,
    timer = new Timer(device, pace),
    pipelines = new PipelineCache(device);
  const ceilings = await probe(timer),
    plans: { workload: string; kernels: KernelTime[] }[] = [];
  const soFar = (): RooflineResult => ({ kind: "roofline", method: timer.method, ceilings, plans: [...plans] });
  tell(soFar());
  for (const task of [...WORKLOADS, ...PRODUCTS].filter(({ name }) => tasks.includes(name))) {
    const plan = task.kind === "training" ? await trainingPlan(task) : productPlan(task, planAdapter(context));
    const kernels: KernelTime[] = [];
    for (const launch of plan.launches) kernels.push(await timeLaunch(timer, pipelines, plan, launch));
    plans.push({ workload: task.name, kernels });
    tell(soFar());
  }
  return soFar();
}
