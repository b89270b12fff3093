// TensorFlow.js on WebGPU, by tfjs-fit.ts.

import { tfjsFit } from "./tfjs-fit.ts";
import { webgpuReady } from "./tfjs-ready-webgpu.ts";

export const contender = tfjsFit(webgpuReady);
