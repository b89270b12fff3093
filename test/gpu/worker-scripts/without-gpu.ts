// The library's worker where workers have no WebGPU.

Object.defineProperty(navigator, "gpu", { value: undefined });
await import("../../../src/train/worker/worker.ts");

export {};
