// deltaprop/tfjs: the names of TensorFlow.js that programs use, so that they run by changing the import. See docs/porting.md.

export * from "./create.ts";
export * from "./functions.ts";
export * from "./memory.ts";
export * as util from "./util.ts";
export { Tensor, TensorBuffer } from "./tensor.ts";
export type { Scalar, Tensor1D, Tensor2D, Tensor3D, Tensor4D, TensorLike } from "./tensor.ts";
export type { TensorDataType as DataType } from "./nd-array.ts";
export * as callbacks from "./callback-functions.ts";
export { Callback, CustomCallback, EarlyStopping } from "./callbacks.ts";
export type { CallbackArguments, Logs } from "./callbacks.ts";
export * as initializers from "./initializer-functions.ts";
export * as layers from "./layer-functions.ts";
export type { LayerOptions, Layer } from "./layers.ts";
export * as losses from "./loss-functions.ts";
export * as metrics from "./metric-functions.ts";
export { regularizers } from "../index.ts";
export * as train from "./train-functions.ts";
export type { Optimizer } from "./train.ts";
export { loadLayersModel, sequential, Sequential } from "./sequential.ts";
export type { IOHandler, LoadSource as ModelSource, SaveResult } from "./model-files.ts";
export type { CompileArgs } from "./sequential.ts";
export type { FitArgs, History } from "./training.ts";
export * from "./absent.ts";
