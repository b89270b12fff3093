// TensorFlow.js on WebGPU, by tfjs-rnn-fit.ts.

import { tfjsRecurrentFit } from "./tfjs-rnn-fit.ts";
import { webgpuReady } from "./tfjs-ready-webgpu.ts";

export const recurrent = tfjsRecurrentFit(webgpuReady);
