// Runs the job in this process: on the CPU (WebAssembly, or the reference), or on the WebGPU that the npm package `webgpu` (Dawn) gives Node.

import { UnsupportedError } from "../errors.ts";
import { needsNoGpu } from "./backends.ts";
import { startJob, type HostOf, type Job, type JobKind, type ResultOf } from "./jobs.ts";
import { giveWebgpu, takeWebgpu } from "./node-webgpu.ts";

/**
 * @throws UnsupportedError if there is no adapter, saying what to do
 */
export async function runInNode<K extends JobKind>(job: Job<K>, host: HostOf<K>): Promise<ResultOf<K>> {
  if (needsNoGpu(job.request.backend)) return startJob(job, host);
  await giveWebgpu();
  try {
    return await startJob(job, host);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    throw new UnsupportedError("--runtime node: Node needs a Vulkan, Metal or Direct3D 12 driver for WebGPU. Install " +
      `one, or use --runtime chrome (which brings a software adapter) or --backend cpu. (${error.message})`);
  } finally {
    takeWebgpu();
  }
}
