// deltaprop on its WebAssembly backend, by the same route as deltaprop.ts.

import { deltapropOn } from "./deltaprop.ts";

export const contender = deltapropOn("wasm");
