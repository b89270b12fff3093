// The simple recurrent layer as the user declares it (Elman 1990; Keras' SimpleRNN): a frozen plain value.

import { InputError } from "../errors.ts";
import { RECURRENT_ACTIVATIONS, type RecurrentActivation } from "./activations.ts";
import { checkCount, checkFlag, checkFloat32, checkInputShape, checkName, checkOptions, show } from "./checks.ts";
import { checkInitializer, type Initializer, type InitializerName } from "./initializers.ts";
import { checkRegularizer, type Regularizer } from "./regularizers.ts";

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
}

const OPTIONS = ["units", "activation", "returnSequences", "stateful", "useBias", "kernelInitializer", "recurrentInitializer",
  "biasInitializer", "kernelRegularizer", "recurrentRegularizer", "biasRegularizer", "dropout", "inputShape", "inputVocabulary",
  "name"];

function checkRecurrentActivation(where: string, name: unknown): RecurrentActivation {
  if (name === undefined) return "tanh";
  if ((RECURRENT_ACTIVATIONS as readonly unknown[]).includes(name)) return name as RecurrentActivation;
  throw new InputError(`${where}: activation must be one of ${RECURRENT_ACTIVATIONS.join(", ")}; got ${show(name)}. ` +
    "Others can follow as a layer: activation(…).");
}

/** A whole number of classes, or null. @throws InputError also where the other options leave no sense to it */
function checkVocabulary(where: string, { inputVocabulary, inputShape, dropout = 0 }: SimpleRNNOptions): number | null {
  if (inputVocabulary === undefined) return null;
  const vocabulary = checkCount(where, "inputVocabulary", inputVocabulary);
  // 2³² distinct indices are what is stored.
  if (vocabulary > 2 ** 32) throw new InputError(`${where}: inputVocabulary must be at most 2^32; got ${vocabulary}.`);
  if (!Array.isArray(inputShape) || inputShape.length !== 1) {
    throw new InputError(`${where}: with inputVocabulary, inputShape must be [steps]: one whole number a step; got ` +
      `${show(inputShape)}. Declare inputShape: [steps], or leave out inputVocabulary.`);
  }
  if (dropout > 0) {
    throw new InputError(`${where}: dropout sets input features to 0, but with inputVocabulary there are none; got ` +
      `dropout ${show(dropout)}. Put a dropout layer behind this one.`);
  }
  return vocabulary;
}

/**
 * A recurrent layer: h(t) = σ(x(t)·U + h(t−1)·W + b), h(−1) = 0, with U (features, units), W (units, units) and b (units),
 * the same for all steps (Elman, "Finding Structure in Time", 1990). Its gradient is that of all steps, by backpropagation
 * through time (Werbos 1990).
 * @throws InputError on zero units, an unknown activation, initializer, regularizer or option, a rate outside [0, 1)
 */
export function simpleRNN(options: SimpleRNNOptions): SimpleRNNLayer {
  checkOptions("simpleRNN()", options, OPTIONS);
  const units = checkCount("simpleRNN()", "units", options.units), where = `simpleRNN({ units: ${units} })`;
  const inputVocabulary = checkVocabulary(where, options);
  return Object.freeze({
    type: "simpleRNN",
    units,
    activation: checkRecurrentActivation(where, options.activation),
    returnSequences: checkFlag(where, "returnSequences", options.returnSequences, false),
    stateful: checkFlag(where, "stateful", options.stateful, false),
    useBias: checkFlag(where, "useBias", options.useBias, true),
    inputShape: inputVocabulary === null ? checkInputShape(where, options.inputShape) : checkSteps(where, options.inputShape),
    inputVocabulary,
    kernelInitializer: checkInitializer(where, options.kernelInitializer, "glorotUniform"),
    recurrentInitializer: checkInitializer(where, options.recurrentInitializer, "orthogonal"),
    biasInitializer: checkInitializer(where, options.biasInitializer, "zeros", "vector"),
    kernelRegularizer: checkRegularizer(where, options.kernelRegularizer),
    recurrentRegularizer: checkRegularizer(where, options.recurrentRegularizer),
    biasRegularizer: checkRegularizer(where, options.biasRegularizer),
    dropout: checkFloat32(where, "dropout", options.dropout ?? 0, "[0, 1)"),
    name: checkName(where, options.name),
  });
}

const checkSteps = (where: string, shape: readonly number[] | undefined): readonly number[] =>
  Object.freeze([checkCount(where, "inputShape[0]", shape?.[0])]);
