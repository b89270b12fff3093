// TensorFlow.js on WebGPU, by tfjs-product.ts.

import { tfjsProduct } from "./tfjs-product.ts";
import { webgpuReady } from "./tfjs-ready-webgpu.ts";

export const products = tfjsProduct(webgpuReady);
