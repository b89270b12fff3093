// jax-js on its webgpu backend, by jax-rnn.ts.

import { jaxRecurrentOn } from "./jax-rnn.ts";

export const recurrent = jaxRecurrentOn("webgpu");
