// TensorFlow.js on WebGPU, by tfjs-minimize.ts.

import { ready, setBackend } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-webgpu";
import { tfjsMinimize } from "./tfjs-minimize.ts";

export const contender = tfjsMinimize(async () => {
  // false: it would have fallen back to another backend.
  if (!await setBackend("webgpu")) throw new Error("TensorFlow.js finds no WebGPU here.");
  await ready();
});
