// backend "auto": a real GPU that has shown that it computes right, WebAssembly, the float64 reference, in this order but for
// networks so small that a GPU would spend its time on being told what to do. An emulated GPU is taken only when it is asked for.

import { openChoiceStore, type ChoiceStore } from "../../gpu/choice-store.ts";
import { UNNAMED } from "../../gpu/device.ts";
import { UnsupportedError } from "../../errors.ts";
import { elementsOf, type Network, type Recipe } from "../../model/network.ts";
import type { Backend } from "../backend/backend.ts";
import { firstWrong, SPECIMENS, trialsFor } from "./canary.ts";
import { isSecondFaster, prepareRunner, type TimedRunner } from "./engine-race.ts";
import { loadFloat64, loadWasm } from "../../lazy.ts";
import { DEFAULT_BATCH, type BackendOptions } from "../call/options.ts";
import { WebGpuBackend } from "./webgpu-backend.ts";

/** Whenever what the canary computes, or how, changes. */
const CANARY = 2;

/**
 * The model of costs, guesses of 2026-11 until GPUs were measured: multiply-adds a second of one thread of WebAssembly with SIMD and of a small
 * GPU, and seconds of a dependent dispatch (24 to 71 µs through a browser: arXiv 2604.02344).
 */
const WASM_FLOPS = 3e10,
  GPU_FLOPS = 5e11,
  DISPATCH_SECONDS = 4e-5,
  LEAST_DISPATCHES = 2;

/** Seconds of a training step of 32 rows: the network's products forward and back. */
export function predictedSeconds({ parameters, inputSteps }: Network): { readonly wasm: number; readonly gpu: number } {
  const matrices = parameters.filter(({ shape }) => shape.length === 2),
    weights = matrices.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  const flops = 6 * weights * DEFAULT_BATCH * inputSteps,
    dispatches = Math.max(LEAST_DISPATCHES, matrices.length + 1);
  return { wasm: flops / WASM_FLOPS, gpu: flops / GPU_FLOPS + dispatches * DISPATCH_SECONDS };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Whether this device may be trusted with the network, as it is remembered or else as it shows now; a warning says what is wrong with it. */
async function isTrusted({ context: { device, adapter } }: WebGpuBackend, network: Network, store: ChoiceStore): Promise<boolean> {
  const trials = trialsFor(network),
    host = (globalThis.navigator as Navigator | undefined)?.userAgent ?? "";
  const key = `canary ${CANARY} ${adapter} ${host} ${trials.map(({ specimen, way }) => SPECIMENS.indexOf(specimen) + way).join(" ")}`;
  const known = await store.read(key),
    knownWrong = trials.find(({ name }) => known === `wrong ${name}`);
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
  console.warn(
    `deltaprop: the GPU (${adapter}) does not compute what it should (${wrong}), so training runs on the CPU. ` +
      'backend: "webgpu" would use it all the same.',
  );
  return false;
}

/** What is to be trained, as compile() was told. */
export interface EngineRequest {
  readonly network: Network;
  readonly recipe: Recipe;
  /** Measures where the model of costs would do. */
  readonly autotune: boolean;
}

/** What the speed of a training step depends on, in words. */
const nameOf = ({ network: { stages, inputWidth, inputSteps }, recipe: { optimizer, loss } }: EngineRequest): string =>
  [
    `${inputSteps}×${inputWidth}`,
    ...stages.map((stage) => `${stage.type}${"activation" in stage ? ` ${stage.activation}` : ""} ${stage.width}`),
    optimizer.name,
    loss.name,
  ].join(" ");

/** Whether the network trains faster on this GPU than on WebAssembly: as it is remembered, or measured now. */
async function isFaster(
  { context: { device, adapter } }: WebGpuBackend,
  wanted: EngineRequest,
  options: BackendOptions,
  store: ChoiceStore,
): Promise<boolean> {
  const { userAgent = "", hardwareConcurrency = 0 } = (globalThis.navigator ?? {}) as Partial<Navigator>,
    { network, recipe } = wanted;
  const key = ["engine", adapter, userAgent, `${hardwareConcurrency} cores`, `threads ${options.threads ?? "any"}`, nameOf(wanted)].join(
    " | ",
  );
  const known = await store.read(key);
  if (known === "webgpu" || known === "wasm") return known === "webgpu";
  const { WasmBackend } = await loadWasm(),
    runners: TimedRunner[] = [];
  try {
    for (const open of [() => WasmBackend.open(options), () => WebGpuBackend.create(device)])
      runners.push(await prepareRunner(await open(), network, recipe));
    const faster = await isSecondFaster([runners[0], runners[1]]);
    await store.write(key, faster ? "webgpu" : "wasm");
    return faster;
  } catch (error) {
    // Without WebAssembly there is no race; what does not fit one of them is for the call that meets it.
    return error instanceof UnsupportedError && runners.length === 0;
  } finally {
    for (const runner of runners) runner.dispose();
  }
}

/**
 * A GPU that is real, trusted, and quicker: as the model of costs expects; or as it was measured, under `autotune` and where the
 * adapter has no name, since nobody knows then whether it is a GPU. Null if there is none.
 */
async function openGpu(wanted: EngineRequest, options: BackendOptions, store: ChoiceStore): Promise<WebGpuBackend | null> {
  const { network, autotune } = wanted,
    { wasm, gpu } = predictedSeconds(network);
  if (wasm <= gpu && !autotune) return null;
  let backend: WebGpuBackend;
  try {
    backend = await WebGpuBackend.create();
  } catch (error) {
    if (error instanceof UnsupportedError) return null;
    throw error;
  }
  const measures = autotune || backend.adapter === UNNAMED;
  if (
    backend.planAdapter.kind === "gpu" &&
    (await isTrusted(backend, network, store)) &&
    (!measures || (await isFaster(backend, wanted, options, store)))
  )
    return backend;
  backend.dispose();
  return null;
}

/** The engine for a network where the user named none. @throws what a GPU throws that is there and fails */
export async function chooseEngine(wanted: EngineRequest, options: BackendOptions, store = openChoiceStore()): Promise<Backend> {
  const gpu = await openGpu(wanted, options, store);
  if (gpu) return gpu;
  try {
    return await (await loadWasm()).WasmBackend.open(options, wanted.network, wanted.recipe);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    console.warn(`deltaprop: no GPU and no WebAssembly to train on here, so training runs on the CPU in float64. (${error.message})`);
    return (await loadFloat64()).CpuBackend.create();
  }
}
