// jax-js on its wasm backend, by jax-product.ts.

import { jaxProductOn } from "./jax-product.ts";

export const products = jaxProductOn("wasm");
