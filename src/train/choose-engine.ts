// backend "auto": a real GPU that has shown that it computes right, WebAssembly, the float64 reference, in this order but for
// networks so small that a GPU would spend its time on being told what to do. An emulated GPU is taken only when it is asked for.

import { openChoiceStore, type ChoiceStore } from "../gpu/choice-store.ts";
import { UnsupportedError } from "../errors.ts";
import { elementsOf, type Network } from "../model/network.ts";
import type { Backend } from "./backend.ts";
import { firstWrong, SPECIMENS, trialsFor } from "./canary.ts";
import { loadFloat64 } from "./load-float64.ts";
import { loadWasm } from "./load-wasm.ts";
import { DEFAULT_BATCH, type BackendOptions } from "./options.ts";
import { WebGpuBackend } from "./webgpu-backend.ts";

/** Whenever what the canary computes, or how, changes. */
const CANARY = 2;

/**
 * The model of costs, guesses of 2026-11 until GPUs were measured: multiply-adds a second of one thread of WebAssembly with SIMD and of a small
 * GPU, and seconds of a dependent dispatch (24 to 71 µs through a browser: arXiv 2604.02344).
 */
const WASM_FLOPS = 3e10, GPU_FLOPS = 5e11, DISPATCH_SECONDS = 4e-5, LEAST_DISPATCHES = 2;

/** Seconds of a training step of 32 rows: the network's products forward and back. */
export function predictedSeconds({ parameters, inputSteps }: Network): { readonly wasm: number; readonly gpu: number } {
  const matrices = parameters.filter(({ shape }) => shape.length === 2), weights = matrices.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  const flops = 6 * weights * DEFAULT_BATCH * inputSteps, dispatches = Math.max(LEAST_DISPATCHES, matrices.length + 1);
  return { wasm: flops / WASM_FLOPS, gpu: flops / GPU_FLOPS + dispatches * DISPATCH_SECONDS };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Whether this device may be trusted with the network, as it is remembered or else as it shows now; a warning says what is wrong with it. */
async function isTrusted({ context: { device, adapter } }: WebGpuBackend, network: Network, store: ChoiceStore): Promise<boolean> {
  const trials = trialsFor(network), host = (globalThis.navigator as Navigator | undefined)?.userAgent ?? "";
  const key = `canary ${CANARY} ${adapter} ${host} ${trials.map(({ specimen, way }) => SPECIMENS.indexOf(specimen) + way).join(" ")}`;
  const known = await store.read(key), knownWrong = trials.find(({ name }) => known === `wrong ${name}`);
  if (known === "right") return true;
  let wrong: string | null;
  try {
    wrong = knownWrong ? knownWrong.name : await firstWrong(trials, () => WebGpuBackend.create(device));
    await store.write(key, wrong === null ? "right" : `wrong ${wrong}`);
  } catch (error) {
    // It may have passed by the next time, so it is not remembered.
    wrong = messageOf(error);
  }
  if (wrong === null) return true;
  console.warn(`deltaprop: the GPU (${adapter}) does not compute what it should (${wrong}), so training runs on the CPU. ` +
    'backend: "webgpu" would use it all the same.');
  return false;
}

/** A GPU that is real, trusted, and expected to be quicker; null if there is none. */
async function openGpu(network: Network, store: ChoiceStore): Promise<WebGpuBackend | null> {
  const { wasm, gpu } = predictedSeconds(network);
  if (wasm <= gpu) return null;
  let backend: WebGpuBackend;
  try {
    backend = await WebGpuBackend.create();
  } catch (error) {
    if (error instanceof UnsupportedError) return null;
    throw error;
  }
  if (backend.planAdapter.kind === "gpu" && await isTrusted(backend, network, store)) return backend;
  backend.dispose();
  return null;
}

/** The engine for a network where the user named none. @throws what a GPU throws that is there and fails */
export async function chooseEngine(network: Network, options: BackendOptions, store = openChoiceStore()): Promise<Backend> {
  const gpu = await openGpu(network, store);
  if (gpu) return gpu;
  try {
    return await (await loadWasm()).WasmBackend.open(options);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    console.warn(`deltaprop: no GPU and no WebAssembly to train on here, so training runs on the CPU in float64. (${error.message})`);
    return (await loadFloat64()).CpuBackend.create();
  }
}
