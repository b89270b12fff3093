// Runs a resident plan: all steps of a submit in one dispatch of one workgroup. Weights and optimizer states are copied
// into one packed buffer before the dispatch and back after it, all within the submit, so that everyone else finds them
// where they always are.

import type { StepScalars } from "../graph/types.ts";
import { STEP_BYTES } from "../schedule/launch.ts";
import type { Plan } from "../schedule/plan.ts";
import { PACKED, type PackedTensor } from "../schedule/resident.ts";
import { BUFFER_USAGE } from "./constants.ts";
import { checked } from "./device.ts";
import { createStorage, poison, readFloats } from "./memory.ts";
import type { PipelineCache } from "./pipelines.ts";
import { ResultLog } from "./result-log.ts";
import type { StepExecutor, Written } from "./step-executor.ts";
import { writeStep } from "./step-table.ts";

const MAX_STEPS_PER_SUBMIT = 4096;
/** The table starts with the number of steps. */
const TABLE_HEADER_BYTES = 4;

type External = (tensor: string) => GPUBuffer;

export class ResidentExecutor implements StepExecutor {
  readonly #log: ResultLog;
  readonly #table: GPUBuffer;
  readonly #packed: GPUBuffer;
  readonly #tensors: readonly PackedTensor[];
  readonly #result: string;
  readonly #group: GPUBindGroup;

  /** Three calls that make buffers, none of a size that could be refused; what they report is seen by `checked`. */
  private constructor(
    readonly device: GPUDevice, readonly pipeline: GPUComputePipeline, plan: Plan, readonly external: External,
  ) {
    if (!plan.resident) throw new Error("not a resident plan");
    this.#tensors = plan.resident.packed;
    this.#result = [...plan.graph.tensors.values()].find(({ role }) => role === "result")?.name ?? "";
    this.#log = new ResultLog(device, plan, MAX_STEPS_PER_SUBMIT);
    this.#table = device.createBuffer({ label: "steps", size: TABLE_HEADER_BYTES + this.#log.capacity * STEP_BYTES,
      usage: BUFFER_USAGE.storage | BUFFER_USAGE.copyDestination });
    this.#packed = createStorage(device, this.#tensors.reduce((sum, { elements }) => sum + elements * 4, 0), "packed");
    this.#group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: this.#table } }, ...plan.launches[0].bindings.map(({ tensor }, i) =>
        ({ binding: i + 1, resource: { buffer: this.#bufferOf(tensor) } }))],
    });
  }

  static async create(
    device: GPUDevice, pipelines: PipelineCache, plan: Plan, external: External,
  ): Promise<ResidentExecutor> {
    const pipeline = await pipelines.get(plan.launches[0]);
    return checked(device, "plan", () => new ResidentExecutor(device, pipeline, plan, external),
      (executor) => executor.dispose());
  }

  get capacity(): number {
    return this.#log.capacity;
  }

  get resultElements(): number {
    return this.#log.elements;
  }

  submit(steps: readonly StepScalars[], lane: number): Promise<Float32Array<ArrayBuffer>> {
    this.#writeTable(steps);
    return this.#log.submit(steps.length, lane, (encoder) => this.#encode(encoder));
  }

  async trace(step: StepScalars): Promise<Written[]> {
    this.poison();
    this.#writeTable([step]);
    const encoder = this.device.createCommandEncoder();
    this.#encode(encoder);
    this.device.queue.submit([encoder.finish()]);
    const floats = await readFloats(this.device, [
      { buffer: this.#log.buffer, elements: this.#log.elements },
      ...this.#tensors.map(({ tensor, elements }) => ({ buffer: this.external(tensor), elements })),
    ]);
    const names = [this.#result, ...this.#tensors.map(({ tensor }) => tensor)];
    return [new Map(names.map((name, i) => [name, floats[i]]))];
  }

  poison(): void {
    for (const buffer of [this.#packed, this.#log.buffer]) poison(this.device, buffer);
  }

  dispose(): void {
    this.#log.dispose();
    this.#table.destroy();
    this.#packed.destroy();
  }

  #encode(encoder: GPUCommandEncoder): void {
    for (const { tensor, offset, elements } of this.#tensors) {
      encoder.copyBufferToBuffer(this.external(tensor), 0, this.#packed, offset * 4, elements * 4);
    }
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.#group);
    pass.dispatchWorkgroups(1);
    pass.end();
    for (const { tensor, offset, elements } of this.#tensors) {
      encoder.copyBufferToBuffer(this.#packed, offset * 4, this.external(tensor), 0, elements * 4);
    }
  }

  #bufferOf(tensor: string): GPUBuffer {
    if (tensor === PACKED) return this.#packed;
    return tensor === this.#result ? this.#log.buffer : this.external(tensor);
  }

  #writeTable(steps: readonly StepScalars[]): void {
    const table = new ArrayBuffer(TABLE_HEADER_BYTES + steps.length * STEP_BYTES);
    new Uint32Array(table, 0, 1)[0] = steps.length;
    steps.forEach((step, slot) => writeStep(table, TABLE_HEADER_BYTES + slot * STEP_BYTES, slot, step));
    this.device.queue.writeBuffer(this.#table, 0, table);
  }
}
