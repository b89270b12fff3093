// Gives Node what a benchmark's page has: navigator.gpu and the WebGPU constants, from the npm package `webgpu` (Dawn).

import { importWebgpu } from "../src/cli/optional.ts";

/** Timestamps of their full resolution: Dawn rounds them, against spying pages, to 0.1 ms. */
const DAWN_OPTIONS = ["enable-dawn-features=allow_unsafe_apis", "disable-dawn-features=timestamp_quantization"];

export async function giveBenchWebgpu(): Promise<void> {
  const { create, globals } = await importWebgpu();
  Object.assign(globalThis, globals);
  // Node 20 has no navigator; later ones have one without gpu. jax-js reads the name of the browser.
  if (globalThis.navigator === undefined) {
    Object.defineProperty(globalThis, "navigator", { value: { userAgent: `Node.js/${process.versions.node}` } });
  }
  Object.defineProperty(globalThis.navigator, "gpu", { value: create(DAWN_OPTIONS) });
}
