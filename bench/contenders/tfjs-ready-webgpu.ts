// How both kinds of TensorFlow.js contenders start its WebGPU backend.

import { ready, setBackend } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-webgpu";

export async function webgpuReady(): Promise<void> {
  // false: it would have fallen back to another backend.
  if (!(await setBackend("webgpu"))) throw new Error("TensorFlow.js finds no WebGPU here.");
  await ready();
}
