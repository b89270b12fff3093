// Lets products be staged in workgroup memory: large ones, on GPUs. Loaded for plans that have them.

import { tiledStatements } from "../../shaders/product-tiled.wgsl.ts";
import { KINDS } from "../../shaders/product.wgsl.ts";

export function addBlocks(): void {
  KINDS.workgroup = tiledStatements;
}
