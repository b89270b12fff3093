// Times one launch of a plan on buffers of its own, all zero, so that no weight or datum of the model is touched. Launches of
// plans that differ only in how products are cut share the buffers.

import { sizeOf } from "../graph/types.ts";
import type { Launch } from "../schedule/launch.ts";
import { memoryBytes } from "../schedule/places.ts";
import type { Plan } from "../schedule/plan.ts";
import { BUFFER_USAGE } from "./constants.ts";
import { checked, createBuffer } from "./device.ts";
import { createFrom, createStorage } from "./memory.ts";
import { nudged } from "./nudge.ts";
import { writeStep } from "./step-table.ts";

const TABLE_BYTES = 256;

/** Bytes of a buffer that the plan names. */
function bytesOf({ graph, batch, places, scratch }: Plan, memory: string): number {
  const planned = memoryBytes(places).get(memory) ?? scratch.get(memory);
  if (planned !== undefined) return planned;
  const tensors = [...graph.tensors.values()];
  if (memory === "results")
    return 4 * tensors.filter(({ role }) => role === "result").reduce((sum, tensor) => sum + sizeOf(tensor, batch), 0);
  // As many rows of the data as a mini-batch has.
  const data = tensors.find(({ name }) => name === memory);
  if (!data) throw new Error(`no tensor lies in "${memory}"`);
  return 4 * batch * data.cols;
}

export class LaunchBench {
  readonly #buffers = new Map<string, GPUBuffer>();
  #table: GPUBuffer | null = null;

  private constructor(readonly device: GPUDevice) {}

  /** @throws OutOfMemoryError */
  static create(device: GPUDevice, plan: Plan, { bindings }: Launch): Promise<LaunchBench> {
    const bench = new LaunchBench(device);
    return checked(device, "autotune", () => {
      bench.#allocate(
        plan,
        bindings.map(({ memory }) => memory),
      );
      return bench;
    });
  }

  #allocate(plan: Plan, memories: readonly string[]): void {
    const { device } = this,
      order = Uint32Array.from({ length: plan.batch }, (_, i) => i);
    for (const memory of memories) {
      this.#buffers.set(
        memory,
        memory === "order" ? createFrom(device, order, memory) : createStorage(device, bytesOf(plan, memory), memory),
      );
    }
    const table = new ArrayBuffer(TABLE_BYTES);
    writeStep(table, 0, 0, { rows: plan.batch, offset: 0, step: 0, learningRate: 1e-3, correctedRate: 1e-3 });
    this.#table = createBuffer(device, { label: "steps", size: TABLE_BYTES, usage: BUFFER_USAGE.uniform | BUFFER_USAGE.copyDestination });
    device.queue.writeBuffer(this.#table, 0, table);
  }

  /** Milliseconds of `repeats` launches, one after the other in one submit. */
  async time({ bindings, grid }: Launch, pipeline: GPUComputePipeline, repeats: number): Promise<number> {
    const { device } = this;
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: this.#table!, size: TABLE_BYTES } },
        ...bindings.map(({ memory }, i) => ({ binding: i + 1, resource: { buffer: this.#buffers.get(memory)! } })),
      ],
    });
    const encoder = device.createCommandEncoder(),
      pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group, [0]);
    for (let i = 0; i < repeats; i++) pass.dispatchWorkgroups(...grid);
    pass.end();
    const commands = encoder.finish(),
      start = performance.now();
    device.queue.submit([commands]);
    await nudged(device.queue, device.queue.onSubmittedWorkDone());
    return performance.now() - start;
  }

  dispose(): void {
    this.#table?.destroy();
    for (const buffer of this.#buffers.values()) buffer.destroy();
  }
}
