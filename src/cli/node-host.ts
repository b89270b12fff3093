// Runs the job in this process: on the CPU (WebAssembly, or the reference), or on the WebGPU that the npm package `webgpu` (Dawn) gives Node.

import { UnsupportedError } from "../errors.ts";
import { needsNoGpu } from "./backends.ts";
import type { Say } from "./browser-install.ts";
import { startJob, type HostOf, type Job, type JobKind, type ResultOf } from "./jobs.ts";
import { giveWebgpu, takeWebgpu } from "./node-webgpu.ts";

/** What the library logs goes where the command's own lines go: past a progress bar, and off standard output with --json. */
async function startLogged<K extends JobKind>(job: Job<K>, host: HostOf<K>, say: Say): Promise<ResultOf<K>> {
  if (!job.request.debug) return startJob(job, host);
  const { log } = console;
  console.log = (...words: unknown[]) => say(words.join(" "));
  try {
    return await startJob(job, host);
  } finally {
    console.log = log;
  }
}

/**
 * @throws UnsupportedError if there is no adapter, saying what to do
 */
export async function runInNode<K extends JobKind>(job: Job<K>, host: HostOf<K>, say: Say): Promise<ResultOf<K>> {
  if (needsNoGpu(job.request.backend)) return startLogged(job, host, say);
  await giveWebgpu();
  try {
    return await startLogged(job, host, say);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    throw new UnsupportedError(
      "--runtime node: Node needs a Vulkan, Metal or Direct3D 12 driver for WebGPU. Install " +
        `one, or use --runtime chrome (which brings a software adapter) or --backend cpu. (${error.message})`,
    );
  } finally {
    takeWebgpu();
  }
}
