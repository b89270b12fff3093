// Getting a GPU device, and saying in words what it is.

import { GpuError, UnsupportedError } from "../errors.ts";

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
  "maxBufferSize", "maxStorageBufferBindingSize", "maxStorageBuffersPerShaderStage", "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup", "maxComputeWorkgroupSizeX", "maxComputeWorkgroupSizeY",
] as const;

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|microsoft basic render/i;

function describe(info: GPUAdapterInfo | undefined): string {
  if (!info) return "unnamed adapter";
  const words = [info.vendor, info.architecture, info.device, info.description].filter((word) => word);
  const name = [...new Set(words)].join(" ") || "unnamed adapter";
  return info.isFallbackAdapter || SOFTWARE.test(name) ? `${name} (software)` : name;
}

const ADVICE = "Chrome and Edge 113+, Safari 26+ and Firefox 141+ have WebGPU, on pages served by https or from localhost; " +
  "on Linux Chrome needs --enable-unsafe-webgpu. Or compile with backend: \"cpu\".";

/**
 * A device of the best adapter there is, or the user's own.
 * @throws UnsupportedError without WebGPU or without an adapter
 */
export async function acquireDevice(given?: GPUDevice): Promise<GpuContext> {
  if (given) return { device: given, adapter: describe(given.adapterInfo), owned: false };
  const gpu = (globalThis.navigator as Navigator | undefined)?.gpu;
  if (!gpu) throw new UnsupportedError(`compile(): this host has no WebGPU (navigator.gpu is missing). ${ADVICE}`);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new UnsupportedError(`compile(): WebGPU is there but offers no adapter. ${ADVICE}`);
  const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
  const device = await adapter.requestDevice({ label: "deltaprop", requiredLimits });
  return { device, adapter: describe(adapter.info), owned: true };
}

/**
 * Runs `create` and turns a validation error or lack of memory of the calls in it into a GpuError.
 * Error scopes are closed in any case, so a user's own device keeps its stack of them as it was.
 */
export async function checked<T>(device: GPUDevice, what: string, create: () => T | Promise<T>): Promise<T> {
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory");
  let created: Promise<T>;
  try {
    created = Promise.resolve(create());
  } catch (error) {
    created = Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
  // Both scopes are popped before anything is awaited: other calls on the device must not fall into them.
  const errors = Promise.all([device.popErrorScope(), device.popErrorScope()]);
  const [outcome, [memory, validation]] = await Promise.all([Promise.allSettled([created]), errors]);
  if (memory) throw new GpuError(`${what}: the GPU is out of memory (${memory.message}). Use a smaller batch or data set.`);
  if (validation) throw new GpuError(`${what}: ${validation.message}`);
  if (outcome[0].status === "rejected") throw outcome[0].reason;
  return outcome[0].value;
}
