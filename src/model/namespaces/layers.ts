/**
 * Layers under the names of TensorFlow.js' namespace: `tf.layers.dense({ … })`.
 * A module, so that editors show the documentation of each function.
 * @module
 */

export { activation, dense, dropout } from "../layers.ts";
export { batchNormalization, layerNormalization } from "../normalization.ts";
export { gru, lstm } from "../gated.ts";
export { simpleRNN } from "../recurrent.ts";
