// What a network of the page can run on. The names are those that the library gives its backends.

export const ENGINES = ["webgpu", "wasm", "cpu"] as const;
export type Engine = (typeof ENGINES)[number];

/** Why there is no WebGPU: the page is no secure context, the browser has no such API, or it has one and found no GPU for it. */
export type GpuAbsence = "context" | "api" | "adapter";

/** What a worker tells of the engine of its network. */
export interface EngineInfo {
  readonly backend: Engine;
  /** The engines that this browser and the policy of this page allow, in the order of ENGINES. */
  readonly engines: readonly Engine[];
  /** Null where there is WebGPU. */
  readonly noGpu: GpuAbsence | null;
}
