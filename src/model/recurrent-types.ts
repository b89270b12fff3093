// What the simple recurrent layer takes, and what it is once declared.

import type { RecurrentActivation } from "./activations.ts";
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
