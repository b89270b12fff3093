// What fit() really asks of the device, counted call by call: so many dispatches a step as the plan says, and in the steady
// state nothing but one small write, one pass and one submit for many steps.

import { afterEach, describe, expect, it, vi } from "vitest";
import { adam, dense, dropout, l2, sequential, type Layer } from "../../src/index.ts";
import { copiesIn } from "./counted-device.ts";
import { normals, useGpu } from "./support.ts";

const gpu = useGpu();
const spies: { mockRestore(): void }[] = [];
afterEach(() => spies.splice(0).forEach((spy) => spy.mockRestore()));

/** Counts calls from here on. */
function count() {
  const watch = <T extends object>(target: T, method: keyof T & string) => {
    const spy = vi.spyOn(target, method as never);
    spies.push(spy);
    return spy as unknown as { mock: { calls: unknown[][] } };
  };
  const { device } = gpu;
  return {
    dispatches: watch(GPUComputePassEncoder.prototype, "dispatchWorkgroups"),
    passes: watch(GPUCommandEncoder.prototype, "beginComputePass"),
    submits: watch(device.queue, "submit"),
    writes: watch(device.queue, "writeBuffer"),
    buffers: watch(device, "createBuffer"),
    groups: watch(device, "createBindGroup"),
    modules: watch(device, "createShaderModule"),
    pipelines: watch(device, "createComputePipelineAsync"),
  };
}
const callsOf = (counts: ReturnType<typeof count>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, { mock }]) => [name, mock.calls.filter((call) => !isEmpty(call[0])).length]));
/** A submit of nothing only asks whether the GPU is done (nudge.ts). */
const isEmpty = (first: unknown): boolean => Array.isArray(first) && first.length === 0;

function layersOf(widths: readonly number[], rich: boolean): Layer[] {
  return widths.slice(1).flatMap((units, i): Layer[] => {
    const isLast = i === widths.length - 2;
    const layer = dense({
      units,
      activation: isLast ? "softmax" : "relu",
      ...(i === 0 ? { inputShape: [widths[0]] } : {}),
      ...(rich ? { kernelRegularizer: l2(1e-4) } : {}),
    });
    return rich && !isLast ? [layer, dropout({ rate: 0.2 })] : [layer];
  });
}

/** A model that is being trained, and the calls between its second epoch and the end of its last. */
async function steadyState(widths: readonly number[], batchSize: number, rich = false) {
  const model = sequential({ seed: 1, layers: layersOf(widths, rich) });
  await model.compile({
    optimizer: rich ? adam({ clipValue: 1 }) : adam(),
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
    device: gpu.device,
  });
  const rows = 4 * batchSize,
    epochs = 5,
    classes = widths[widths.length - 1];
  let counts: ReturnType<typeof count> | undefined;
  const began = performance.now();
  await model.fit(
    normals(rows * widths[0], 1),
    Uint32Array.from({ length: rows }, (_, i) => i % classes),
    {
      batchSize,
      epochs,
      callbacks: {
        onEpochBegin: (epoch) => {
          if (epoch === 1) counts = count();
        },
      },
    },
  );
  const steps = 4 * (epochs - 1),
    { launchesPerStep } = model.plan;
  model.dispose();
  if (!counts) throw new Error("the second epoch never began");
  return { calls: callsOf(counts), steps, launchesPerStep, copies: copiesIn(performance.now() - began) };
}

describe.each([
  [[2, 64, 64, 2], 32, 2],
  [[64, 128, 128, 10], 8, 2],
  [[784, 128, 10], 16, 3],
  [[300, 256, 160, 10], 8, 5],
] as const)("%j", (widths, batch, launches) => {
  it.each([false, true])(`takes ${launches} dispatches a step (with penalties, dropout, clipping: %s), and makes nothing`, async (rich) => {
    const { calls, steps, launchesPerStep, copies } = await steadyState(widths, batch, rich);
    expect(launchesPerStep).toBe(launches);
    expect(calls).toMatchObject({ dispatches: launches * steps, buffers: 0, groups: 0, modules: 0, pipelines: 0 });
    // Those without a pass copy the state from which training would go on, were the GPU lost.
    expect(calls.submits - calls.passes).toBeGreaterThanOrEqual(0);
    expect(calls.submits - calls.passes).toBeLessThanOrEqual(copies);
    expect(calls.submits).toBeLessThan(steps);
    // One for the steps of a submit, one for the order of an epoch.
    expect(calls.writes).toBeLessThanOrEqual(calls.submits + 4);
  });
});

it("control: what is counted is what is called", async () => {
  const counts = count();
  gpu.device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE }).destroy();
  gpu.device.queue.submit([gpu.device.createCommandEncoder().finish()]);
  gpu.device.queue.submit([]);
  expect(callsOf(counts)).toMatchObject({ buffers: 1, submits: 1, dispatches: 0 });
});
