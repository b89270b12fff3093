// One GPU device for all networks of a room's worker. The library asks for another one when it was lost.

import type { GpuAbsence } from "./engines.ts";

export class SharedDevice {
  #device: Promise<GPUDevice> | null = null;
  #losses = 0;

  /** Why there is none in the place of a device, where there is none. */
  static async find(): Promise<SharedDevice | GpuAbsence> {
    // Browsers hide the API from pages that are no secure contexts.
    if (!("gpu" in navigator) || !navigator.gpu) return isSecureContext ? "api" : "context";
    const adapter = await navigator.gpu.requestAdapter().catch(() => null);
    return adapter ? new SharedDevice() : "adapter";
  }

  /** How many devices were lost so far. */
  get losses(): number {
    return this.#losses;
  }

  /** The device as it is, or a new one. For compile({ device }). */
  readonly open = (): Promise<GPUDevice> => (this.#device ??= this.#request());

  /** As a driver that is reset, or a computer that sleeps, would do it. */
  lose(): void {
    const device = this.#device;
    this.#device = null;
    void device?.then((one) => one.destroy());
  }

  #request(): Promise<GPUDevice> {
    const found = this.#another();
    found
      .then(({ lost }) => lost)
      .then(
        () => {
          this.#losses++;
          this.#drop(found);
        },
        // The next one who asks looks again.
        () => this.#drop(found),
      );
    return found;
  }

  /** Another one may have taken its place already. */
  #drop(device: Promise<GPUDevice>): void {
    if (this.#device === device) this.#device = null;
  }

  async #another(): Promise<GPUDevice> {
    // An adapter gives one device only.
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter) throw new Error("There is no GPU any more. Reload the page, or choose WebAssembly.");
    const { maxComputeWorkgroupStorageSize, maxStorageBuffersPerShaderStage } = adapter.limits;
    return adapter.requestDevice({ requiredLimits: { maxComputeWorkgroupStorageSize, maxStorageBuffersPerShaderStage } });
  }
}
