/**
 * Optimizers with TensorFlow.js' arguments in its order: `tf.train.adam(0.001)`. sgd(), adam() … by themselves take Keras' options.
 * A module, so that editors show the documentation of each function.
 * @module
 */

import * as optimizers from "../optimizers.ts";
import type { Optimizer } from "../optimizers.ts";
import type { Schedule } from "../schedules.ts";

/**
 * Stochastic gradient descent: w ← w − η·g.
 * @param learningRate η: a number ≥ 0 or a schedule
 * @throws InputError on a number out of range
 */
export const sgd = (learningRate: number | Schedule): Optimizer => optimizers.sgd(learningRate);

/**
 * Gradient descent with momentum: v ← μv − η·g, w ← w + v (Sutskever et al. 2013).
 * @param learningRate η: a number ≥ 0 or a schedule
 * @param momentum μ in [0, 1)
 * @param useNesterov steps with the gradient seen ahead, w ← w + μv − η·g; default false
 * @throws InputError on a number out of range, or if useNesterov is true and momentum is 0
 */
export const momentum = (learningRate: number | Schedule, momentum: number, useNesterov = false): Optimizer =>
  optimizers.sgd({ learningRate, momentum, nesterov: useNesterov });

/**
 * Adam (Kingma and Ba 2015), with the formula of adam().
 * @param learningRate η: a number ≥ 0 or a schedule; default 0.001
 * @param beta1 decay of the mean of gradients, in [0, 1); default 0.9
 * @param beta2 decay of the mean of squared gradients, in [0, 1); default 0.999
 * @param epsilon ε ≥ 0, added to √v; default 1e-7
 * @throws InputError on a number out of range
 */
export const adam = (learningRate?: number | Schedule, beta1?: number, beta2?: number, epsilon?: number): Optimizer =>
  optimizers.adam({ learningRate, beta1, beta2, epsilon });

/**
 * RMSprop (Hinton 2012), with the formula of rmsprop().
 * @param learningRate η: a number ≥ 0 or a schedule
 * @param decay ρ, decay of the mean of squared gradients, in [0, 1); default 0.9
 * @param momentum μ in [0, 1): the update is added to μ times the last one; default 0
 * @param epsilon ε ≥ 0, added to v under the root; default 1e-7
 * @param centered subtracts the squared mean of the gradients from v, so that v is their variance; default false
 * @throws InputError on a number out of range
 */
export const rmsprop = (
  learningRate: number | Schedule,
  decay?: number,
  momentum?: number,
  epsilon?: number,
  centered?: boolean,
): Optimizer => optimizers.rmsprop({ learningRate, rho: decay, momentum, epsilon, centered });

/**
 * Adagrad (Duchi et al. 2011), with the formula of adagrad().
 * @param learningRate η: a number ≥ 0 or a schedule
 * @param initialAccumulatorValue what the sum of squared gradients starts from, ≥ 0; default 0.1
 * @throws InputError on a number out of range
 */
export const adagrad = (learningRate: number | Schedule, initialAccumulatorValue?: number): Optimizer =>
  optimizers.adagrad({ learningRate, initialAccumulatorValue });

/**
 * Adadelta (Zeiler 2012), with the formula of adadelta().
 * @param learningRate η: a number ≥ 0 or a schedule; default 0.001
 * @param rho ρ, decay of the means of squared gradients and of squared changes, in [0, 1); default 0.95
 * @param epsilon ε ≥ 0, added to both means under their roots; default 1e-7
 * @throws InputError on a number out of range
 */
export const adadelta = (learningRate?: number | Schedule, rho?: number, epsilon?: number): Optimizer =>
  optimizers.adadelta({ learningRate, rho, epsilon });

/**
 * Adamax (Kingma and Ba 2015), with the formula of adamax().
 * @param learningRate η: a number ≥ 0 or a schedule; default 0.002
 * @param beta1 decay of the mean of gradients, in [0, 1); default 0.9
 * @param beta2 decay of the largest gradient, in [0, 1); default 0.999
 * @param epsilon ε ≥ 0, added to the largest gradient; default 1e-7
 * @throws InputError on a number out of range
 */
export const adamax = (learningRate: number | Schedule = 0.002, beta1?: number, beta2?: number, epsilon?: number): Optimizer =>
  optimizers.adamax({ learningRate, beta1, beta2, epsilon });
