// What can be set in the digits room, its bounds and its first values. Links, controls and the worker all keep to these.

import { ENGINE_CHOICE, type EngineChoice } from "../../lib/engine-control.ts";
import { OPTIMIZERS, type OptimizerChoice } from "../../lib/optimizer-names.ts";
import { activationField, list, oneOf, real, whole, type Fields } from "../../lib/share.ts";

export const ACTIVATIONS = ["relu", "sigmoid", "tanh", "leakyRelu", "elu", "softplus", "gelu", "geluTanh", "swish"] as const;
/** softmax with its cross-entropy; a sigmoid for each class with its cross-entropy; the same with Nielsen's quadratic cost. */
export const LOSSES = ["softmax", "sigmoid", "quadratic"] as const;
export const REGULARIZERS = ["none", "l1", "l2"] as const;

export interface DigitsConfig {
  /** Widths of the hidden layers. */
  readonly layers: readonly number[];
  readonly activation: (typeof ACTIVATIONS)[number];
  readonly loss: (typeof LOSSES)[number];
  readonly optimizer: OptimizerChoice;
  readonly rate: number;
  readonly batch: number;
  readonly regularizer: (typeof REGULARIZERS)[number];
  /** λ of the regularizer. */
  readonly lambda: number;
  /** Share of each hidden layer's outputs that a training step leaves out. */
  readonly dropout: number;
  readonly seed: number;
  readonly engine: EngineChoice;
}

export const RATE = real(1e-5, 10);
export const LAYERS = list(whole(1, 1024), 6);
export const BATCH = whole(1, 1024);
export const LAMBDA = real(0, 0.1);
export const DROPOUT = real(0, 0.9);
export const SEED = whole(0, 4_294_967_295);

export const FIELDS: Fields<DigitsConfig> = {
  layers: LAYERS, activation: activationField(ACTIVATIONS), loss: oneOf(LOSSES), optimizer: oneOf(OPTIMIZERS), rate: RATE, batch: BATCH,
  regularizer: oneOf(REGULARIZERS), lambda: LAMBDA, dropout: DROPOUT, seed: SEED, engine: ENGINE_CHOICE,
};

export const DEFAULTS: DigitsConfig = {
  layers: [128], activation: "relu", loss: "softmax", optimizer: "adam", rate: 0.001, batch: 64,
  regularizer: "none", lambda: 1e-4, dropout: 0, seed: 1, engine: "auto",
};

/** A rate at which each optimizer learns digits well; what a change of the optimizer starts from. */
export const USUAL_RATE: Readonly<Record<DigitsConfig["optimizer"], number>> = {
  sgd: 0.1, momentum: 0.05, nesterov: 0.05, adam: 0.001, adamW: 0.001, rmsprop: 0.001, adagrad: 0.02,
};
