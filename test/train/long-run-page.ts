// The page of long-run.test.ts: trains by steps with the library on a device that counts, and asks from outside how large its heap is.

import { dataset, dense, sequential, sgd, type Logs } from "../../src/index.ts";
import { counted, ownDevice, type Counts } from "../gpu/counted-device.ts";

declare const heapBytes: () => Promise<number>;

export interface Standing {
  readonly counts: Counts;
  readonly heap: number;
}

export interface LongRun {
  readonly persistent: boolean;
  readonly steps: number;
  /** After each part. */
  readonly standings: readonly Standing[];
  readonly left: { readonly alive: number; readonly aliveBytes: number };
}

const ROWS = 64;
const numbers = (count: number, of: (i: number) => number) => Float32Array.from({ length: count }, (_, i) => of(i));

/** Where a workgroup holds so little, no network stays on the device. */
function withoutWorkgroupMemory(device: GPUDevice): void {
  const limits = new Proxy(device.limits, {
    get: (target, name: keyof GPUSupportedLimits) => (name === "maxComputeWorkgroupStorageSize" ? 0 : target[name]),
  });
  Object.defineProperty(device, "limits", { configurable: true, value: limits });
}

async function run({ persistent, parts, keep }: { persistent: boolean; parts: number[]; keep: boolean }): Promise<LongRun> {
  const device = await ownDevice(),
    counts = counted(device),
    standings: Standing[] = [],
    kept: Logs[] = [];
  if (!persistent) withoutWorkgroupMemory(device);
  const model = sequential({ seed: 1, layers: [dense({ units: 4, activation: "tanh", inputShape: [2] }), dense({ units: 1 })] });
  await model.compile({ optimizer: sgd(0.001), loss: "meanSquaredError", device });
  const data = dataset(
    numbers(ROWS * 2, (i) => Math.sin(3 * i)),
    numbers(ROWS, (i) => Math.cos(i)),
  );
  let steps = 0;
  for (const part of parts) {
    const onBatchEnd = (_: number, logs: Logs) => void kept.push(logs);
    ({ steps } = await model
      .fit(data, { steps: part, batchSize: 4, callbacks: keep ? { onBatchEnd } : {} })
      .then((history) => ({ steps: steps + history.steps })));
    standings.push({ counts: { ...counts }, heap: await heapBytes() });
  }
  const { persistent: isPersistent } = model.plan;
  data.dispose();
  model.dispose();
  const left = { alive: counts.alive, aliveBytes: counts.aliveBytes };
  device.destroy();
  return { persistent: isPersistent !== null, steps, standings, left };
}

Object.assign(globalThis, { run });
