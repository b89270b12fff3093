// The same functions under the names of TensorFlow.js' namespaces, so that code for its Layers API ports by changing the
// import: tf.layers.dense({ … }), tf.train.adam(0.001), tf.regularizers.l2({ l2: 0.01 }), tf.initializers.heNormal().

import {
  glorotNormal, glorotUniform, heNormal, heUniform, lecunNormal, ones, orthogonal, randomNormal, randomUniform, zeros,
} from "./initializers.ts";
import { activation, dense, dropout } from "./layers.ts";
import * as optimizers from "./optimizers.ts";
import type { Optimizer } from "./optimizers.ts";
import { simpleRNN } from "./recurrent.ts";
import { l1, l1l2, l2 } from "./regularizers.ts";

export const layers = { dense, simpleRNN, dropout, activation };
export const regularizers = { l1, l2, l1l2 };
export const initializers = {
  glorotUniform, glorotNormal, heUniform, heNormal, lecunNormal, randomNormal, randomUniform, orthogonal, zeros, ones,
};

/** Optimizers with TensorFlow.js' arguments in its order; sgd(), adam() … by themselves take Keras' options. */
export const train = {
  sgd: (learningRate: number): Optimizer => optimizers.sgd(learningRate),
  momentum: (learningRate: number, momentum: number, useNesterov = false): Optimizer =>
    optimizers.sgd({ learningRate, momentum, nesterov: useNesterov }),
  adam: (learningRate?: number, beta1?: number, beta2?: number, epsilon?: number): Optimizer =>
    optimizers.adam({ learningRate, beta1, beta2, epsilon }),
  rmsprop: (learningRate: number, decay?: number, momentum?: number, epsilon?: number, centered?: boolean): Optimizer =>
    optimizers.rmsprop({ learningRate, rho: decay, momentum, epsilon, centered }),
  adagrad: (learningRate: number, initialAccumulatorValue?: number): Optimizer =>
    optimizers.adagrad({ learningRate, initialAccumulatorValue }),
};
