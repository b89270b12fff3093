// A device of a test's own that counts the calls made on it.

/** Calls that make something on the device. A command encoder is the only thing that a steady state may make. */
export const CREATING = ["createBuffer", "createBindGroup", "createBindGroupLayout", "createPipelineLayout", "createShaderModule",
  "createComputePipelineAsync", "createCommandEncoder"] as const;

/** "alive" are the buffers made and not destroyed, "aliveBytes" and "writtenBytes" what they take and what was written. */
export type Counts = Record<(typeof CREATING)[number] | "writeBuffer" | "submit" | "alive" | "aliveBytes" | "writtenBytes", number>;

export async function ownDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("no adapter");
  return adapter.requestDevice();
}

/** Counts calls on the device and its queue from now on. */
export function counted(device: GPUDevice): Counts {
  const counts: Counts = { writeBuffer: 0, submit: 0, alive: 0, aliveBytes: 0, writtenBytes: 0, createBuffer: 0, createBindGroup: 0,
    createBindGroupLayout: 0, createPipelineLayout: 0, createShaderModule: 0, createComputePipelineAsync: 0, createCommandEncoder: 0 };
  const count = (target: object, name: keyof Counts): void => {
    const original = (target as Record<string, (...args: unknown[]) => unknown>)[name].bind(target);
    Object.defineProperty(target, name, { configurable: true, value: (...args: unknown[]) => {
      counts[name]++;
      if (name === "writeBuffer") counts.writtenBytes += (args[4] as number | undefined) ?? (args[2] as ArrayBuffer).byteLength;
      const made = original(...args);
      if (name === "createBuffer") follow(made as GPUBuffer);
      return made;
    } });
  };
  const follow = (buffer: GPUBuffer): void => {
    counts.alive++;
    counts.aliveBytes += buffer.size;
    let destroyed = false;
    const destroy = buffer.destroy.bind(buffer);
    Object.defineProperty(buffer, "destroy", { configurable: true, value: () => {
      if (!destroyed) {
        counts.alive--;
        counts.aliveBytes -= buffer.size;
      }
      destroyed = true;
      return destroy();
    } });
  };
  for (const name of CREATING) count(device, name);
  for (const name of ["writeBuffer", "submit"] as const) count(device.queue, name);
  return counts;
}

/** Makes the device say that one buffer of it holds no more than so many bytes. */
export function shrink(device: GPUDevice, bytes: number): void {
  const { limits } = device;
  const small = new Proxy(limits, { get: (target, name: keyof GPUSupportedLimits) =>
    (name === "maxStorageBufferBindingSize" || name === "maxBufferSize" ? bytes : target[name]) });
  Object.defineProperty(device, "limits", { configurable: true, value: small });
}
