// Buffers: tensors that live from step to step, the data set, and reading back.

import { GpuError } from "../errors.ts";
import type { DeviceNumbers } from "../typed-arrays.ts";
import { memoryBytes, packWeights, SUMS, tooLarge, type Places } from "../schedule/places.ts";
import { BUFFER_USAGE, MAP_MODE } from "./constants.ts";
import { checked, createBuffer, REMEDIES } from "./device.ts";
import { nudged } from "./nudge.ts";

/** What is copied is copied in whole words. */
const copiedBytes = (bytes: number): number => Math.ceil(bytes / 4) * 4;
/** Buffers are sized in whole words, and WebGPU has none of size 0. */
const wholeWords = (bytes: number): number => Math.max(4, copiedBytes(bytes));
/** A larger one is made for each use: it would take memory that nothing else could have. */
const KEPT_STAGING_BYTES = 1 << 24;

/**
 * @param remedy what to do where it is too large
 * @throws OutOfMemoryError if one binding of this device cannot hold so many bytes
 */
export function createStorage(device: GPUDevice, bytes: number, label: string, remedy: string = REMEDIES.plan): GPUBuffer {
  const size = wholeWords(bytes);
  const limit = maxBindingBytes(device);
  if (size > limit) throw tooLarge(label, size, limit, remedy);
  return createBuffer(device, { label, size, usage: BUFFER_USAGE.storage | BUFFER_USAGE.copySource | BUFFER_USAGE.copyDestination });
}

/** @param at where in the buffer to write, in bytes */
export function writeStorage(device: GPUDevice, buffer: GPUBuffer, data: DeviceNumbers, at = 0): void {
  const whole = data.byteLength - (data.byteLength % 4);
  device.queue.writeBuffer(buffer, at, data.buffer, data.byteOffset, whole);
  if (whole === data.byteLength) return;
  // writeBuffer takes whole words only: the last bytes go alone.
  const rest = new Uint8Array(4);
  rest.set(new Uint8Array(data.buffer, data.byteOffset + whole, data.byteLength - whole));
  device.queue.writeBuffer(buffer, at + whole, rest);
}

export function createFrom(device: GPUDevice, data: DeviceNumbers, label: string, remedy: string = REMEDIES["data set"]): GPUBuffer {
  const buffer = createStorage(device, data.byteLength, label, remedy);
  writeStorage(device, buffer, data);
  return buffer;
}

/** A copy of the first bytes of a staging buffer as float32. @throws GpuError if the device is lost meanwhile */
export async function readStaging({ queue }: GPUDevice, staging: GPUBuffer, bytes: number): Promise<Float32Array<ArrayBuffer>> {
  try {
    await nudged(queue, staging.mapAsync(MAP_MODE.read, 0, bytes));
    const floats = new Float32Array(staging.getMappedRange(0, bytes)).slice();
    // Deno throws here, too, if the device was lost since.
    staging.unmap();
    return floats;
  } catch (error) {
    throw new GpuError(
      "The GPU was lost or freed before its results were read " +
        `(${error instanceof Error ? error.message : String(error)}). Compile the model again.`,
    );
  }
}

/** DeviceNumbers in a buffer, from number `offset` (default 0) on. */
export interface FloatsInBuffer {
  readonly buffer: GPUBuffer;
  /** Of f16 numbers: makes float32 of them (half.ts). Left out where they are f32. */
  readonly fromHalves?: (halves: Uint16Array) => Float32Array<ArrayBuffer>;
  readonly offset?: number;
  readonly elements: number;
}

const createStaging = (device: GPUDevice, bytes: number): GPUBuffer =>
  createBuffer(device, { label: "readback", size: wholeWords(bytes), usage: BUFFER_USAGE.copyDestination | BUFFER_USAGE.mapRead });

/**
 * Reads numbers back as float32; all copies go in one submit, made by the call itself. `offset` in bytes is a multiple of 4.
 * @param kept a staging buffer to use, and to leave alive, in place of one of its own
 * @throws OutOfMemoryError, or GpuError if the device is lost
 */
