// Chooses the backend that compile() asked for, and finds another device for it when the first is lost.

import { InputError } from "../../errors.ts";
import { show } from "../../model/checks.ts";
import type { Network, Recipe } from "../../model/network.ts";
import type { Backend, BackendKind } from "../backend/backend.ts";
import { loadDebug, loadEngineChoice, loadFloat64, loadRecovery, loadWasm } from "../../lazy.ts";
import type { BackendOptions, CompileOptions } from "../call/options.ts";
import { WebGpuBackend } from "./webgpu-backend.ts";

/** With `debug` what the backend runs is logged: what does that is loaded for it. */
const watched = async ({ debug }: BackendOptions, open: () => Promise<Backend>): Promise<Backend> =>
  (debug ?? 0) === 0 ? open() : (await loadDebug()).watch(debug, open);

/** @throws InputError for options that say nothing or contradict each other; UnsupportedError if what was asked for is not there */
export const openBackend = (options: BackendOptions, network: Network, recipe: Recipe, autotune: boolean): Promise<Backend> =>
  watched(options, () => open(options, network, recipe, autotune));

async function open(options: BackendOptions, network: Network, recipe: Recipe, autotune: boolean): Promise<Backend> {
  const { backend = "auto", device, precision = "f32" } = options;
  if (!["auto", "webgpu", "wasm", "cpu"].includes(backend)) {
    throw new InputError(`compile(): backend must be "auto", "webgpu", "wasm" or "cpu"; got ${show(backend)}.`);
  }
  if (!["f32", "f16"].includes(precision)) {
    throw new InputError(`compile(): precision must be "f32" or "f16"; got ${show(precision)}.`);
  }
  if (backend === "cpu") return openCpu(device, precision);
  if (backend === "wasm") return openWasm(options, network, recipe);
  // Nothing stands in for a device or a precision that was asked for.
  if (backend === "webgpu" || device || precision === "f16") return openGpu(device, precision);
  return (await loadEngineChoice()).chooseEngine({ network, recipe, autotune }, options);
}

/** A backend of the kind that was lost on another device, or with other threads. @throws DeviceLostError if there is none */
export const reopenBackend = (kind: BackendKind, options: BackendOptions): Promise<Backend> =>
  watched(options, async () =>
    (await loadRecovery()).reopen(options.device, () => (kind === "wasm" ? openWasm(options) : openGpu(options.device, options.precision))),
  );

const openWasm = async (options: BackendOptions, network?: Network, recipe?: Recipe): Promise<Backend> =>
  (await loadWasm()).WasmBackend.open(options, network, recipe);

const openGpu = async (device: CompileOptions["device"], precision: CompileOptions["precision"]): Promise<Backend> =>
  WebGpuBackend.create(typeof device === "function" ? await device() : device, precision);

const openCpu = async (device?: CompileOptions["device"], precision?: CompileOptions["precision"]): Promise<Backend> =>
  (await loadFloat64()).CpuBackend.create(device, precision);
