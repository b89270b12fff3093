// TensorFlow.js on WebGPU, by tfjs-rnn-minimize.ts.

import { tfjsRecurrentMinimize } from "./tfjs-rnn-minimize.ts";
import { webgpuReady } from "./tfjs-ready-webgpu.ts";

export const recurrent = tfjsRecurrentMinimize(webgpuReady);
