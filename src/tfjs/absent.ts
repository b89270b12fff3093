/**
 * Names of TensorFlow.js that are not here: each throws an UnsupportedError that says so.
 * @module
 */

import { missing, OWN_GRADIENT, type AbsentFunction } from "./missing.ts";

const FEATURES = "Compute features with TensorFlow.js, and train dense layers on them here.";
const STACK = "Build the model by tf.sequential() and tf.layers, and give it weights by setWeights().";
const BY_HAND = "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().";

export const grad: AbsentFunction = missing("tf.grad", OWN_GRADIENT);
export const grads: AbsentFunction = missing("tf.grads", OWN_GRADIENT);
export const valueAndGrad: AbsentFunction = missing("tf.valueAndGrad", OWN_GRADIENT);
export const valueAndGrads: AbsentFunction = missing("tf.valueAndGrads", OWN_GRADIENT);
export const variableGrads: AbsentFunction = missing("tf.variableGrads", OWN_GRADIENT);
export const customGrad: AbsentFunction = missing("tf.customGrad", OWN_GRADIENT);
export const variable: AbsentFunction = missing("tf.variable", OWN_GRADIENT);
export const conv1d: AbsentFunction = missing("tf.conv1d", FEATURES);
export const conv2d: AbsentFunction = missing("tf.conv2d", FEATURES);
export const conv2dTranspose: AbsentFunction = missing("tf.conv2dTranspose", FEATURES);
export const depthwiseConv2d: AbsentFunction = missing("tf.depthwiseConv2d", FEATURES);
export const maxPool: AbsentFunction = missing("tf.maxPool", FEATURES);
export const avgPool: AbsentFunction = missing("tf.avgPool", FEATURES);
export const pool: AbsentFunction = missing("tf.pool", FEATURES);
export const localResponseNormalization: AbsentFunction = missing("tf.localResponseNormalization", FEATURES);
export const model: AbsentFunction = missing("tf.model", STACK);
export const input: AbsentFunction = missing("tf.input", STACK);
export const loadGraphModel: AbsentFunction = missing("tf.loadGraphModel", STACK);
export const fft: AbsentFunction = missing("tf.fft", BY_HAND);
export const ifft: AbsentFunction = missing("tf.ifft", BY_HAND);
export const rfft: AbsentFunction = missing("tf.rfft", BY_HAND);
export const irfft: AbsentFunction = missing("tf.irfft", BY_HAND);
export const complex: AbsentFunction = missing("tf.complex", BY_HAND);
export const real: AbsentFunction = missing("tf.real", BY_HAND);
export const imag: AbsentFunction = missing("tf.imag", BY_HAND);
export const string: AbsentFunction = missing("tf.string", BY_HAND);
export const pad: AbsentFunction = missing("tf.pad", BY_HAND);
export const einsum: AbsentFunction = missing("tf.einsum", BY_HAND);
export const tensorScatterUpdate: AbsentFunction = missing("tf.tensorScatterUpdate", BY_HAND);
export const booleanMaskAsync: AbsentFunction = missing("tf.booleanMaskAsync", BY_HAND);
export const whereAsync: AbsentFunction = missing("tf.whereAsync", BY_HAND);
export const unique: AbsentFunction = missing("tf.unique", BY_HAND);
export const multinomial: AbsentFunction = missing("tf.multinomial", BY_HAND);

/** `tf.data.*`. */
export const data = {
  array: missing("tf.data.array", "Give fit() all rows as tensors."),
  csv: missing("tf.data.csv", "Read the file yourself, and give fit() its rows as tensors."),
  generator: missing("tf.data.generator", "Give fit() all rows as tensors."),
  zip: missing("tf.data.zip", "Give fit() all rows as tensors."),
} as const;
/** `tf.browser.*`. */
export const browser = {
  fromPixels: missing("tf.browser.fromPixels", "Read the pixels by getImageData() of a canvas."),
  toPixels: missing("tf.browser.toPixels", "Draw them by putImageData()."),
} as const;
