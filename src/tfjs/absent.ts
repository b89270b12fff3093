/**
 * Names of TensorFlow.js that are not here: each throws an UnsupportedError that says so.
 * @module
 */

import { missing, OWN_GRADIENT } from "./missing.ts";

type Missing = (...given: never[]) => never;

export const grad: Missing = missing("tf.grad", OWN_GRADIENT);
export const grads: Missing = missing("tf.grads", OWN_GRADIENT);
export const valueAndGrad: Missing = missing("tf.valueAndGrad", OWN_GRADIENT);
export const valueAndGrads: Missing = missing("tf.valueAndGrads", OWN_GRADIENT);
export const variableGrads: Missing = missing("tf.variableGrads", OWN_GRADIENT);
export const customGrad: Missing = missing("tf.customGrad", OWN_GRADIENT);
export const variable: Missing = missing("tf.variable", OWN_GRADIENT);
export const conv1d: Missing = missing("tf.conv1d", "Compute features with TensorFlow.js, and train dense layers on them here.");
export const conv2d: Missing = missing("tf.conv2d", "Compute features with TensorFlow.js, and train dense layers on them here.");
export const conv2dTranspose: Missing = missing("tf.conv2dTranspose",
  "Compute features with TensorFlow.js, and train dense layers on them here.");
export const depthwiseConv2d: Missing = missing("tf.depthwiseConv2d",
  "Compute features with TensorFlow.js, and train dense layers on them here.");
export const maxPool: Missing = missing("tf.maxPool", "Compute features with TensorFlow.js, and train dense layers on them here.");
export const avgPool: Missing = missing("tf.avgPool", "Compute features with TensorFlow.js, and train dense layers on them here.");
export const pool: Missing = missing("tf.pool", "Compute features with TensorFlow.js, and train dense layers on them here.");
export const localResponseNormalization: Missing = missing("tf.localResponseNormalization",
  "Compute features with TensorFlow.js, and train dense layers on them here.");
export const model: Missing = missing("tf.model", "Build the model by tf.sequential() and tf.layers, and give it weights by setWeights().");
export const input: Missing = missing("tf.input", "Build the model by tf.sequential() and tf.layers, and give it weights by setWeights().");
export const loadLayersModel: Missing = missing("tf.loadLayersModel",
  "Build the model by tf.sequential() and tf.layers, and give it weights by setWeights().");
export const loadGraphModel: Missing = missing("tf.loadGraphModel",
  "Build the model by tf.sequential() and tf.layers, and give it weights by setWeights().");
export const fft: Missing = missing("tf.fft",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const ifft: Missing = missing("tf.ifft",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const rfft: Missing = missing("tf.rfft",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const irfft: Missing = missing("tf.irfft",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const complex: Missing = missing("tf.complex",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const real: Missing = missing("tf.real",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const imag: Missing = missing("tf.imag",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const string: Missing = missing("tf.string",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const pad: Missing = missing("tf.pad",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const einsum: Missing = missing("tf.einsum",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const tensorScatterUpdate: Missing = missing("tf.tensorScatterUpdate",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const booleanMaskAsync: Missing = missing("tf.booleanMaskAsync",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const whereAsync: Missing = missing("tf.whereAsync",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const unique: Missing = missing("tf.unique",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");
export const multinomial: Missing = missing("tf.multinomial",
  "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().");

/** `tf.data.*`. */
export const data = {
  array: missing("tf.data.array", "Give fit() all rows as tensors."), csv: missing("tf.data.csv",
    "Read the file yourself, and give fit() its rows as tensors."),
  generator: missing("tf.data.generator", "Give fit() all rows as tensors."), zip: missing("tf.data.zip",
    "Give fit() all rows as tensors."),
} as const;
/** `tf.browser.*`. */
export const browser = {
  fromPixels: missing("tf.browser.fromPixels", "Read the pixels by getImageData() of a canvas."), toPixels: missing("tf.browser.toPixels",
    "Draw them by putImageData()."),
} as const;
