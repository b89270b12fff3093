/**
 * Names of TensorFlow.js that are not here: each throws an UnsupportedError that says so.
 * @module
 */

import { missing, OWN_GRADIENT } from "./missing.ts";

type Missing = (...given: never[]) => never;

const FEATURES = "Compute features with TensorFlow.js, and train dense layers on them here.";
const STACK = "Build the model by tf.sequential() and tf.layers, and give it weights by setWeights().";
const BY_HAND = "Compute it with TensorFlow.js or by arrays of your own, and give the result to tf.tensor().";

export const grad: Missing = missing("tf.grad", OWN_GRADIENT);
export const grads: Missing = missing("tf.grads", OWN_GRADIENT);
export const valueAndGrad: Missing = missing("tf.valueAndGrad", OWN_GRADIENT);
export const valueAndGrads: Missing = missing("tf.valueAndGrads", OWN_GRADIENT);
export const variableGrads: Missing = missing("tf.variableGrads", OWN_GRADIENT);
export const customGrad: Missing = missing("tf.customGrad", OWN_GRADIENT);
export const variable: Missing = missing("tf.variable", OWN_GRADIENT);
export const conv1d: Missing = missing("tf.conv1d", FEATURES);
export const conv2d: Missing = missing("tf.conv2d", FEATURES);
export const conv2dTranspose: Missing = missing("tf.conv2dTranspose", FEATURES);
export const depthwiseConv2d: Missing = missing("tf.depthwiseConv2d", FEATURES);
export const maxPool: Missing = missing("tf.maxPool", FEATURES);
export const avgPool: Missing = missing("tf.avgPool", FEATURES);
export const pool: Missing = missing("tf.pool", FEATURES);
export const localResponseNormalization: Missing = missing("tf.localResponseNormalization", FEATURES);
export const model: Missing = missing("tf.model", STACK);
export const input: Missing = missing("tf.input", STACK);
export const loadGraphModel: Missing = missing("tf.loadGraphModel", STACK);
export const fft: Missing = missing("tf.fft", BY_HAND);
export const ifft: Missing = missing("tf.ifft", BY_HAND);
export const rfft: Missing = missing("tf.rfft", BY_HAND);
export const irfft: Missing = missing("tf.irfft", BY_HAND);
export const complex: Missing = missing("tf.complex", BY_HAND);
export const real: Missing = missing("tf.real", BY_HAND);
export const imag: Missing = missing("tf.imag", BY_HAND);
export const string: Missing = missing("tf.string", BY_HAND);
export const pad: Missing = missing("tf.pad", BY_HAND);
export const einsum: Missing = missing("tf.einsum", BY_HAND);
export const tensorScatterUpdate: Missing = missing("tf.tensorScatterUpdate", BY_HAND);
export const booleanMaskAsync: Missing = missing("tf.booleanMaskAsync", BY_HAND);
export const whereAsync: Missing = missing("tf.whereAsync", BY_HAND);
export const unique: Missing = missing("tf.unique", BY_HAND);
export const multinomial: Missing = missing("tf.multinomial", BY_HAND);

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