export async function readFloats(
  device: GPUDevice,
  sources: readonly FloatsInBuffer[],
  kept?: GPUBuffer,
): Promise<Float32Array<ArrayBuffer>[]> {
  const sizes = sources.map(({ elements, fromHalves }) => copiedBytes(elements * (fromHalves ? 2 : 4)));
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const staging = await checked(device, "readback", () => {
    const copy = kept ?? createStaging(device, total);
    const encoder = device.createCommandEncoder();
    let at = 0;
    sources.forEach(({ buffer, fromHalves, offset = 0 }, i) => {
      encoder.copyBufferToBuffer(buffer, offset * (fromHalves ? 2 : 4), copy, at, sizes[i]);
      at += sizes[i];
    });
    device.queue.submit([encoder.finish()]);
    return copy;
  });
  try {
    const { buffer: all } = await readStaging(device, staging, total);
    let start = 0;
    return sources.map(({ elements, fromHalves }, i) => {
      const begin = start;
      start += sizes[i];
      return fromHalves?.(new Uint16Array(all, begin, elements)) ?? new Float32Array(all, begin, elements).slice();
    });
  } finally {
    if (!kept) staging.destroy();
  }
}

/** Kernels number what a buffer holds, bytes where it holds bytes, in 32 bits. */
const NUMBERED_BYTES = 2 ** 32 - 4;

/** The largest buffer that a kernel of this device can bind whole, and number through. */
export const maxBindingBytes = ({ limits }: Pick<GPUDevice, "limits">): number =>
  Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize, NUMBERED_BYTES);

/** Weights and optimizer states by name, on the device from step to step, packed into few buffers. */
export class TensorStore {
  readonly #buffers = new Map<string, GPUBuffer>();
  #places: Places = new Map();
  /** Of the first write. */
  #names: readonly string[] = [];
  #staging: GPUBuffer | undefined;

  constructor(readonly device: GPUDevice) {}

  /** Where each tensor lies; the same from its first write on. */
  get places(): Places {
    return this.#places;
  }

  /**
   * Writes tensors; those that are new get buffers of their own, "weights" in the first call and "sums" in a later one.
   * @throws OutOfMemoryError if they do not fit the device; the new ones are then not there
   */
  async write(values: ReadonlyMap<string, Float32Array<ArrayBuffer>>): Promise<void> {
    const before = this.#places,
      added = new Map([...values].filter(([name]) => !before.has(name)));
    try {
      await checked(this.device, "weights", () => {
        if (added.size > 0) this.#allocate(added);
        for (const [name, data] of values) {
          const { memory, offset } = this.#place(name);
          writeStorage(this.device, this.buffer(memory), data, offset * 4);
        }
      });
    } catch (error) {
      if (added.size > 0) this.#places = before;
      throw error;
    }
  }

  read(names: readonly string[]): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    return this.#read(names);
  }

  async #read(names: readonly string[], staging?: GPUBuffer): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const floats = await readFloats(
      this.device,
      names.map((name) => {
        const { memory, ...place } = this.#place(name);
        return { buffer: this.buffer(memory), ...place };
      }),
      staging,
    );
    return new Map(names.map((name, i) => [name, floats[i]]));
  }

  /** All but sums; no two at a time, since all but large ones go through one buffer, which stays. */
  readAll(): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    return this.#read(this.#names, this.#staging);
  }

  /** @param memory as `places` name it */
  buffer(memory: string): GPUBuffer {
    const buffer = this.#buffers.get(memory);
    if (!buffer) throw new Error(`no buffer "${memory}" on the device`);
    return buffer;
  }

  dispose(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
    this.#staging?.destroy();
  }

  #allocate(values: ReadonlyMap<string, Float32Array>): void {
    const isFirst = this.#places.size === 0,
      sizes = [...values].map(([name, { length }]) => [name, length] as const);
    const places = packWeights(sizes, maxBindingBytes(this.device), isFirst ? "weights" : SUMS);
    this.#places = new Map([...this.#places, ...places]);
    for (const [memory, bytes] of memoryBytes(places)) {
      this.#buffers.set(memory, createStorage(this.device, bytes, memory, REMEDIES.weights));
    }
    if (!isFirst) return;
    this.#names = [...values.keys()];
    const bytes = 4 * sizes.reduce((sum, [, elements]) => sum + elements, 0);
    if (bytes <= KEPT_STAGING_BYTES) this.#staging = createStaging(this.device, bytes);
  }

  #place(name: string) {
    const place = this.#places.get(name);
    if (!place) throw new Error(`no tensor "${name}" on the device`);
    return place;
  }
}
