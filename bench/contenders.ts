// The contenders by name: which bundle, which route.

import type { Cell } from "./recurrent.ts";

export interface ContenderInfo {
  readonly name: string;
  /** What it can be asked to do. */
  readonly kind: "training" | "recurrent" | "product";
  /** File under contenders/, and the name of its bundle. */
  readonly file: string;
  /** Where it runs its arithmetic; only GPUs have counts of GPU calls. */
  readonly device: "webgpu" | "wasm";
  /** Why it has no such recurrent layer with the workload's formula. */
  readonly lacks?: Readonly<Partial<Record<Cell, string>>>;
  /** Files of packages that its page fetches beside the bundle. */
  readonly assets: readonly string[];
}

const WASM = ["tfjs-backend-wasm-simd.wasm", "tfjs-backend-wasm-threaded-simd.wasm", "tfjs-backend-wasm.wasm"].map(
  (file) => `@tensorflow/tfjs-backend-wasm/dist/${file}`,
);

const trains = { kind: "training", assets: [] } as const,
  recurs = { kind: "recurrent", assets: [] } as const,
  multiplies = { kind: "product", assets: [] } as const;

/** r ⊙ h(t−1) comes before the product there, so no weights make both compute the same. */
const NO_GRU = { lacks: { gru: "its gru has no resetAfter, so it has another formula; minimize has the same by hand" } } as const;

export const CONTENDERS: readonly ContenderInfo[] = [
  { ...trains, name: "deltaprop", file: "deltaprop", device: "webgpu" },
  { ...trains, name: "jax-js webgpu", file: "jax-webgpu", device: "webgpu" },
  { ...trains, name: "tfjs webgpu fit", file: "tfjs-fit-webgpu", device: "webgpu" },
  { ...trains, name: "tfjs webgpu minimize", file: "tfjs-minimize-webgpu", device: "webgpu" },
  { ...trains, name: "deltaprop wasm", file: "deltaprop-wasm", device: "wasm" },
  { ...trains, name: "jax-js wasm", file: "jax-wasm", device: "wasm" },
  { ...trains, name: "tfjs wasm fit", file: "tfjs-fit-wasm", device: "wasm", assets: WASM },
  { ...trains, name: "tfjs wasm minimize", file: "tfjs-minimize-wasm", device: "wasm", assets: WASM },
  { ...recurs, name: "deltaprop", file: "deltaprop-rnn", device: "webgpu" },
  { ...recurs, name: "jax-js webgpu", file: "jax-rnn-webgpu", device: "webgpu" },
  { ...recurs, name: "tfjs webgpu fit", file: "tfjs-rnn-fit-webgpu", device: "webgpu", ...NO_GRU },
  { ...recurs, name: "tfjs webgpu minimize", file: "tfjs-rnn-minimize-webgpu", device: "webgpu" },
  { ...recurs, name: "deltaprop wasm", file: "deltaprop-rnn-wasm", device: "wasm" },
  { ...recurs, name: "jax-js wasm", file: "jax-rnn-wasm", device: "wasm" },
  { ...recurs, name: "tfjs wasm fit", file: "tfjs-rnn-fit-wasm", device: "wasm", assets: WASM, ...NO_GRU },
  { ...recurs, name: "tfjs wasm minimize", file: "tfjs-rnn-minimize-wasm", device: "wasm", assets: WASM },
  { ...multiplies, name: "deltaprop", file: "deltaprop-product", device: "webgpu" },
  { ...multiplies, name: "jax-js webgpu", file: "jax-product-webgpu", device: "webgpu" },
  { ...multiplies, name: "tfjs webgpu", file: "tfjs-product-webgpu", device: "webgpu" },
  { ...multiplies, name: "jax-js wasm", file: "jax-product-wasm", device: "wasm" },
  { ...multiplies, name: "tfjs wasm", file: "tfjs-product-wasm", device: "wasm", assets: WASM },
];
