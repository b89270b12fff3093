// The setup of GPU tests in Deno, whose WebGPU is there already. Vitest ends its thread with a call that Deno's node:worker_threads
// refuses as not implemented; there is nothing more to listen for by then.

import { parentPort } from "node:worker_threads";

if (parentPort) Object.defineProperty(parentPort, "removeAllListeners", { value: () => parentPort, configurable: true });
