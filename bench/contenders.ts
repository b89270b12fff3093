// The contenders by name: which bundle, which route.

export interface ContenderInfo {
  readonly name: string;
  /** File under contenders/, and the name of its bundle. */
  readonly file: string;
  /** Where it runs its arithmetic; only GPUs have counts of GPU calls. */
  readonly device: "webgpu" | "wasm";
  /** Files of packages that its page fetches beside the bundle. */
  readonly assets: readonly string[];
}

const WASM = ["tfjs-backend-wasm-simd.wasm", "tfjs-backend-wasm-threaded-simd.wasm", "tfjs-backend-wasm.wasm"]
  .map((file) => `@tensorflow/tfjs-backend-wasm/dist/${file}`);

export const CONTENDERS: readonly ContenderInfo[] = [
  { name: "deltaprop", file: "deltaprop", device: "webgpu", assets: [] },
  { name: "jax-js webgpu", file: "jax-webgpu", device: "webgpu", assets: [] },
  { name: "tfjs webgpu fit", file: "tfjs-fit-webgpu", device: "webgpu", assets: [] },
  { name: "tfjs webgpu minimize", file: "tfjs-minimize-webgpu", device: "webgpu", assets: [] },
  { name: "jax-js wasm", file: "jax-wasm", device: "wasm", assets: [] },
  { name: "tfjs wasm fit", file: "tfjs-fit-wasm", device: "wasm", assets: WASM },
  { name: "tfjs wasm minimize", file: "tfjs-minimize-wasm", device: "wasm", assets: WASM },
];
