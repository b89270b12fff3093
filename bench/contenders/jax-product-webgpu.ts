// jax-js on its webgpu backend, by jax-product.ts.

import { jaxProductOn } from "./jax-product.ts";

export const products = jaxProductOn("webgpu");
