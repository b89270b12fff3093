// An executor that times each launch on the device, by timestamp queries around a compute pass of its own. For compile({ debug: 3 }): a pass
// for each launch costs time, which no other training pays.

import type { StepScalars } from "../graph/types.ts";
import type { Plan } from "../schedule/plan.ts";
import { BUFFER_USAGE, MAP_MODE } from "./constants.ts";
import { checked, createBuffer } from "./device.ts";
import { readFloats } from "./memory.ts";
import { nudged } from "./nudge.ts";
import type { StepExecutor } from "./step-executor.ts";

/** WebGPU's limit for one query set. */
const MAX_QUERIES = 4096;
/** Bytes of a timestamp, nanoseconds in 64 bits. */
const TIMESTAMP_BYTES = 8;
const QUERY_RESOLVE = 0x200;

export const hasTimestamps = ({ features }: GPUDevice): boolean => features.has("timestamp-query");

/** @param steps training steps that the launch was for: more than one where it stays on the device */
export type LaunchTimed = (launch: number, milliseconds: number, steps: number) => void;

export class TimedExecutor implements StepExecutor {
  constructor(
    readonly inner: StepExecutor,
    readonly onTimed: LaunchTimed,
  ) {}

  get device(): GPUDevice {
    return this.inner.device;
  }

  get plan(): Plan {
    return this.inner.plan;
  }

  get own(): readonly GPUBuffer[] {
    return this.inner.own;
  }

  get resultElements(): number {
    return this.inner.resultElements;
  }

  get capacity(): number {
    const { capacity, plan } = this.inner;
    return plan.persistent ? capacity : Math.max(1, Math.min(capacity, Math.floor(MAX_QUERIES / 2 / plan.launches.length)));
  }

  writeTable(steps: readonly StepScalars[]): void {
    this.inner.writeTable(steps);
  }

  dispatch(pass: GPUComputePassEncoder, launch: number, step: number): void {
    this.inner.dispatch(pass, launch, step);
  }

  bufferOf(memory: string): GPUBuffer {
    return this.inner.bufferOf(memory);
  }

  dispose(): void {
    this.inner.dispose();
  }

  async submit(steps: readonly StepScalars[]): Promise<Float32Array<ArrayBuffer>> {
    const { device, plan, resultElements } = this,
      slots = plan.persistent ? [0] : steps.map((_, slot) => slot);
    const passes = slots.flatMap((slot) => plan.launches.map((_, launch) => ({ slot, launch })));
    this.writeTable(steps);
    const timing = this.#encode(passes);
    // Submitted by the call itself, behind the steps and before the next ones.
    const results = readFloats(device, [{ buffer: this.bufferOf("results"), elements: steps.length * resultElements }]);
    const [[floats]] = await Promise.all([
      results,
      timing.then((times) => passes.forEach(({ launch }, i) => this.onTimed(launch, times[i], plan.persistent ? steps.length : 1))),
    ]);
    return floats;
  }

  /** Submits the passes, and gives the milliseconds of each. */
  async #encode(passes: readonly { slot: number; launch: number }[]): Promise<number[]> {
    const { device } = this,
      count = 2 * passes.length,
      size = count * TIMESTAMP_BYTES;
    const { querySet, resolved, staging } = await this.#run(passes, count, size);
    try {
      await nudged(device.queue, staging.mapAsync(MAP_MODE.read));
      const stamps = new BigUint64Array(staging.getMappedRange().slice(0));
      // A device may set its clock back: then the time is not known, and counts as 0.
      return passes.map((_, i) => Math.max(0, Number(stamps[2 * i + 1] - stamps[2 * i]) / 1e6));
    } finally {
      querySet.destroy();
      resolved.destroy();
      staging.destroy();
    }
  }

  #run(passes: readonly { slot: number; launch: number }[], count: number, size: number) {
    const { device } = this;
    return checked(device, "timing", () => {
      const querySet = device.createQuerySet({ type: "timestamp", count });
      const resolved = createBuffer(device, { label: "timestamps", size, usage: QUERY_RESOLVE | BUFFER_USAGE.copySource });
      const staging = createBuffer(device, { label: "timestamps", size, usage: BUFFER_USAGE.copyDestination | BUFFER_USAGE.mapRead });
      const encoder = device.createCommandEncoder();
      passes.forEach(({ launch, slot }, i) => {
        const pass = encoder.beginComputePass({
          timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
        });
        this.dispatch(pass, launch, slot);
        pass.end();
      });
      encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
      device.queue.submit([encoder.finish()]);
      return { querySet, resolved, staging };
    });
  }
}
