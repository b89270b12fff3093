// Runs a persistent plan: all steps of a submit in one dispatch of one workgroup.

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

/** The table starts with the number of steps. */
const TABLE_HEADER_BYTES = 4;

export class PersistentExecutor implements StepExecutor {
  readonly #log: ResultLog;
  readonly #scratch: ReadonlyMap<string, GPUBuffer>;
  readonly #table: GPUBuffer;
  readonly #group: GPUBindGroup;

  /** Calls that make buffers, none of a size that could be refused; what they report is seen by `checked`. */
  private constructor(
    readonly device: GPUDevice,
    readonly pipeline: GPUComputePipeline,
    readonly plan: Plan,
    readonly external: External,
  ) {
    this.#log = new ResultLog(device, plan);
    this.#scratch = new Map([...plan.scratch].map(([memory, bytes]) => [memory, createStorage(device, bytes, memory)]));
    this.#table = createBuffer(device, {
      label: "steps",
      size: TABLE_HEADER_BYTES + this.#log.capacity * STEP_BYTES,
      usage: BUFFER_USAGE.storage | BUFFER_USAGE.copyDestination,
    });
    this.#group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: this.#table } },
        ...plan.launches[0].bindings.map(({ memory }, i) => ({ binding: i + 1, resource: { buffer: this.bufferOf(memory) } })),
      ],
    });
  }

  static async create(device: GPUDevice, pipelines: PipelineCache, plan: Plan, external: External): Promise<PersistentExecutor> {
    const pipeline = await pipelines.get(plan.launches[0]);
    return checked(device, "plan", () => new PersistentExecutor(device, pipeline, plan, external));
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
      this.dispatch(pass);
      pass.end();
    });
  }

  get own(): readonly GPUBuffer[] {
    return [...this.#scratch.values(), this.#log.buffer];
  }

  dispose(): void {
    this.#log.dispose();
    this.#table.destroy();
    for (const buffer of this.#scratch.values()) buffer.destroy();
  }

  dispatch(pass: GPUComputePassEncoder): void {
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.#group);
    pass.dispatchWorkgroups(1);
  }

  bufferOf(memory: string): GPUBuffer {
    return memory === "results" ? this.#log.buffer : (this.#scratch.get(memory) ?? this.external(memory));
  }

  writeTable(steps: readonly StepScalars[]): void {
    const table = new ArrayBuffer(TABLE_HEADER_BYTES + steps.length * STEP_BYTES);
    new Uint32Array(table, 0, 1)[0] = steps.length;
    steps.forEach((step, slot) => writeStep(table, TABLE_HEADER_BYTES + slot * STEP_BYTES, slot, step));
    this.device.queue.writeBuffer(this.#table, 0, table);
  }
}
