// Which of the two kinds of executor a plan needs.

import type { Plan } from "../schedule/plan.ts";
import { Executor } from "./executor.ts";
import type { PipelineCache } from "./pipelines.ts";
import { loadPersistent } from "../lazy.ts";
import type { StepExecutor } from "./step-executor.ts";

/**
 * @param external the buffers of weights, optimizer states and data, by the names that the plan gives them
 * @throws GpuError if a shader does not compile or memory runs out
 */
export const createExecutor = async (
  device: GPUDevice,
  pipelines: PipelineCache,
  plan: Plan,
  external: (memory: string) => GPUBuffer,
): Promise<StepExecutor> =>
  (plan.persistent ? (await loadPersistent()).PersistentExecutor : Executor).create(device, pipelines, plan, external);
