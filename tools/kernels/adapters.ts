// What plans can be made for without a device at hand.

import { DEFAULT_ADAPTER, type Adapter } from "../../src/schedule/tiles.ts";

export const PLAN_ADAPTERS = {
  gpu: DEFAULT_ADAPTER,
  /** SwiftShader, as Chrome brings it. */
  software: { kind: "software", quads: true, workgroupBytes: 32768 },
} as const satisfies Readonly<Record<string, Adapter>>;

export type AdapterName = keyof typeof PLAN_ADAPTERS;
export const ADAPTERS = Object.keys(PLAN_ADAPTERS) as AdapterName[];
