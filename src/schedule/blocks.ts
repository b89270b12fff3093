// What writes products that are staged in workgroup memory (large ones, on GPUs), and sums of very many terms. Loaded for plans that
// have them.

export { blocks } from "../../shaders/blocked.wgsl.ts";
export { tiledStatements as staged } from "../../shaders/product-tiled.wgsl.ts";
