// TensorFlow.js on WebAssembly, by tfjs-rnn-fit.ts.

import { tfjsRecurrentFit } from "./tfjs-rnn-fit.ts";
import { wasmReady } from "./tfjs-ready-wasm.ts";

export const recurrent = tfjsRecurrentFit(wasmReady);
