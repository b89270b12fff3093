// What recurrent layers take, and what they are once declared.

import type { GateActivation, RecurrentActivation } from "./activations.ts";
import type { Initializer, InitializerName } from "./initializers.ts";
import type { Regularizer } from "./regularizers.ts";

/** What simpleRNN() takes. */
export interface SimpleRNNOptions {
  /** Numbers of the state h, a whole number ≥ 1. */
  units: number;
  /** σ in h(t) = σ(x(t)·U + h(t−1)·W + b): "tanh" (default), "relu", "sigmoid" or "linear". */
  activation?: RecurrentActivation;
  /** True: h(t) of every step leaves, (batch, steps, units). False (default): h of the last step, (batch, units). */
  returnSequences?: boolean;
  /**
   * True: row b of a mini-batch goes on from the state in which row b of the one before stopped, until resetStates(); the
   * gradient does not go back there (truncated BPTT). Default false: every sequence starts from 0.
   */
  stateful?: boolean;
  /** Whether there is a b; default true. */
  useBias?: boolean;
  /** How U (features, units) starts; default "glorotUniform". */
  kernelInitializer?: Initializer | InitializerName;
  /** How W (units, units) starts; default "orthogonal". */
  recurrentInitializer?: Initializer | InitializerName;
  /** How b (units) starts; default "zeros". */
  biasInitializer?: Initializer | InitializerName;
  /** A penalty on U that is added to the loss: l1(…), l2(…) or l1l2(…); default null, none. */
  kernelRegularizer?: Regularizer | null;
  /** The same for W; default null, none. */
  recurrentRegularizer?: Regularizer | null;
  /** The same for b; default null, none. */
  biasRegularizer?: Regularizer | null;
  /**
   * While training, sets each input feature to 0 with this probability, in [0, 1), for all steps of a sequence alike, and
   * divides the others by 1 − rate; default 0. Not together with inputVocabulary.
   */
  dropout?: number;
  /**
   * [steps, features] that come in, the batch left out; with inputVocabulary [steps]. The first layer needs it, later ones may
   * repeat it.
   */
  inputShape?: readonly number[];
  /**
   * Each step is one whole number from 0 to inputVocabulary − 1, and picks its row of U: the same as one-hot vectors of that
   * many features, which are never made. First layer only.
   */
  inputVocabulary?: number;
  /** False: fit() leaves U, W and b as they are, without penalties, and computes no gradient of them. Default true. */
  trainable?: boolean;
  /** Prefix of the weights' names; "simple_rnn", "simple_rnn_1", … by default. */
  name?: string;
}

/** What simpleRNN() returns: frozen, with all defaults filled in. */
export interface SimpleRNNLayer {
  readonly type: "simpleRNN";
  readonly units: number;
  readonly activation: RecurrentActivation;
  readonly returnSequences: boolean;
  readonly stateful: boolean;
  readonly useBias: boolean;
  readonly inputShape: readonly number[] | null;
  readonly inputVocabulary: number | null;
  readonly kernelInitializer: Initializer;
  readonly recurrentInitializer: Initializer;
  readonly biasInitializer: Initializer;
  readonly kernelRegularizer: Regularizer | null;
  readonly recurrentRegularizer: Regularizer | null;
  readonly biasRegularizer: Regularizer | null;
  readonly dropout: number;
  readonly name: string | null;
  /** Left out of layers that are trained. */
  readonly trainable?: false;
}

/** What lstm() and gru() take. */
interface GatedOptions extends Omit<SimpleRNNOptions, "activation"> {
  /** Of what goes into the state: "tanh" (default), "relu", "sigmoid" or "linear". */
  activation?: RecurrentActivation;
  /**
   * Of the gates: "sigmoid" (default); "hardSigmoid", z/6 + ½ between 0 and 1 (Keras 3); "hardSigmoidKeras2", z/5 + ½ between 0 and 1 (Keras 2,
   * TensorFlow.js); "tanh", "relu" or "linear".
   */
  recurrentActivation?: GateActivation;
}

/**
 * What lstm() takes. As of simpleRNN(), but that U is (features, 4·units), W (units, 4·units) and b (4·units): the gates i and f, what goes into
 * the cell, the gate o, side by side in this order; and that a `stateful` layer carries the cell c as well as h.
 */
export interface LSTMOptions extends GatedOptions {
  /** True (default): the part of b that belongs to the forget gate f starts at 1, whatever biasInitializer says (Jozefowicz et al. 2015). */
  unitForgetBias?: boolean;
}

/**
 * What gru() takes. As of simpleRNN(), but that U is (features, 3·units), W (units, 3·units) and b (3·units): the gates z and r and what goes into
 * the state, side by side in this order; W has a bias of its own, recurrent_bias (3·units), which starts and is penalized as b.
 */
export interface GRUOptions extends GatedOptions {
  /** Only true, Keras' default: r is multiplied with the product of h(t−1) and W, not with h(t−1) itself. */
  resetAfter?: true;
}

/** What every recurrent layer has. */
export type RecurrentLayer = SimpleRNNLayer | LSTMLayer | GRULayer;

/** What lstm() returns: frozen, with all defaults filled in. */
export interface LSTMLayer extends Omit<SimpleRNNLayer, "type"> {
  readonly type: "lstm";
  readonly recurrentActivation: GateActivation;
  readonly unitForgetBias: boolean;
}

/** What gru() returns: frozen, with all defaults filled in. */
export interface GRULayer extends Omit<SimpleRNNLayer, "type"> {
  readonly type: "gru";
  readonly recurrentActivation: GateActivation;
  readonly resetAfter: true;
}
