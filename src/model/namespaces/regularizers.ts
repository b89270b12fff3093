/**
 * Weight penalties under the names of TensorFlow.js' namespace: `tf.regularizers.l2({ l2: 0.01 })`.
 * A module, so that editors show the documentation of each function.
 * @module
 */

export { l1, l1l2, l2 } from "../regularizers.ts";
