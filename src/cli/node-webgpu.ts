// Gives Node what a page has: navigator.gpu and the WebGPU constants, from the npm package `webgpu` (Dawn). VK_DRIVER_FILES
// chooses the Vulkan driver, as for any Vulkan program.

import { importWebgpu } from "./optional.ts";

function setNavigatorGpu(gpu: GPU | undefined): void {
  // Node 20 has no navigator; later ones have one without gpu.
  if (globalThis.navigator === undefined) {
    Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  }
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true, writable: true });
}

/** @throws UnsupportedError if the package is not there or does not load */
export async function giveWebgpu(): Promise<void> {
  const { create, globals } = await importWebgpu();
  Object.assign(globalThis, globals);
  setNavigatorGpu(create([]));
}

/** Dawn keeps the process alive for as long as something refers to it. */
export const takeWebgpu = (): void => setNavigatorGpu(undefined);
