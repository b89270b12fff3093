// Runs the job in this process: on the CPU, or on the WebGPU that the npm package `webgpu` (Dawn) gives Node.

import { UnsupportedError } from "../errors.ts";
import { startJob, type HostOf, type Job, type JobKind, type ResultOf } from "./jobs.ts";
import { importWebgpu } from "./optional.ts";

function setNavigatorGpu(gpu: GPU | undefined): void {
  // Node 20 has no navigator; later ones have one without gpu.
  if (globalThis.navigator === undefined) {
    Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  }
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true, writable: true });
}

/**
 * @throws UnsupportedError if there is no adapter, saying what to do
 */
export async function runInNode<K extends JobKind>(job: Job<K>, host: HostOf<K>): Promise<ResultOf<K>> {
  if (job.request.backend === "cpu") return startJob(job, host);
  const { create, globals } = await importWebgpu();
  Object.assign(globalThis, globals);
  setNavigatorGpu(create([]));
  try {
    return await startJob(job, host);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    throw new UnsupportedError("--runtime node: Node needs a Vulkan, Metal or Direct3D 12 driver for WebGPU. Install " +
      `one, or use --runtime chrome (which brings a software adapter) or --backend cpu. (${error.message})`);
  } finally {
    // Dawn keeps the process alive for as long as something refers to it.
    setNavigatorGpu(undefined);
  }
}
