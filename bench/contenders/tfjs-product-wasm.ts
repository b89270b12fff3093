// TensorFlow.js on WebAssembly, by tfjs-product.ts. A call returns when it is done.

import { tfjsProduct } from "./tfjs-product.ts";
import { wasmReady } from "./tfjs-ready-wasm.ts";

export const products = tfjsProduct(wasmReady, 1);
