/**
 * `tf.layers.*`. What deltaprop does not have throws an UnsupportedError that names it.
 * @module
 */

import { ActivationLayer, Dense, Dropout, Flatten, InputLayer, SimpleRNN, type DenseOptions, type LayerOptions,
  type SimpleRNNOptions } from "./layers.ts";
import { missing, unsupported } from "./missing.ts";

/** z = a·W + b, a′ = σ(z). W starts by glorotNormal, b at 0. */
export const dense = (options: DenseOptions): Dense => new Dense(options);
/** Sets numbers to 0 at this rate while training. */
export const dropout = (options: LayerOptions & { rate: number; seed?: number }): Dropout => new Dropout(options);
/** σ of each number. */
export const activation = (options: LayerOptions & { activation: string }): ActivationLayer => new ActivationLayer(options);
/** h(t) = σ(x(t)·U + h(t−1)·W + b). */
export const simpleRNN = (options: SimpleRNNOptions): SimpleRNN => new SimpleRNN(options);
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

type Missing = (...given: never[]) => never;
const IMAGES = "Compute features with TensorFlow.js, and train dense layers on them here.";
export const conv1d: Missing = missing("tf.layers.conv1d", IMAGES), conv2d: Missing = missing("tf.layers.conv2d", IMAGES);
export const conv3d: Missing = missing("tf.layers.conv3d", IMAGES), conv2dTranspose: Missing = missing("tf.layers.conv2dTranspose", IMAGES);
export const separableConv2d: Missing = missing("tf.layers.separableConv2d", IMAGES),
  depthwiseConv2d: Missing = missing("tf.layers.depthwiseConv2d", IMAGES);
export const maxPooling1d: Missing = missing("tf.layers.maxPooling1d", IMAGES), maxPooling2d: Missing = missing("tf.layers.maxPooling2d",
  IMAGES);
export const averagePooling1d: Missing = missing("tf.layers.averagePooling1d", IMAGES),
  averagePooling2d: Missing = missing("tf.layers.averagePooling2d", IMAGES);
export const globalAveragePooling1d: Missing = missing("tf.layers.globalAveragePooling1d", IMAGES);
export const globalAveragePooling2d: Missing = missing("tf.layers.globalAveragePooling2d", IMAGES);
export const globalMaxPooling2d: Missing = missing("tf.layers.globalMaxPooling2d", IMAGES),
  upSampling2d: Missing = missing("tf.layers.upSampling2d", IMAGES);
const RECURRENT = "Use tf.layers.simpleRNN.";
export const lstm: Missing = missing("tf.layers.lstm", RECURRENT), gru: Missing = missing("tf.layers.gru", RECURRENT),
  rnn: Missing = missing("tf.layers.rnn", RECURRENT);
export const lstmCell: Missing = missing("tf.layers.lstmCell", RECURRENT), gruCell: Missing = missing("tf.layers.gruCell", RECURRENT);
export const simpleRNNCell: Missing = missing("tf.layers.simpleRNNCell", RECURRENT),
  bidirectional: Missing = missing("tf.layers.bidirectional", RECURRENT);
export const batchNormalization: Missing = missing("tf.layers.batchNormalization", "Scale the data to mean 0 and variance 1 before fit().");
export const layerNormalization: Missing = missing("tf.layers.layerNormalization", "Scale the data to mean 0 and variance 1 before fit().");
export const embedding: Missing = missing("tf.layers.embedding", "Give one-hot rows to a dense layer.");
export const reshape: Missing = missing("tf.layers.reshape", "Reshape the tensors before fit().");
export const permute: Missing = missing("tf.layers.permute", "Transpose the tensors before fit().");
export const repeatVector: Missing = missing("tf.layers.repeatVector", "Repeat the rows before fit().");
export const timeDistributed: Missing = missing("tf.layers.timeDistributed",
  "A dense layer behind simpleRNN({ returnSequences: true }) is applied to each step.");
const BRANCHES = "Only layers one after the other: merge the tensors before fit().";
export const concatenate: Missing = missing("tf.layers.concatenate", BRANCHES), add: Missing = missing("tf.layers.add", BRANCHES);
export const multiply: Missing = missing("tf.layers.multiply", BRANCHES), average: Missing = missing("tf.layers.average", BRANCHES);
export const prelu: Missing = missing("tf.layers.prelu", "Use leakyReLU({ alpha: 0.2 })."),
  gaussianNoise: Missing = missing("tf.layers.gaussianNoise", "Use tf.layers.dropout.");
export const masking: Missing = missing("tf.layers.masking", "Use deltaprop's own fit() with lengths.");
