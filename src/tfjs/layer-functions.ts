/**
 * `tf.layers.*`. What deltaprop does not have throws an UnsupportedError that names it.
 * @module
 */

import { ActivationLayer, Dense, Dropout, Flatten, InputLayer, type DenseLayerArgs, type LayerOptions } from "./layers.ts";
import { missing, unsupported, type AbsentFunction } from "./missing.ts";
import { Normalization, type BatchNormalizationLayerArgs, type LayerNormalizationLayerArgs } from "./normalization.ts";
import { Recurrent, type GRULayerArgs, type LSTMLayerArgs, type SimpleRNNLayerArgs } from "./recurrent.ts";

/** z = a·W + b, a′ = σ(z). W starts by glorotNormal, b at 0. */
export const dense = (options: DenseLayerArgs): Dense => new Dense(options);
/** Sets numbers to 0 at this rate while training. */
export const dropout = (options: LayerOptions & { rate: number; seed?: number }): Dropout => new Dropout(options);
/** σ of each number. */
export const activation = (options: LayerOptions & { activation: string }): ActivationLayer => new ActivationLayer(options);
/** h(t) = σ(x(t)·U + h(t−1)·W + b). */
export const simpleRNN = (options: SimpleRNNLayerArgs): Recurrent => new Recurrent("simpleRNN", options);
/** A long short-term memory; recurrentActivation must be said, such as "sigmoid". */
export const lstm = (options: LSTMLayerArgs): Recurrent => new Recurrent("lstm", options);
/** A gated recurrent unit; recurrentActivation must be said, and resetAfter: true. */
export const gru = (options: GRULayerArgs): Recurrent => new Recurrent("gru", options);
/** γ·(x − μ)/√(σ² + ε) + β over the rows of the mini-batch in fit(), by the moving statistics in predict() and evaluate(). */
export const batchNormalization = (options?: BatchNormalizationLayerArgs): Normalization => new Normalization(true, options);
/** The same with the mean and variance of each row's own features. */
export const layerNormalization = (options?: LayerNormalizationLayerArgs): Normalization => new Normalization(false, options);
/** Rows of numbers in place of images. */
export const flatten = (options: LayerOptions = {}): Flatten => new Flatten(options);
/** Says what comes in. */
export const inputLayer = (options: LayerOptions): InputLayer => new InputLayer(options);
export const reLU = (options: LayerOptions = {}): ActivationLayer => new ActivationLayer({ ...options, activation: "relu" }, "ReLU");
export const softmax = (options: LayerOptions = {}): ActivationLayer =>
  new ActivationLayer({ ...options, activation: "softmax" }, "Softmax");
export function elu({ alpha = 1, ...options }: LayerOptions & { alpha?: number } = {}): ActivationLayer {
  if (alpha !== 1) throw unsupported(`tf.layers.elu({ alpha: ${alpha} })`, "Only alpha 1.");
  return new ActivationLayer({ ...options, activation: "elu" }, "ELU");
}
export function leakyReLU({ alpha = 0.3, ...options }: LayerOptions & { alpha?: number } = {}): ActivationLayer {
  if (alpha !== 0.2) throw unsupported(`tf.layers.leakyReLU({ alpha: ${alpha} })`, "Pass alpha: 0.2, the only slope here.");
  return new ActivationLayer({ ...options, activation: "leakyRelu" }, "LeakyReLU");
}

const IMAGES = "Compute features with TensorFlow.js, and train dense layers on them here.";
export const conv1d: AbsentFunction = missing("tf.layers.conv1d", IMAGES),
  conv2d: AbsentFunction = missing("tf.layers.conv2d", IMAGES);
export const conv3d: AbsentFunction = missing("tf.layers.conv3d", IMAGES),
  conv2dTranspose: AbsentFunction = missing("tf.layers.conv2dTranspose", IMAGES);
export const separableConv2d: AbsentFunction = missing("tf.layers.separableConv2d", IMAGES),
  depthwiseConv2d: AbsentFunction = missing("tf.layers.depthwiseConv2d", IMAGES);
export const maxPooling1d: AbsentFunction = missing("tf.layers.maxPooling1d", IMAGES),
  maxPooling2d: AbsentFunction = missing("tf.layers.maxPooling2d", IMAGES);
export const averagePooling1d: AbsentFunction = missing("tf.layers.averagePooling1d", IMAGES),
  averagePooling2d: AbsentFunction = missing("tf.layers.averagePooling2d", IMAGES);
export const globalAveragePooling1d: AbsentFunction = missing("tf.layers.globalAveragePooling1d", IMAGES);
export const globalAveragePooling2d: AbsentFunction = missing("tf.layers.globalAveragePooling2d", IMAGES);
export const globalMaxPooling2d: AbsentFunction = missing("tf.layers.globalMaxPooling2d", IMAGES),
  upSampling2d: AbsentFunction = missing("tf.layers.upSampling2d", IMAGES);
const RECURRENT = "Use tf.layers.lstm, gru or simpleRNN.";
export const rnn: AbsentFunction = missing("tf.layers.rnn", RECURRENT);
export const lstmCell: AbsentFunction = missing("tf.layers.lstmCell", RECURRENT),
  gruCell: AbsentFunction = missing("tf.layers.gruCell", RECURRENT);
export const simpleRNNCell: AbsentFunction = missing("tf.layers.simpleRNNCell", RECURRENT),
  bidirectional: AbsentFunction = missing("tf.layers.bidirectional", RECURRENT);
export const embedding: AbsentFunction = missing("tf.layers.embedding", "Give one-hot rows to a dense layer.");
export const reshape: AbsentFunction = missing("tf.layers.reshape", "Reshape the tensors before fit().");
export const permute: AbsentFunction = missing("tf.layers.permute", "Transpose the tensors before fit().");
export const repeatVector: AbsentFunction = missing("tf.layers.repeatVector", "Repeat the rows before fit().");
export const timeDistributed: AbsentFunction = missing(
  "tf.layers.timeDistributed",
  "A dense layer behind simpleRNN({ returnSequences: true }) is applied to each step.",
);
const BRANCHES = "Only layers one after the other: merge the tensors before fit().";
export const concatenate: AbsentFunction = missing("tf.layers.concatenate", BRANCHES),
  add: AbsentFunction = missing("tf.layers.add", BRANCHES);
export const multiply: AbsentFunction = missing("tf.layers.multiply", BRANCHES),
  average: AbsentFunction = missing("tf.layers.average", BRANCHES);
export const prelu: AbsentFunction = missing("tf.layers.prelu", "Use leakyReLU({ alpha: 0.2 })."),
  gaussianNoise: AbsentFunction = missing("tf.layers.gaussianNoise", "Use tf.layers.dropout.");
export const masking: AbsentFunction = missing("tf.layers.masking", "Use deltaprop's own fit() with lengths.");
