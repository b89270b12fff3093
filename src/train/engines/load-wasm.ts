// Loads the WebAssembly engine, when a model is compiled for it.

/** @throws what the host says where the file cannot be loaded */
export const loadWasm = () => import("./wasm-backend.ts");
