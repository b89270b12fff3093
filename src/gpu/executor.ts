// Runs a plan launch by launch: its intermediates' memory, its bind groups, and the commands of one or many steps in one
// submit. In the steady state a submit writes one small table and creates nothing but the command buffer.

import type { StepScalars } from "../graph/types.ts";
import { rowsOf, tensorOf } from "../graph/types.ts";
import { STEP_BYTES } from "../schedule/launch.ts";
import type { Plan } from "../schedule/plan.ts";
import { BUFFER_USAGE } from "./constants.ts";
import { checked } from "./device.ts";
import { createStorage, poison, readFloats } from "./memory.ts";
import type { PipelineCache } from "./pipelines.ts";
import { ResultLog } from "./result-log.ts";
import type { StepExecutor, Written } from "./step-executor.ts";
import { writeStep } from "./step-table.ts";

/** Dynamic offsets must be multiples of 256 bytes on some devices. */
const STEP_STRIDE = 256;
const MAX_STEPS_PER_SUBMIT = 256;

type External = (tensor: string) => GPUBuffer;

interface Prepared {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
}

export class Executor implements StepExecutor {
  readonly #log: ResultLog;
  readonly #slotOf = new Map<string, GPUBuffer>();
  readonly #buffers: GPUBuffer[] = [];
  #table: GPUBuffer | null = null;
  #prepared: readonly Prepared[] = [];

  private constructor(readonly device: GPUDevice, readonly plan: Plan, readonly external: External) {
    this.#log = new ResultLog(device, plan, MAX_STEPS_PER_SUBMIT);
  }

  static async create(device: GPUDevice, pipelines: PipelineCache, plan: Plan, external: External): Promise<Executor> {
    const ready = await Promise.all(plan.launches.map((launch) => pipelines.get(launch)));
    const free = (executor: Executor) => executor.dispose();
    const executor = await checked(device, "plan", () => new Executor(device, plan, external), free);
    try {
      await checked(device, "plan", () => executor.#allocate(ready));
      return executor;
    } catch (error) {
      executor.dispose();
      throw error;
    }
  }

  #allocate(pipelines: readonly GPUComputePipeline[]): void {
    const { device, plan } = this;
    this.#table = device.createBuffer({ label: "steps", size: this.#log.capacity * STEP_STRIDE,
      usage: BUFFER_USAGE.uniform | BUFFER_USAGE.copyDestination });
    this.#buffers.push(this.#table);
    plan.slots.forEach((slot, i) => {
      const buffer = createStorage(device, slot.bytes, `slot ${i}: ${slot.tensors.join(" ")}`);
      this.#buffers.push(buffer);
      slot.tensors.forEach((tensor) => this.#slotOf.set(tensor, buffer));
    });
    const table = this.#table;
    this.#prepared = plan.launches.map(({ bindings }, i) => ({ pipeline: pipelines[i],
      group: this.#bind(pipelines[i], table, bindings.map(({ tensor }) => tensor)) }));
  }

  get capacity(): number {
    return this.#log.capacity;
  }

  get resultElements(): number {
    return this.#log.elements;
  }

  submit(steps: readonly StepScalars[], lane: number): Promise<Float32Array<ArrayBuffer>> {
    this.#writeTable(steps);
    return this.#log.submit(steps.length, lane, (encoder) => {
      const pass = encoder.beginComputePass();
      steps.forEach((_, index) => this.#prepared.forEach((_, launch) => this.#dispatch(pass, launch, index)));
      pass.end();
    });
  }

  async trace(step: StepScalars): Promise<Written[]> {
    const trace: Written[] = [];
    this.poison();
    this.#writeTable([step]);
    for (let launch = 0; launch < this.#prepared.length; launch++) {
      const encoder = this.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      this.#dispatch(pass, launch, 0);
      pass.end();
      this.device.queue.submit([encoder.finish()]);
      const written = this.plan.launches[launch].bindings.filter(({ access }) => access === "read_write");
      const floats = await readFloats(this.device, written.map(({ tensor }) => {
        const { cols } = tensorOf(this.plan.graph, tensor);
        const rows = rowsOf(tensorOf(this.plan.graph, tensor), step.rows);
        return { buffer: this.#bufferOf(tensor), elements: rows * cols };
      }));
      trace.push(new Map(written.map(({ tensor }, i) => [tensor, floats[i]])));
    }
    return trace;
  }

  poison(): void {
    for (const buffer of [...new Set(this.#slotOf.values()), this.#log.buffer]) poison(this.device, buffer);
  }

  dispose(): void {
    this.#log.dispose();
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #bufferOf(tensor: string): GPUBuffer {
    if (tensorOf(this.plan.graph, tensor).role === "result") return this.#log.buffer;
    return this.#slotOf.get(tensor) ?? this.external(tensor);
  }

  #bind(pipeline: GPUComputePipeline, table: GPUBuffer, tensors: readonly string[]): GPUBindGroup {
    return this.device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: table, size: STEP_BYTES } },
        ...tensors.map((tensor, i) => ({ binding: i + 1, resource: { buffer: this.#bufferOf(tensor) } })),
      ],
    });
  }

  #dispatch(pass: GPUComputePassEncoder, launch: number, step: number): void {
    const { pipeline, group } = this.#prepared[launch];
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group, [step * STEP_STRIDE]);
    pass.dispatchWorkgroups(...this.plan.launches[launch].grid);
  }

  #writeTable(steps: readonly StepScalars[]): void {
    if (!this.#table) throw new Error("the executor is not ready");
    const table = new ArrayBuffer(steps.length * STEP_STRIDE);
    steps.forEach((step, slot) => writeStep(table, slot * STEP_STRIDE, slot, step));
    this.device.queue.writeBuffer(this.#table, 0, table);
  }
}
