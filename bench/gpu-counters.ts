// Counts what a page asks of WebGPU, by wrapping the prototypes. For a run of its own: it costs time in every call.

export interface GpuCounts {
  readonly dispatches: number;
  readonly submits: number;
  readonly buffers: number;
  readonly bindGroups: number;
  readonly shaderModules: number;
  readonly writes: number;
  readonly readbacks: number;
}

type Counter = keyof GpuCounts;
type Method = (this: object, ...args: unknown[]) => unknown;

const counts: Record<Counter, number> = {
  dispatches: 0,
  submits: 0,
  buffers: 0,
  bindGroups: 0,
  shaderModules: 0,
  writes: 0,
  readbacks: 0,
};
let liveBytes = 0,
  peakBytes = 0;

/** Calls `before` on each call of the method, `after` with what it returned. */
function wrap(prototype: object, name: string, before: (self: object) => void, after?: (result: unknown) => void): void {
  const methods = prototype as Record<string, Method>,
    original = methods[name];
  methods[name] = function counted(...args) {
    before(this);
    const result = original.apply(this, args);
    after?.(result);
    return result;
  };
}

/** From now on everything is counted. Call once, before a device is asked for. */
export function installCounters(): void {
  const count = (prototype: object, name: string, counter: Counter) =>
    wrap(prototype, name, () => {
      counts[counter]++;
    });
  count(GPUComputePassEncoder.prototype, "dispatchWorkgroups", "dispatches");
  count(GPUComputePassEncoder.prototype, "dispatchWorkgroupsIndirect", "dispatches");
  count(GPUQueue.prototype, "submit", "submits");
  count(GPUQueue.prototype, "writeBuffer", "writes");
  count(GPUDevice.prototype, "createBindGroup", "bindGroups");
  count(GPUDevice.prototype, "createShaderModule", "shaderModules");
  count(GPUBuffer.prototype, "mapAsync", "readbacks");
  const alive = new WeakSet<object>();
  wrap(
    GPUDevice.prototype,
    "createBuffer",
    () => {
      counts.buffers++;
    },
    (buffer) => {
      alive.add(buffer as GPUBuffer);
      liveBytes += (buffer as GPUBuffer).size;
      peakBytes = Math.max(peakBytes, liveBytes);
    },
  );
  wrap(GPUBuffer.prototype, "destroy", (buffer) => {
    if (alive.delete(buffer)) liveBytes -= (buffer as GPUBuffer).size;
  });
}

export const readCounts = (): GpuCounts => ({ ...counts });
/** The most bytes in buffers not destroyed, at any time so far. */
export const readPeakBytes = (): number => peakBytes;

/** What came between two readings, per step. */
export function perStep(start: GpuCounts, stop: GpuCounts, steps: number): GpuCounts {
  const result: Record<Counter, number> = { ...stop };
  for (const name of Object.keys(result) as Counter[]) result[name] = (stop[name] - start[name]) / steps;
  return result;
}
