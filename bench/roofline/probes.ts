// What the adapter reaches at most, by the simplest kernels that could: multiply-adds in registers, a copy, an empty dispatch,
// an empty submit. Variants and sizes are swept and the best is taken.

import type { Timer } from "./timer.ts";

export interface Ceilings {
  /** Multiplications and additions, two a fused pair. */
  readonly flopsPerSecond: number;
  /** Of the best variant. */
  readonly flopsBy: string;
  /** Read and written, of the best size: small ones stay in a cache. */
  readonly bytesPerSecond: number;
  readonly bytesBy: string;
  /** Of the largest size. */
  readonly largestBytesPerSecond: number;
  readonly largestBytes: number;
  /** One more dispatch that depends on the one before it. */
  readonly dispatchMicros: number;
  /** One more submit of one such dispatch, without waiting for it. */
  readonly submitMicros: number;
  /** From the submit of one such dispatch until its result is on the CPU. */
  readonly readbackMicros: number;
}

const LANES = 64,
  LOOPS = 256,
  MAX_PROBE_MICROS = 30_000,
  MAX_WORKGROUPS = 65535;

interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
}

async function kernel(device: GPUDevice, code: string, buffers: readonly GPUBuffer[]): Promise<Kernel> {
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  return { pipeline, group: device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }) };
}

async function submit(device: GPUDevice, { pipeline, group }: Kernel, workgroups: number, times: number): Promise<void> {
  const encoder = device.createCommandEncoder(),
    pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  const x = Math.min(workgroups, MAX_WORKGROUPS),
    y = Math.ceil(workgroups / x);
  for (let i = 0; i < times; i++) pass.dispatchWorkgroups(x, y);
  pass.end();
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
}

const storage = (device: GPUDevice, size: number): GPUBuffer => device.createBuffer({ size, usage: GPUBufferUsage.STORAGE });

/** `count` sums of four that depend on nothing but themselves, so that a unit's latency is hidden. */
function multiplyAdd(count: number, form: "fma" | "a * b + c"): string {
  const each = (line: (i: number) => string) => Array.from({ length: count }, (_, i) => line(i)).join("\n");
  const next = (i: number) => (form === "fma" ? `s${i} = fma(s${i}, factor, term);` : `s${i} = s${i} * factor + term;`);
  return `@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  // Unknown to the compiler, so that nothing is computed before.
  let factor = vec4<f32>(0.999 + out[0]);
  let term = vec4<f32>(f32(id.x % 7u) * 1e-3);
  ${each((i) => `var s${i} = vec4<f32>(f32(${i}), 1.0, 2.0, 3.0);`)}
  for (var i = 0u; i < ${LOOPS}u; i++) {
    ${each(next)}
  }
  let sum = ${Array.from({ length: count }, (_, i) => `s${i}`).join(" + ")};
  // Never true, which the compiler cannot know: all is computed, nothing is written.
  if (dot(sum, sum) < 0.0) { out[id.x] = sum.x; }
}`;
}

async function probeFlops({ device }: Timer, timer: Timer): Promise<Pick<Ceilings, "flopsPerSecond" | "flopsBy">> {
  const out = storage(device, 1 << 16);
  let best = { flopsPerSecond: 0, flopsBy: "" };
  for (const count of [2, 4, 8]) {
    for (const form of ["fma", "a * b + c"] as const) {
      const probe = await kernel(device, multiplyAdd(count, form), [out]);
      // From what fills a few cores to what fills a large GPU, as long as it does not take too long.
      for (let workgroups = 16, micros = 0; workgroups <= 1 << 16 && micros < MAX_PROBE_MICROS / 4; workgroups *= 8) {
        micros = (await timer.time((times) => submit(device, probe, workgroups, times), 64)).micros;
        const rate = ((workgroups * LANES * LOOPS * count * 4 * 2) / micros) * 1e6;
        const flopsBy = `${form}, ${count} × vec4, ${workgroups} workgroups`;
        if (micros > 0 && rate > best.flopsPerSecond) best = { flopsPerSecond: rate, flopsBy };
      }
    }
  }
  out.destroy();
  return best;
}

const COPY = `@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> copy: array<vec4<f32>>;
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32) {
  let at = (group.y * groups.x + group.x) * ${LANES}u + lane;
  if (at < arrayLength(&copy)) { copy[at] = source[at]; }
}`;

async function probeBytes({ device, pace }: Timer, timer: Timer) {
  const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize, pace === "quick" ? 2 ** 26 : 2 ** 28);
  let best = { bytesPerSecond: 0, bytesBy: "" },
    largest = { largestBytesPerSecond: 0, largestBytes: 0 };
  for (let bytes = 2 ** 20; bytes <= limit; bytes *= 4) {
    const source = storage(device, bytes),
      copy = storage(device, bytes),
      probe = await kernel(device, COPY, [source, copy]);
    const { micros } = await timer.time((times) => submit(device, probe, bytes / 16 / LANES, times), 64);
    const rate = ((2 * bytes) / micros) * 1e6;
    if (micros > 0 && rate > best.bytesPerSecond) best = { bytesPerSecond: rate, bytesBy: `a copy of ${bytes / 2 ** 20} MiB` };
    largest = { largestBytesPerSecond: rate, largestBytes: bytes };
    source.destroy();
    copy.destroy();
  }
  return { ...best, ...largest };
}

const EMPTY = `@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(1) fn main() { out[0] = out[0] + 1.0; }`;

const REPEATS = 4,
  READBACKS = 16;

/** Seconds of the fastest of a few tries. */
async function leastSeconds(action: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const started = performance.now();
    await action();
    least = Math.min(least, (performance.now() - started) / 1e3);
  }
  return least;
}

async function readBack(device: GPUDevice, { pipeline, group }: Kernel, source: GPUBuffer, staging: GPUBuffer): Promise<void> {
  const encoder = device.createCommandEncoder(),
    pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(source, 0, staging, 0, staging.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  staging.unmap();
}

async function probeCalls({ device }: Timer, timer: Timer): Promise<Pick<Ceilings, "dispatchMicros" | "submitMicros" | "readbackMicros">> {
  const out = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC }),
    probe = await kernel(device, EMPTY, [out]);
  const staging = device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const { micros } = await timer.time((times) => submit(device, probe, 1, times), 4096);
  const submits = 64;
  const submitted = await leastSeconds(() => Promise.all(Array.from({ length: submits }, () => submit(device, probe, 1, 1))));
  const read = await leastSeconds(async () => {
    for (let i = 0; i < READBACKS; i++) await readBack(device, probe, out, staging);
  });
  out.destroy();
  staging.destroy();
  return { dispatchMicros: micros, submitMicros: (submitted / submits) * 1e6, readbackMicros: (read / READBACKS) * 1e6 };
}

export const probe = async (timer: Timer): Promise<Ceilings> => ({
  ...(await probeFlops(timer, timer)),
  ...(await probeBytes(timer, timer)),
  ...(await probeCalls(timer, timer)),
});
