// The adapter at hand in full: name, features, limits, and how the library sees it.

import { acquireDevice, planAdapter } from "../../src/gpu/device.ts";
import type { AdapterRow } from "./rows.ts";

/** @throws UnsupportedError without an adapter */
export async function describeHere(): Promise<AdapterRow> {
  const context = await acquireDevice(),
    { device, adapter } = context;
  const limits: Record<string, number> = {};
  // Accessors of the prototype, so not found by Object.keys().
  for (const name in device.limits) {
    const value = device.limits[name as keyof GPUSupportedLimits];
    if (typeof value === "number") limits[name] = value;
  }
  const offered = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  return {
    kind: "adapter",
    adapter,
    plansFor: planAdapter(context).kind,
    runtime: `Node ${process.version} with webgpu (Dawn), ${process.platform} ${process.arch}`,
    features: [...(offered?.features ?? device.features)].sort(),
    limits,
  };
}
