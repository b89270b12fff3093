// TensorFlow.js on WebAssembly, by tfjs-rnn-minimize.ts.

import { tfjsRecurrentMinimize } from "./tfjs-rnn-minimize.ts";
import { wasmReady } from "./tfjs-ready-wasm.ts";

export const recurrent = tfjsRecurrentMinimize(wasmReady);
