// A device of a test's own that counts the calls made on it.

/** Calls that make something on the device. A command encoder is the only thing that a steady state may make. */
export const CREATING = [
  "createBuffer",
  "createBindGroup",
  "createBindGroupLayout",
  "createPipelineLayout",
  "createShaderModule",
  "createComputePipelineAsync",
  "createCommandEncoder",
] as const;

/** "alive" are the buffers made and not destroyed, "aliveBytes" and "writtenBytes" what they take and what was written. */
export type Counts = Record<(typeof CREATING)[number] | "writeBuffer" | "submit" | "alive" | "aliveBytes" | "writtenBytes", number>;

export async function ownDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("no adapter");
  return adapter.requestDevice();
}

/** Counts calls on the device and its queue from now on. */
export function counted(device: GPUDevice): Counts {
  const counts: Counts = {
    writeBuffer: 0,
    submit: 0,
    alive: 0,
    aliveBytes: 0,
    writtenBytes: 0,
    createBuffer: 0,
    createBindGroup: 0,
    createBindGroupLayout: 0,
    createPipelineLayout: 0,
    createShaderModule: 0,
    createComputePipelineAsync: 0,
    createCommandEncoder: 0,
  };
  const count = (target: object, name: keyof Counts): void => {
    const original = (target as Record<string, (...args: unknown[]) => unknown>)[name].bind(target);
    Object.defineProperty(target, name, {
      configurable: true,
      value: (...args: unknown[]) => {
        // One of nothing only asks whether the GPU is done (nudge.ts).
        if (name !== "submit" || (args[0] as unknown[]).length > 0) counts[name]++;
        if (name === "writeBuffer") counts.writtenBytes += (args[4] as number | undefined) ?? (args[2] as ArrayBuffer).byteLength;
        const made = original(...args);
        if (name === "createBuffer") follow(made as GPUBuffer);
        return made;
      },
    });
  };
  const follow = (buffer: GPUBuffer): void => {
    counts.alive++;
    counts.aliveBytes += buffer.size;
    let destroyed = false;
    const destroy = buffer.destroy.bind(buffer);
    Object.defineProperty(buffer, "destroy", {
      configurable: true,
      value: () => {
        if (!destroyed) {
          counts.alive--;
          counts.aliveBytes -= buffer.size;
        }
        destroyed = true;
        return destroy();
      },
    });
  };
  for (const name of CREATING) count(device, name);
  for (const name of ["writeBuffer", "submit"] as const) count(device.queue, name);
  return counts;
}

/** Makes the device say that one buffer of it holds no more than so many bytes, and one dimension of a grid so many workgroups. */
export function shrink(device: GPUDevice, bytes: number, workgroups = device.limits.maxComputeWorkgroupsPerDimension): void {
  const { limits } = device;
  const less: Partial<Record<keyof GPUSupportedLimits, number>> = {
    maxStorageBufferBindingSize: bytes,
    maxBufferSize: bytes,
    maxComputeWorkgroupsPerDimension: workgroups,
  };
  const small = new Proxy(limits, { get: (target, name: keyof GPUSupportedLimits) => less[name] ?? target[name] });
  Object.defineProperty(device, "limits", { configurable: true, value: small });
}

/** The largest number of workgroups that was asked for in one dimension from now on. */
export function dispatched(device: GPUDevice): { most: number } {
  const seen = { most: 0 },
    wrap = (target: object, name: string, then: (made: object, args: unknown[]) => void): void => {
      const original = (target as Record<string, (...args: unknown[]) => object>)[name].bind(target);
      Object.defineProperty(target, name, {
        configurable: true,
        value: (...args: unknown[]) => {
          const made = original(...args);
          then(made, args);
          return made;
        },
      });
    };
  wrap(device, "createCommandEncoder", (encoder) =>
    wrap(encoder, "beginComputePass", (pass) =>
      wrap(pass, "dispatchWorkgroups", (_, args) => {
        seen.most = Math.max(seen.most, ...(args as number[]));
      }),
    ),
  );
  return seen;
}

/** How a device says that it has no memory left: an error in the scope that is open, and a buffer that is none; or at once. */
export type Refusal = "reported" | "thrown";

/**
 * Lets the createBuffer number `nth` from now on fail, counted from 1.
 * @returns how many were made since, and how many failed where no scope was open to hear of it
 */
export function failing(device: GPUDevice, nth: number, how: Refusal): { made: number; unheard: number } {
  const seen = { made: 0, unheard: 0 },
    scopes: { filter: GPUErrorFilter; full: boolean }[] = [];
  const create = device.createBuffer.bind(device),
    push = device.pushErrorScope.bind(device),
    pop = device.popErrorScope.bind(device);
  const replace = (name: "createBuffer" | "pushErrorScope" | "popErrorScope", value: unknown): void => {
    Object.defineProperty(device, name, { configurable: true, value });
  };
  replace("pushErrorScope", (filter: GPUErrorFilter) => {
    scopes.push({ filter, full: false });
    push(filter);
  });
  replace("popErrorScope", async () => {
    const scope = scopes.pop();
    const error = await pop();
    return scope?.full ? { message: "made to fail" } : error;
  });
  replace("createBuffer", (descriptor: GPUBufferDescriptor) => {
    if (++seen.made !== nth) return create(descriptor);
    if (how === "thrown") throw new RangeError("made to fail");
    const scope = scopes.findLast(({ filter }) => filter === "out-of-memory");
    if (scope) scope.full = true;
    else seen.unheard++;
    // Without usage it is invalid, as what a full device gives is.
    push("validation");
    const buffer = create({ ...descriptor, usage: 0 });
    void pop();
    return buffer;
  });
  return seen;
}

/** How often the state is copied in a fit() of this length at most: at the end, and every two seconds. */
export const copiesIn = (milliseconds: number): number => 1 + Math.floor(milliseconds / 2000);
