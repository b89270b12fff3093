// Getting a GPU device, and saying in words what it is.

import { GpuError, OutOfMemoryError, UnsupportedError } from "../errors.ts";
import type { Precision } from "../schedule/precision.ts";
import type { Adapter } from "../schedule/tiles.ts";
import { loadUnsupported } from "../lazy.ts";

/** A device with what the rest of the room needs to know about it. */
export interface GpuContext {
  readonly device: GPUDevice;
  /** For people: "google swiftshader (software)". */
  readonly adapter: string;
  /** We asked for the device, so we destroy it. A user's own is never destroyed. */
  readonly owned: boolean;
}

/** Limits that plans profit from: we ask for what the adapter offers, since the defaults are small. */
const WANTED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
] as const;

const HALF = "shader-f16";
/** Features that kernels are faster with, what precision "f16" needs and what debug 3 times launches by: to have them costs nothing. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ["subgroups", HALF, "timestamp-query"];

const SOFTWARE = /swiftshader|llvmpipe|softpipe|microsoft basic render/i;

const SOFTWARE_MARK = " (software)";

/** All loops of an invocation together; llvmpipe ends them in silence after that. Seen in Mesa 22.3, nested or in a row. */
const LLVMPIPE_ITERATIONS = 65535;

/** What is said of an adapter that tells nothing of itself, as in Firefox: it may be a GPU or an emulation. */
export const UNNAMED = "unnamed adapter";

function describe(info: GPUAdapterInfo | undefined): string {
  if (!info) return UNNAMED;
  const words = [info.vendor, info.architecture, info.device, info.description].filter((word) => word);
  const name = [...new Set(words)].join(" ") || UNNAMED;
  return info.isFallbackAdapter || SOFTWARE.test(name) ? name + SOFTWARE_MARK : name;
}

/** What plans are made for. */
export function planAdapter({ device, adapter }: GpuContext): Adapter {
  const software = adapter.endsWith(SOFTWARE_MARK),
    swiftshader = /swiftshader/i.test(adapter);
  return {
    kind: software ? "software" : "gpu",
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
    maxWorkgroups: device.limits.maxComputeWorkgroupsPerDimension,
    // SwiftShader runs lanes by fours, in their order.
    quads: device.features.has("subgroups") && swiftshader,
    // Mesa's llvmpipe; in Firefox a software adapter has no name.
    maxIterations: software && !swiftshader ? LLVMPIPE_ITERATIONS : undefined,
  };
}

/**
 * Holds that the device computes with what the plans of this precision store; destroys one of our own that does not.
 * @throws UnsupportedError if "f16" is asked for and the device is without "shader-f16"
 */
export async function requirePrecision({ device, adapter, owned }: GpuContext, precision: Precision): Promise<void> {
  if (precision === "f32" || device.features.has(HALF)) return;
  if (owned) device.destroy();
  throw new UnsupportedError((await loadUnsupported()).withoutHalf(owned ? adapter : null));
}

/**
 * A device of the best adapter there is, or the user's own.
 * @throws UnsupportedError without WebGPU, without an adapter, or where the adapter gives no device
 */
export async function acquireDevice(given?: GPUDevice): Promise<GpuContext> {
  const gpu = (globalThis.navigator as Navigator | undefined)?.gpu;
  // Deno 2.9 panics when it is asked for the adapterInfo of a device whose adapter was garbage-collected: there the default adapter is described.
  const info = given && ("Deno" in globalThis ? (await gpu?.requestAdapter())?.info : given.adapterInfo);
  if (given) return { device: given, adapter: describe(info), owned: false };
  let thrown: ErrorOptions | undefined;
  try {
    const adapter = await gpu?.requestAdapter({ powerPreference: "high-performance" });
    if (adapter) return { device: await requestDevice(adapter), adapter: describe(adapter.info), owned: true };
  } catch (error) {
    thrown = { cause: error };
  }
  throw new UnsupportedError((await loadUnsupported()).withoutDevice(gpu, thrown), thrown);
}

/** With the adapter's own limits and features; some refuse even those, and give a device with the default ones. */
async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
  const requiredFeatures = WANTED_FEATURES.filter((name) => adapter.features.has(name));
  try {
    return await adapter.requestDevice({ label: "deltaprop", requiredLimits, requiredFeatures });
  } catch {
    return adapter.requestDevice({ label: "deltaprop" });
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What can be too large for a device, and what to do then. */
export const REMEDIES = {
  weights: "Use fewer units.",
  "data set": "Use fewer rows, or give bytes (a Uint8Array with a scale).",
  plan: "Use a smaller batchSize.",
} as const;

/** The buffers that the `create` of a checked() has made so far; null while there is none. */
let made: GPUBuffer[] | null = null;

const bytesOf = (buffers: readonly GPUBuffer[]): number => buffers.reduce((sum, { size }) => sum + size, 0);

const outOfMemory = (what: string, reason: string, bytes: number): OutOfMemoryError =>
  new OutOfMemoryError(
    `${what}: the GPU is out of memory (${reason}); ${bytes} bytes were asked for. ${(REMEDIES as Record<string, string>)[what] ?? ""}`.trimEnd(),
    bytes,
  );

/**
 * Every buffer is made here, so that checked() can say how many bytes were asked for, and free those made before one failed.
 * @throws OutOfMemoryError where the device throws a RangeError, as it may for memory that is to be mapped
 */
export function createBuffer(device: GPUDevice, descriptor: GPUBufferDescriptor): GPUBuffer {
  try {
    const buffer = device.createBuffer(descriptor);
    made?.push(buffer);
    return buffer;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw outOfMemory(descriptor.label ?? "buffer", error.message, bytesOf(made ?? []) + descriptor.size);
  }
}

/**
 * Runs `create` and turns a validation error or lack of memory of the calls in it into a GpuError; the buffers that it made
 * are then destroyed. `create` is synchronous, so that no other call on the device falls into its error scopes.
 * @param what names the place in errors; where it is a key of REMEDIES, its remedy is added
 * @throws OutOfMemoryError, GpuError, and what `create` throws
 */
export async function checked<T>(device: GPUDevice, what: string, create: () => T): Promise<T> {
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory");
  const buffers: GPUBuffer[] = (made = []);
  let result: { value: T } | null = null;
  let error: unknown = null;
  try {
    result = { value: create() };
  } catch (thrown) {
    error = thrown;
  }
  made = null;
  // Both scopes are popped before anything is awaited, in any case: a user's own device keeps its stack of them as it was.
  const scopes = await Promise.allSettled([device.popErrorScope(), device.popErrorScope()]);
  error = result === null ? error : scopeError(what, scopes, buffers);
  if (result !== null && error === null) return result.value;
  for (const buffer of buffers) buffer.destroy();
  throw error;
}

function scopeError(
  what: string,
  [memory, validation]: PromiseSettledResult<GPUError | null>[],
  buffers: readonly GPUBuffer[],
): GpuError | null {
  // The scopes of a lost device may refuse to be popped.
  const lost = [memory, validation].find(({ status }) => status === "rejected");
  if (lost?.status === "rejected") return new GpuError(`${what}: the GPU was lost (${wordsOf(lost.reason)}). Compile the model again.`);
  if (memory.status === "fulfilled" && memory.value) return outOfMemory(what, memory.value.message, bytesOf(buffers));
  return validation.status === "fulfilled" && validation.value ? new GpuError(`${what}: ${validation.value.message}`) : null;
}
