// Runs a plan launch by launch: its intermediates' memory, its bind groups, and the commands of one or many steps in one
// submit. In the steady state a submit writes one small table and creates nothing but the command buffer.

import type { StepScalars } from "../graph/types.ts";
import { STEP_BYTES } from "../schedule/launch.ts";
import type { Plan } from "../schedule/plan.ts";
import { BUFFER_USAGE } from "./constants.ts";
import { checked, createBuffer } from "./device.ts";
import { createStorage } from "./memory.ts";
import type { PipelineCache } from "./pipelines.ts";
import { ResultLog } from "./result-log.ts";
import type { External, StepExecutor } from "./step-executor.ts";
import { writeStep } from "./step-table.ts";

/** Dynamic offsets must be multiples of 256 bytes on some devices. */
const STEP_STRIDE = 256;

interface PreparedLaunch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
}

export class Executor implements StepExecutor {
  readonly #log: ResultLog;
  readonly #scratch = new Map<string, GPUBuffer>();
  #table: GPUBuffer | null = null;
  #prepared: readonly PreparedLaunch[] = [];

  private constructor(
    readonly device: GPUDevice,
    readonly plan: Plan,
    readonly external: External,
  ) {
    this.#log = new ResultLog(device, plan);
  }

  static async create(device: GPUDevice, pipelines: PipelineCache, plan: Plan, external: External): Promise<Executor> {
    const ready = await Promise.all(plan.launches.map((launch) => pipelines.get(launch)));
    return checked(device, "plan", () => {
      const executor = new Executor(device, plan, external);
      executor.#allocate(ready);
      return executor;
    });
  }

  #allocate(pipelines: readonly GPUComputePipeline[]): void {
    const { device, plan } = this;
    this.#table = createBuffer(device, {
      label: "steps",
      size: this.#log.capacity * STEP_STRIDE,
      usage: BUFFER_USAGE.uniform | BUFFER_USAGE.copyDestination,
    });
    for (const [memory, bytes] of plan.scratch) this.#scratch.set(memory, createStorage(device, bytes, memory));
    const table = this.#table;
    this.#prepared = plan.launches.map(({ bindings }, i) => ({
      pipeline: pipelines[i],
      group: this.#bind(
        pipelines[i],
        table,
        bindings.map(({ memory }) => memory),
      ),
    }));
  }

  get capacity(): number {
    return this.#log.capacity;
  }

  get resultElements(): number {
    return this.#log.elements;
  }

  submit(steps: readonly StepScalars[], stagingSlot: number): Promise<Float32Array<ArrayBuffer>> {
    this.writeTable(steps);
    return this.#log.submit(steps.length, stagingSlot, (encoder) => {
      const pass = encoder.beginComputePass();
      steps.forEach((_, index) => this.#prepared.forEach((_, launch) => this.dispatch(pass, launch, index)));
      pass.end();
    });
  }

  get own(): readonly GPUBuffer[] {
    return [...this.#scratch.values(), this.#log.buffer];
  }

  dispose(): void {
    this.#log.dispose();
    this.#table?.destroy();
    for (const buffer of this.#scratch.values()) buffer.destroy();
  }

  bufferOf(memory: string): GPUBuffer {
    return memory === "results" ? this.#log.buffer : (this.#scratch.get(memory) ?? this.external(memory));
  }

  #bind(pipeline: GPUComputePipeline, table: GPUBuffer, memories: readonly string[]): GPUBindGroup {
    return this.device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: table, size: STEP_BYTES } },
        ...memories.map((memory, i) => ({ binding: i + 1, resource: { buffer: this.bufferOf(memory) } })),
      ],
    });
  }

  dispatch(pass: GPUComputePassEncoder, launch: number, step: number): void {
    const { pipeline, group } = this.#prepared[launch];
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group, [step * STEP_STRIDE]);
    pass.dispatchWorkgroups(...this.plan.launches[launch].grid);
  }

  writeTable(steps: readonly StepScalars[]): void {
    if (!this.#table) throw new Error("the executor is not ready");
    const table = new ArrayBuffer(steps.length * STEP_STRIDE);
    steps.forEach((step, slot) => writeStep(table, slot * STEP_STRIDE, slot, step));
    this.device.queue.writeBuffer(this.#table, 0, table);
  }
}
