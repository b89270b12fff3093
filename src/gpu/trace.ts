// One step taken launch by launch, and what each launch wrote read back. Comes with what compares it (train/float64/float64.ts): training needs
// none of it.

import { sizeOf, tensorOf, type StepScalars } from "../graph/types.ts";
import { floatsOfHalves } from "./half.ts";
import { readFloats, writeStorage, type FloatsInBuffer } from "./memory.ts";
import type { StepExecutor } from "./step-executor.ts";

/** NaN as an f32, and as each of two f16. */
const NAN_BITS = 0x7fc07fc0;

/** What one launch wrote, by tensor. */
export type WrittenTensors = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/** Fills what a step writes before it is read back (intermediates and results) with NaN. */
export function poison({ device, own }: StepExecutor): void {
  for (const buffer of own) writeStorage(device, buffer, new Uint32Array(buffer.size / 4).fill(NAN_BITS));
}

function numbersOf(executor: StepExecutor, name: string, batch: number): FloatsInBuffer {
  const { graph, places } = executor.plan,
    tensor = tensorOf(graph, name),
    elements = sizeOf(tensor, batch),
    place = places.get(name);
  if (tensor.role === "result") return { buffer: executor.bufferOf("results"), elements };
  if (!place) throw new Error(`${name} has no place in memory`);
  const { memory, offset, type } = place;
  return { buffer: executor.bufferOf(memory), offset, elements, fromHalves: type === "f16" ? floatsOfHalves : undefined };
}

/**
 * Runs one step launch by launch and reads back what each launch wrote, before a later one can overwrite it. Intermediates are
 * filled with NaN first, so that a number nobody wrote cannot pass for a result.
 */
export async function traceStep(executor: StepExecutor, step: StepScalars): Promise<WrittenTensors[]> {
  const { device, plan } = executor,
    trace: WrittenTensors[] = [];
  poison(executor);
  executor.writeTable([step]);
  for (const [launch, { touches }] of plan.launches.entries()) {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    executor.dispatch(pass, launch, 0);
    pass.end();
    device.queue.submit([encoder.finish()]);
    const written = touches.filter(({ access }) => access === "read_write");
    const floats = await readFloats(
      device,
      written.map(({ tensor }) => numbersOf(executor, tensor, step.rows)),
    );
    trace.push(new Map(written.map(({ tensor }, i) => [tensor, floats[i]])));
  }
  return trace;
}
