// A model on an engine that says that it holds less in one piece than it does, and what it ever asked for.

import { expect, onTestFinished, vi } from "vitest";
import type { CompileOptions, Sequential, SequentialOptions } from "../../src/index.ts";
import { WasmBackend } from "../../src/train/engines/wasm-backend.ts";
import type { WasmEngine } from "../../src/wasm/engine.ts";
import { EngineMemory } from "../../src/wasm/memory.ts";
import { compiledModel, ENGINE } from "../support/models.ts";
import { counted, dispatched, ownDevice, shrink } from "./counted-device.ts";

export interface Limited {
  readonly model: Sequential;
  /** Pieces of memory that were asked for so far, and what else has to be made ready. */
  readonly made: () => Promise<number>;
  /** Pieces that are not free; on WebAssembly those of data and intermediates, without weights. */
  readonly alive: () => Promise<number>;
  /** The largest piece of this name, in bytes; of any that a kernel reads if left out. Data are one name on WebAssembly. */
  readonly largest: (name?: "x" | "y") => Promise<number>;
  /** The most workgroups in a dimension of a grid. */
  readonly workgroups: () => number;
}

interface Limits {
  /** Bytes of one buffer; of an array of the data on WebAssembly. */
  readonly bytes?: number;
  /** What intermediates take on WebAssembly, in one piece with records of 4,096 steps and their results. */
  readonly intermediates?: number;
  readonly workgroups?: number;
}

export const openLimited = (declared: SequentialOptions, recipe: CompileOptions, limits: Limits = {}): Promise<Limited> =>
  (ENGINE === "wasm" ? onWasm : onDevice)(declared, recipe, limits);

async function onDevice(declared: SequentialOptions, recipe: CompileOptions, { bytes, workgroups }: Limits): Promise<Limited> {
  const device = await ownDevice(),
    counts = counted(device),
    grids = dispatched(device),
    uncaptured: string[] = [];
  const sizes: { readonly label: string; readonly size: number }[] = [];
  device.addEventListener("uncapturederror", (event) => uncaptured.push(event.error.message));
  const create = device.createBuffer.bind(device);
  Object.defineProperty(device, "createBuffer", {
    configurable: true,
    value: (descriptor: GPUBufferDescriptor) => {
      sizes.push({ label: descriptor.label ?? "", size: descriptor.size });
      return create(descriptor);
    },
  });
  if (bytes !== undefined || workgroups !== undefined) shrink(device, bytes ?? 1 << 27, workgroups);
  const model = await compiledModel(declared, { ...recipe, device });
  onTestFinished(async () => {
    await device.queue.onSubmittedWorkDone();
    expect(uncaptured).toEqual([]);
    device.destroy();
  });
  // What no kernel binds may be larger than a binding: the table of steps, and where results are read.
  const isAny = (label: string): boolean => label !== "steps" && label !== "readback";
  return {
    model,
    alive: async () => counts.alive,
    workgroups: () => grids.most,
    made: async () => counts.createBuffer + counts.createBindGroup + counts.createShaderModule + counts.createComputePipelineAsync,
    largest: async (name) =>
      Math.max(...sizes.filter(({ label }) => (name === undefined ? isAny(label) : label === name)).map(({ size }) => size)),
  };
}

/** Data are read a little beyond their end. */
const SLACK = 64;
const DATA = "data set",
  INTERMEDIATES = "intermediates";

async function onWasm(declared: SequentialOptions, recipe: CompileOptions, { bytes, intermediates }: Limits): Promise<Limited> {
  const opening = vi.spyOn(WasmBackend, "open"),
    taking = vi.spyOn(EngineMemory.prototype, "take"),
    freeing = vi.spyOn(EngineMemory.prototype, "free");
  onTestFinished(() => [opening, taking, freeing].forEach((spy) => spy.mockRestore()));
  const model = await compiledModel(declared, { ...recipe, backend: "wasm" });
  const backend = await (opening.mock.results.at(-1)!.value as Promise<WasmBackend>),
    uploading = vi.spyOn(backend, "upload");
  Object.assign(backend, bytes === undefined ? {} : { dataBytes: bytes }, intermediates === undefined ? {} : { maxBytes: intermediates });

  /** What this backend's memory was asked for: the first data set that went there tells which memory that is. */
  async function memory(): Promise<EngineMemory | null> {
    const data: unknown = await uploading.mock.results[0]?.value;
    return data ? (data as { readonly engine: WasmEngine }).engine.memory : null;
  }
  async function taken() {
    const of = await memory();
    return taking.mock.calls
      .map(([size, what], i) => ({ size, what, at: taking.mock.results[i].value as number, order: taking.mock.invocationCallOrder[i] }))
      .filter((_, i) => taking.mock.contexts[i] === of);
  }
  async function alive(): Promise<number> {
    const of = await memory(),
      freed = freeing.mock.calls
        .map(([at], i) => ({ at, order: freeing.mock.invocationCallOrder[i] }))
        .filter((_, i) => freeing.mock.contexts[i] === of);
    return (await taken()).filter(
      ({ what, at, order }) => (what === DATA || what === INTERMEDIATES) && !freed.some((free) => free.at === at && free.order > order),
    ).length;
  }
  return {
    model,
    alive,
    made: async () => (await taken()).length,
    workgroups: () => 1,
    largest: async (name) =>
      Math.max(
        ...(await taken())
          .filter(({ what }) => (name === undefined ? what !== INTERMEDIATES : what === DATA))
          .map(({ what, size }) => (what === DATA ? size - SLACK : size)),
      ),
  };
}
