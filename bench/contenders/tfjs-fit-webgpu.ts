// TensorFlow.js on WebGPU, by tfjs-fit.ts.

import { ready, setBackend } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-webgpu";
import { tfjsFit } from "./tfjs-fit.ts";

export const contender = tfjsFit(async () => {
  // false: it would have fallen back to another backend.
  if (!await setBackend("webgpu")) throw new Error("TensorFlow.js finds no WebGPU here.");
  await ready();
});
