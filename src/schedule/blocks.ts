// What writes products that are staged in workgroup memory: large ones, on GPUs. Loaded for plans that have them.

export { tiledStatements as staged } from "../../shaders/product-tiled.wgsl.ts";
