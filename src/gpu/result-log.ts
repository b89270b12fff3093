// What steps leave to be read back (loss, metrics, answers): one place a step on the device, copied once a submit.

import { sizeOf } from "../graph/types.ts";
import type { Plan } from "../schedule/plan.ts";
import { BUFFER_USAGE } from "./constants.ts";
import { createBuffer } from "./device.ts";
import { createStorage, maxBindingBytes, readStaging } from "./memory.ts";

/** Two submits may be under way, so that the GPU never waits for the CPU. */
export const SUBMITS_IN_FLIGHT = 2;
/** Results of one submit never take more than this, however wide the answers are. */
const MAX_BYTES = 1 << 24;
const MAX_STEPS = 256,
  MAX_PERSISTENT_STEPS = 4096;

/** Numbers that each step leaves, steps that one submit can hold, and what all of it takes on a device with this limit. */
export function logSize({ graph, batch, persistent }: Plan, maxBytes: number) {
  const result = [...graph.tensors.values()].find(({ role }) => role === "result");
  const elements = result ? sizeOf(result, batch) : 0;
  const fitting = Math.floor(Math.min(MAX_BYTES, maxBytes) / Math.max(elements * 4, 4));
  const capacity = Math.max(1, Math.min(persistent ? MAX_PERSISTENT_STEPS : MAX_STEPS, fitting));
  return { elements, capacity, bytes: (1 + SUBMITS_IN_FLIGHT) * elements * 4 * capacity };
}

export class ResultLog {
  /** Numbers that each step leaves. */
  readonly elements: number;
  /** Steps that one submit can hold. */
  readonly capacity: number;
  readonly buffer: GPUBuffer;
  readonly #staging: readonly GPUBuffer[];

  constructor(
    readonly device: GPUDevice,
    plan: Plan,
  ) {
    const { elements, capacity } = logSize(plan, maxBindingBytes(device)),
      bytes = elements * 4;
    this.elements = elements;
    this.capacity = capacity;
    this.buffer = createStorage(device, bytes * capacity, "results");
    this.#staging = Array.from({ length: SUBMITS_IN_FLIGHT }, (_, i) =>
      createBuffer(device, { label: `results ${i}`, size: this.buffer.size, usage: BUFFER_USAGE.copyDestination | BUFFER_USAGE.mapRead }),
    );
  }

  /** Submits what `encode` encodes, and gives what its steps left once they are done. */
  async submit(steps: number, stagingSlot: number, encode: (encoder: GPUCommandEncoder) => void): Promise<Float32Array<ArrayBuffer>> {
    const bytes = steps * this.elements * 4,
      staging = this.#staging[stagingSlot];
    const encoder = this.device.createCommandEncoder();
    encode(encoder);
    encoder.copyBufferToBuffer(this.buffer, 0, staging, 0, bytes);
    this.device.queue.submit([encoder.finish()]);
    return readStaging(this.device, staging, bytes);
  }

  dispose(): void {
    for (const buffer of [this.buffer, ...this.#staging]) buffer.destroy();
  }
}
