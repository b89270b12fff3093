// TensorFlow.js on WebAssembly, by tfjs-minimize.ts.

import { tfjsMinimize } from "./tfjs-minimize.ts";
import { wasmReady } from "./tfjs-ready-wasm.ts";

export const contender = tfjsMinimize(wasmReady);
