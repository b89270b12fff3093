// How the TensorFlow.js contenders start its WebAssembly backend. The .wasm files lie beside the bundle. Threads need a
// cross-origin isolated page, which this one is not: it runs with SIMD on one thread.

import { ready, setBackend } from "@tensorflow/tfjs-core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

export async function wasmReady(): Promise<void> {
  setWasmPaths(new URL("./", location.href).href);
  if (!(await setBackend("wasm"))) throw new Error("TensorFlow.js does not start its WebAssembly here.");
  await ready();
}
