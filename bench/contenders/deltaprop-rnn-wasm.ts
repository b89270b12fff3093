// deltaprop's recurrent networks on its WebAssembly backend, by the same route as deltaprop-rnn.ts.

import { recurrentOn } from "./deltaprop-rnn.ts";

export const recurrent = recurrentOn("wasm");
