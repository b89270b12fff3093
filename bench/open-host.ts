// Opens the host of a runtime; the code of the other one is not loaded.

import type { Runtime } from "./arguments.ts";
import type { Host } from "./host.ts";

export async function openHost(runtime: Runtime, say: (line: string) => void): Promise<Host> {
  if (runtime === "node") return (await import("./node-host.ts")).NodeHost.open();
  return (await import("./browser-host.ts")).BrowserHost.open(runtime, say);
}
