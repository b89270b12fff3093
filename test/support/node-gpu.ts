// Gives Node what a page has: navigator.gpu and the WebGPU constants, from the npm package `webgpu` (Dawn).
// VK_DRIVER_FILES chooses the Vulkan driver, as for any Vulkan program.

import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
const gpu = create([]);
if (globalThis.navigator === undefined) {
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
} else {
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
}
