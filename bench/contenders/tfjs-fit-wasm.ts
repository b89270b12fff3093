// TensorFlow.js on WebAssembly, by tfjs-fit.ts.

import { tfjsFit } from "./tfjs-fit.ts";
import { wasmReady } from "./tfjs-ready-wasm.ts";

export const contender = tfjsFit(wasmReady);
