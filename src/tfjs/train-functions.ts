/**
 * `tf.train.*`: optimizers.
 * @module
 */

export { adadelta, adagrad, adam, adamax, momentum, rmsprop, sgd } from "./train.ts";
