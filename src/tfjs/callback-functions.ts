/**
 * `tf.callbacks.*`.
 * @module
 */

export { earlyStopping } from "./callbacks.ts";
