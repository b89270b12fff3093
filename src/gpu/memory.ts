// Buffers: tensors that live from step to step, the data set, and reading back.

import { UnsupportedError } from "../errors.ts";

type Numbers = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

/** Buffers are sized in whole words, and WebGPU has none of size 0. */
const wholeWords = (bytes: number): number => Math.max(4, Math.ceil(bytes / 4) * 4);

/** @throws UnsupportedError if one binding of this device cannot hold so many bytes */
export function createStorage(device: GPUDevice, bytes: number, label: string): GPUBuffer {
  const size = wholeWords(bytes);
  const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  if (size > limit) {
    throw new UnsupportedError(`${label}: ${size} bytes are asked for but one buffer of this device holds ${limit}. ` +
      "Use a smaller batch or fewer rows, or give bytes (Uint8Array with a scale) in place of floats.");
  }
  return device.createBuffer({ label, size,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
}

export function writeStorage(device: GPUDevice, buffer: GPUBuffer, data: Numbers): void {
  const whole = data.byteLength - (data.byteLength % 4);
  device.queue.writeBuffer(buffer, 0, data.buffer, data.byteOffset, whole);
  if (whole === data.byteLength) return;
  // writeBuffer takes whole words only: the last bytes go alone.
  const rest = new Uint8Array(4);
  rest.set(new Uint8Array(data.buffer, data.byteOffset + whole, data.byteLength - whole));
  device.queue.writeBuffer(buffer, whole, rest);
}

export function createFrom(device: GPUDevice, data: Numbers, label: string): GPUBuffer {
  const buffer = createStorage(device, data.byteLength, label);
  writeStorage(device, buffer, data);
  return buffer;
}

/** Reads float32 numbers back; all copies go in one submit. */
export async function readFloats(
  device: GPUDevice, sources: readonly { buffer: GPUBuffer; elements: number }[],
): Promise<Float32Array<ArrayBuffer>[]> {
  const total = sources.reduce((sum, { elements }) => sum + elements * 4, 0);
  const staging = device.createBuffer({ label: "readback", size: wholeWords(total),
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  try {
    const encoder = device.createCommandEncoder();
    let offset = 0;
    for (const { buffer, elements } of sources) {
      encoder.copyBufferToBuffer(buffer, 0, staging, offset, elements * 4);
      offset += elements * 4;
    }
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const all = new Float32Array(staging.getMappedRange()).slice();
    let start = 0;
    return sources.map(({ elements }) => all.slice(start, (start += elements)));
  } finally {
    staging.destroy();
  }
}

/** Weights and optimizer states by name, on the device from step to step. */
export class TensorStore {
  readonly #buffers = new Map<string, { buffer: GPUBuffer; elements: number }>();

  constructor(readonly device: GPUDevice) {}

  /** Writes tensors, creating the buffers of new ones. */
  write(values: ReadonlyMap<string, Float32Array<ArrayBuffer>>): void {
    for (const [name, data] of values) {
      const known = this.#buffers.get(name);
      if (known) writeStorage(this.device, known.buffer, data);
      else this.#buffers.set(name, { buffer: createFrom(this.device, data, name), elements: data.length });
    }
  }

  async read(names: readonly string[]): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const floats = await readFloats(this.device, names.map((name) => this.#get(name)));
    return new Map(names.map((name, i) => [name, floats[i]]));
  }

  buffer(name: string): GPUBuffer {
    return this.#get(name).buffer;
  }

  has(name: string): boolean {
    return this.#buffers.has(name);
  }

  dispose(): void {
    for (const { buffer } of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
  }

  #get(name: string) {
    const entry = this.#buffers.get(name);
    if (!entry) throw new Error(`no tensor "${name}" on the device`);
    return entry;
  }
}
