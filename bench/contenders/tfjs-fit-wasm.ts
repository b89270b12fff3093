// TensorFlow.js on WebAssembly, by tfjs-fit.ts. The .wasm files lie beside the bundle. Threads need a cross-origin
// isolated page, which this one is not: it runs with SIMD on one thread.

import { ready, setBackend } from "@tensorflow/tfjs-core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { tfjsFit } from "./tfjs-fit.ts";

export const contender = tfjsFit(async () => {
  setWasmPaths(new URL("./", location.href).href);
  if (!await setBackend("wasm")) throw new Error("TensorFlow.js does not start its WebAssembly here.");
  await ready();
});
