// Gives Node what a page has: navigator.gpu and the WebGPU constants, from what the npm package `webgpu` (Dawn) exports. VK_DRIVER_FILES
// chooses the Vulkan driver, as for any Vulkan program.

export function setNavigatorGpu(gpu: GPU | undefined): void {
  // Node 20 has no navigator; later ones have one without gpu.
  if (globalThis.navigator === undefined) {
    Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  }
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true, writable: true });
}

export function provide({ create, globals }: { create: (options: string[]) => GPU; globals: object }): void {
  Object.assign(globalThis, globals);
  setNavigatorGpu(create([]));
}
