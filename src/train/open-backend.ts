// Chooses the backend that compile() asked for.

import { InputError, UnsupportedError } from "../errors.ts";
import { show } from "../model/checks.ts";
import type { Backend } from "./backend.ts";
import { loadFloat64 } from "./load-float64.ts";
import type { CompileOptions } from "./options.ts";
import { WebGpuBackend } from "./webgpu-backend.ts";

/** @throws UnsupportedError if WebGPU was asked for and is not there */
export async function openBackend({ backend = "auto", device }: CompileOptions): Promise<Backend> {
  if (!["auto", "webgpu", "cpu"].includes(backend)) {
    throw new InputError(`compile(): backend must be "auto", "webgpu" or "cpu"; got ${show(backend)}.`);
  }
  if (device && backend === "cpu") throw new InputError('compile(): backend "cpu" takes no device. Leave one of them out.');
  if (backend === "cpu") return openCpu();
  try {
    return await WebGpuBackend.create(device);
  } catch (error) {
    if (backend === "webgpu" || device || !(error instanceof UnsupportedError)) throw error;
    console.warn(`deltaprop: no WebGPU here, training on the CPU in float64 instead. (${error.message})`);
    return openCpu();
  }
}

const openCpu = async (): Promise<Backend> => new (await loadFloat64()).CpuBackend();
