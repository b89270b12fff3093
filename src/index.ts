// The public door of deltaprop.

export { sequential } from "./train/declare.ts";
export { Sequential } from "./train/sequential.ts";
export { getLayer } from "./train/get-layer.ts";
export type { ModelLayer } from "./train/get-layer.ts";
export { gradientCheck } from "./train/gradient-check.ts";
export type { CompileOptions, DataOptions, DeviceSource, EvaluateOptions, SequentialOptions, VerifyOptions } from "./train/call/options.ts";
export type { BackendKind } from "./train/backend/backend.ts";
export type { History } from "./train/loop/history.ts";
export type {
  Callback,
  Callbacks,
  CallbackState,
  CheckpointOptions,
  DatasetFitOptions,
  DeviceLostInfo,
  FitOptions,
  FitRun,
  Logs,
  OnNaN,
  ResumeInfo,
} from "./train/call/fit-options.ts";
export { trainInWorker } from "./train/worker/train-in-worker.ts";
export type { WorkerOptions } from "./train/worker/train-in-worker.ts";
export { dataset, DatasetHandle } from "./train/data/dataset.ts";
export type { DatasetOptions, LabelledDatasetHandle } from "./train/data/dataset.ts";
export type { Features, Targets } from "./train/data/data.ts";
export type { GivenWeight, Weight } from "./train/call/weights.ts";
export type { VerifiedTensor, VerifyReport } from "./train/float64/verify.ts";
export type { Equation } from "./graph/equations.ts";
export type { GivenTensor, InspectedTensor, StepInspection } from "./train/float64/inspect.ts";
export type { Comparison } from "./reference/compare.ts";
export type { GradientMismatch, GradientReport } from "./reference/gradient-check.ts";
export type { Plan, PlanBytes } from "./schedule/plan.ts";

export { windows } from "./train/data/windows.ts";
export type { LongSequence, Windows, WindowsOptions } from "./train/data/windows.ts";
export type { ClassWeights, WeightOptions } from "./train/data/sample-weights.ts";
export type { Lengths } from "./train/data/shape.ts";

export { activation, dense, dropout } from "./model/layers.ts";
export { batchNormalization, layerNormalization } from "./model/normalization.ts";
export type {
  BatchNormalizationLayer,
  BatchNormalizationOptions,
  LayerNormalizationLayer,
  LayerNormalizationOptions,
} from "./model/normalization-types.ts";
export { gru, lstm } from "./model/gated.ts";
export { simpleRNN } from "./model/recurrent.ts";
export type {
  GRULayer,
  GRUOptions,
  LSTMLayer,
  LSTMOptions,
  RecurrentLayer,
  SimpleRNNLayer,
  SimpleRNNOptions,
} from "./model/recurrent-types.ts";
export type { ActivationLayer, DenseLayer, DenseOptions, DropoutLayer, Layer } from "./model/layers.ts";
export { ACTIVATIONS } from "./model/activations.ts";
export type { ActivationName, ElementwiseActivation, GateActivation, RecurrentActivation } from "./model/activations.ts";
export { adadelta, adagrad, adam, adamax, adamW, lion, OPTIMIZERS, rmsprop, sgd } from "./model/optimizers.ts";
export type {
  AdadeltaOptions,
  AdagradOptions,
  AdamOptions,
  AdamWOptions,
  Clipping,
  CommonOptions,
  LionOptions,
  Optimizer,
  OptimizerName,
  RmspropOptions,
  SgdOptions,
} from "./model/optimizers.ts";
export { cosineDecay, exponentialDecay, piecewiseConstantDecay, warmup } from "./model/changing-rates.ts";
export { constant } from "./model/schedules.ts";
export type { Schedule } from "./model/schedules.ts";
export {
  binaryCrossentropy,
  categoricalCrossentropy,
  halfSquaredError,
  hinge,
  huber,
  klDivergence,
  logCosh,
  LOSSES,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  poisson,
  sparseCategoricalCrossentropy,
  squaredHinge,
} from "./model/losses.ts";
export type { Loss, LossName } from "./model/losses.ts";
export type { MetricName } from "./model/metrics.ts";
export { l1, l1l2, l2 } from "./model/regularizers.ts";
export type { Regularizer } from "./model/regularizers.ts";
export {
  constantInitializer,
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  identity,
  lecunNormal,
  lecunUniform,
  ones,
  orthogonal,
  randomNormal,
  randomUniform,
  truncatedNormal,
  varianceScaling,
  zeros,
} from "./model/initializers.ts";
export type { Initializer, InitializerName } from "./model/initializers.ts";
// The same functions under the names of TensorFlow.js' namespaces, so that code for its Layers API ports by changing the import:
// tf.layers.dense({ … }), tf.train.adam(0.001), tf.regularizers.l2({ l2: 0.01 }), tf.initializers.heNormal().
export * as initializers from "./model/namespaces/initializers.ts";
export * as layers from "./model/namespaces/layers.ts";
export * as regularizers from "./model/namespaces/regularizers.ts";
export * as train from "./model/namespaces/train.ts";

export { fileStore, indexedDBStore, opfsStore } from "./storage/checkpoint-store.ts";
export type { CheckpointStore } from "./storage/checkpoint-store.ts";
export { decodeSafetensors, encodeSafetensors } from "./formats/safetensors.ts";
export type { NamedTensor, SafetensorsFile, TensorToWrite } from "./formats/safetensors.ts";
export { parseIdx } from "./formats/idx.ts";
export type { Idx } from "./formats/idx.ts";

export {
  DeltapropError,
  DeviceLostError,
  DivergenceError,
  FormatError,
  GpuError,
  InputError,
  OutOfMemoryError,
  UnsupportedError,
} from "./errors.ts";
