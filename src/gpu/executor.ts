// Runs a plan: its intermediates' memory, its bind groups, and the commands of one or many steps in one submit.
// In the steady state a submit writes one small table and creates nothing but the command buffer.

import type { StepScalars } from "../graph/types.ts";
import { rowsOf, sizeOf, tensorOf } from "../graph/types.ts";
import { STEP_BYTES } from "../schedule/launch.ts";
import type { Plan } from "../schedule/plan.ts";
import { BUFFER_USAGE } from "./constants.ts";
import { checked } from "./device.ts";
import { createStorage, readFloats, readStaging, writeStorage } from "./memory.ts";
import type { PipelineCache } from "./pipelines.ts";

/** Dynamic offsets must be multiples of 256 bytes on some devices. */
const STEP_STRIDE = 256;
const MAX_STEPS_PER_SUBMIT = 256;
/** Results of one submit never take more than this, however wide the answers are. */
const MAX_RESULT_BYTES = 1 << 24;
/** Two submits may be under way, so that the GPU never waits for the CPU. */
export const SUBMITS_IN_FLIGHT = 2;

interface Prepared {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
}

export class Executor {
  /** Steps that one submit can hold. */
  readonly capacity: number;
  /** Numbers that each step leaves to be read back. */
  readonly resultElements: number;
  readonly #slotOf = new Map<string, GPUBuffer>();
  readonly #slots: GPUBuffer[];
  readonly #table: GPUBuffer;
  readonly #results: GPUBuffer;
  readonly #staging: GPUBuffer[];
  #prepared: readonly Prepared[] = [];

  private constructor(readonly device: GPUDevice, readonly plan: Plan) {
    const result = [...plan.graph.tensors.values()].find(({ role }) => role === "result");
    this.resultElements = result ? sizeOf(result, plan.batch) : 0;
    const bytes = this.resultElements * 4;
    this.capacity = Math.max(1, Math.min(MAX_STEPS_PER_SUBMIT, Math.floor(MAX_RESULT_BYTES / Math.max(bytes, 4))));
    this.#table = device.createBuffer({ label: "steps", size: this.capacity * STEP_STRIDE,
      usage: BUFFER_USAGE.uniform | BUFFER_USAGE.copyDestination });
    this.#results = createStorage(device, bytes * this.capacity, "results");
    this.#staging = Array.from({ length: SUBMITS_IN_FLIGHT }, (_, i) => device.createBuffer({ label: `results ${i}`,
      size: this.#results.size, usage: BUFFER_USAGE.copyDestination | BUFFER_USAGE.mapRead }));
    this.#slots = plan.slots.map((slot, i) => {
      const buffer = createStorage(device, slot.bytes, `slot ${i}: ${slot.tensors.join(" ")}`);
      slot.tensors.forEach((tensor) => this.#slotOf.set(tensor, buffer));
      return buffer;
    });
  }

  /**
   * @param external the buffers of weights, optimizer states and data, by tensor name
   * @throws GpuError if a shader does not compile or memory runs out
   */
  static async create(
    device: GPUDevice, pipelines: PipelineCache, plan: Plan, external: (tensor: string) => GPUBuffer,
  ): Promise<Executor> {
    const compiled = Promise.all(plan.launches.map((launch) => pipelines.get(launch)));
    const executor = await checked(device, "plan", () => new Executor(device, plan));
    try {
      const ready = await compiled;
      executor.#prepared = await checked(device, "plan", () => plan.launches.map((launch, i) => ({
        pipeline: ready[i], group: executor.#bind(ready[i], launch.bindings.map(({ tensor }) => tensor), external),
      })));
      return executor;
    } catch (error) {
      executor.dispose();
      throw error;
    }
  }

  /**
   * Runs steps in one submit and gives their results, one after the other (`resultElements` each).
   * @param lane which of the staging buffers to use; it must be free
   */
  async submit(steps: readonly StepScalars[], lane: number): Promise<Float32Array<ArrayBuffer>> {
    this.#writeTable(steps);
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    steps.forEach((_, index) => this.#prepared.forEach((_, launch) => this.#dispatch(pass, launch, index)));
    pass.end();
    const bytes = steps.length * this.resultElements * 4;
    const staging = this.#staging[lane];
    encoder.copyBufferToBuffer(this.#results, 0, staging, 0, bytes);
    this.device.queue.submit([encoder.finish()]);
    return readStaging(staging, bytes);
  }

  /**
   * Runs one step launch by launch and reads back what each launch wrote, before a later one can overwrite it.
   * Intermediates are filled with NaN first, so that a number nobody wrote cannot pass for a result.
   */
  async trace(
    step: StepScalars, external: (tensor: string) => GPUBuffer,
  ): Promise<ReadonlyMap<string, Float32Array<ArrayBuffer>>[]> {
    const trace: ReadonlyMap<string, Float32Array<ArrayBuffer>>[] = [];
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
        return { buffer: this.#bufferOf(tensor, external), elements: rows * cols };
      }));
      trace.push(new Map(written.map(({ tensor }, i) => [tensor, floats[i]])));
    }
    return trace;
  }

  /** Fills the memory of the intermediates and results with NaN. */
  poison(): void {
    for (const buffer of [...this.#slots, this.#results]) {
      writeStorage(this.device, buffer, new Uint32Array(buffer.size / 4).fill(0x7fc00000));
    }
  }

  dispose(): void {
    for (const buffer of [...this.#slots, this.#table, this.#results, ...this.#staging]) buffer.destroy();
  }

  #bufferOf(tensor: string, external: (tensor: string) => GPUBuffer): GPUBuffer {
    if (tensorOf(this.plan.graph, tensor).role === "result") return this.#results;
    return this.#slotOf.get(tensor) ?? external(tensor);
  }

  #bind(pipeline: GPUComputePipeline, tensors: readonly string[], external: (tensor: string) => GPUBuffer): GPUBindGroup {
    return this.device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: this.#table, size: STEP_BYTES } },
        ...tensors.map((tensor, i) => ({ binding: i + 1, resource: { buffer: this.#bufferOf(tensor, external) } })),
      ],
    });
  }

  #dispatch(pass: GPUComputePassEncoder, launch: number, step: number): void {
    const { pipeline, group } = this.#prepared[launch];
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group, [step * STEP_STRIDE]);
    pass.dispatchWorkgroups(...this.plan.launches[launch].grid);
  }

  /** The layout is that of struct Step in shaders/kernel.wgsl.ts. */
  #writeTable(steps: readonly StepScalars[]): void {
    const table = new ArrayBuffer(steps.length * STEP_STRIDE);
    steps.forEach(({ rows, offset, step, learningRate, correctedRate }, slot) => {
      new Uint32Array(table, slot * STEP_STRIDE, 4).set([rows, offset, slot, step]);
      new Float32Array(table, slot * STEP_STRIDE + 16, 3).set([learningRate, correctedRate, 1 / rows]);
    });
    this.device.queue.writeBuffer(this.#table, 0, table);
  }
}
