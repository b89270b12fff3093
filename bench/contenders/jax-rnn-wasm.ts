// jax-js on its wasm backend, by jax-rnn.ts.

import { jaxRecurrentOn } from "./jax-rnn.ts";

export const recurrent = jaxRecurrentOn("wasm");
