// jax-js on its wasm backend, by jax.ts.

import { jaxOn } from "./jax.ts";

export const contender = jaxOn("wasm");
