// One GPU device for all networks of a room's worker. The library asks for another one when it was lost.

import type { GpuAbsence } from "./engines.ts";

export class SharedDevice {
  #device: Promise<GPUDevice> | null = null;

  /** Why there is none in the place of a device, where there is none. */
  static async find(): Promise<SharedDevice | GpuAbsence> {
    // Browsers hide the API from pages that are no secure contexts.
    if (!("gpu" in navigator) || !navigator.gpu) return isSecureContext ? "api" : "context";
    const adapter = await navigator.gpu.requestAdapter().catch(() => null);
    return adapter ? new SharedDevice() : "adapter";
  }

  /** The device as it is, or a new one. For compile({ device }). */
  readonly open = (): Promise<GPUDevice> => (this.#device ??= this.#request());

  /** As a driver that is reset, or a computer that sleeps, would do it. */
  lose(): void {
    const device = this.#device;
    this.#device = null;
    void device?.then((one) => one.destroy());
  }

  async #request(): Promise<GPUDevice> {
    // An adapter gives one device only.
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter) throw new Error("There is no GPU any more. Reload the page, or choose WebAssembly.");
    const { maxComputeWorkgroupStorageSize, maxStorageBuffersPerShaderStage } = adapter.limits;
    const device = await adapter.requestDevice({ requiredLimits: { maxComputeWorkgroupStorageSize, maxStorageBuffersPerShaderStage } });
    void device.lost.then(() => {
      this.#device = null;
    });
    return device;
  }
}
