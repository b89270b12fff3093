// TensorFlow.js on WebGPU, by tfjs-minimize.ts.

import { tfjsMinimize } from "./tfjs-minimize.ts";
import { webgpuReady } from "./tfjs-ready-webgpu.ts";

export const contender = tfjsMinimize(webgpuReady);
