// deltaprop/tfjs: the names of TensorFlow.js that programs use, so that they run by changing the import. See docs/porting.md.

export * from "./create.ts";
export * from "./functions.ts";
export * from "./memory.ts";
export * as util from "./util.ts";
export { Tensor, TensorBuffer } from "./tensor.ts";
export type { Scalar, Tensor1D, Tensor2D, Tensor3D, Tensor4D, TensorLike } from "./tensor.ts";
export type { DataType } from "./nd-array.ts";
