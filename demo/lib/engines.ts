// What a network of the page can run on. The names are those that the library gives its backends.

export const ENGINES = ["webgpu", "wasm", "cpu"] as const;
export type Engine = (typeof ENGINES)[number];

/** What a worker tells of the engine of its network. */
export interface EngineInfo {
  readonly backend: Engine;
  /** The engines that this browser and the policy of this page allow, in the order of ENGINES. */
  readonly engines: readonly Engine[];
}
