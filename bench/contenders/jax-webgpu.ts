// jax-js on its webgpu backend, by jax.ts.

import { jaxOn } from "./jax.ts";

export const contender = jaxOn("webgpu");
