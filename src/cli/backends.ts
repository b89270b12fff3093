// What --backend takes, and which of these need no GPU.

export const BACKENDS = ["auto", "webgpu", "wasm", "cpu"] as const;
export type BackendName = (typeof BACKENDS)[number];

/** Whether a backend computes on the CPU, where neither a browser nor a driver is needed. */
export const needsNoGpu = (backend: BackendName): boolean => backend === "cpu" || backend === "wasm";
