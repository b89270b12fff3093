// What can be set in the digits room, its bounds and its first values. Links, controls and the worker all keep to these.

import { ENGINE_CHOICE, type EngineChoice } from "../../lib/engine-control.ts";
import {
  HIDDEN_ACTIVATIONS,
  OPTIMIZER_CHOICES,
  REGULARIZERS,
  type HiddenActivation,
  type OfferedLoss,
  type OptimizerChoice,
  type RegularizerChoice,
  type UsualRates,
} from "../../lib/menus.ts";
import { activationField, list, oneOf, real, whole, type Fields } from "../../lib/share.ts";

/** softmax with its cross-entropy; a sigmoid for each class with its cross-entropy; the same with Nielsen's quadratic cost. */
export const LOSS_NAMES = {
  softmax: "sparseCategoricalCrossentropy",
  sigmoid: "binaryCrossentropy",
  quadratic: "halfSquaredError",
} as const satisfies Record<string, OfferedLoss>;
export type LossChoice = keyof typeof LOSS_NAMES;
export const LOSSES = Object.keys(LOSS_NAMES) as LossChoice[];

export interface DigitsConfig {
  /** Widths of the hidden layers. */
  readonly layers: readonly number[];
  readonly activation: HiddenActivation;
  readonly loss: LossChoice;
  readonly optimizer: OptimizerChoice;
  readonly rate: number;
  readonly batch: number;
  readonly regularizer: RegularizerChoice;
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
  layers: LAYERS,
  activation: activationField(HIDDEN_ACTIVATIONS),
  loss: oneOf(LOSSES),
  optimizer: oneOf(OPTIMIZER_CHOICES),
  rate: RATE,
  batch: BATCH,
  regularizer: oneOf(REGULARIZERS),
  lambda: LAMBDA,
  dropout: DROPOUT,
  seed: SEED,
  engine: ENGINE_CHOICE,
};

export const DEFAULTS: DigitsConfig = {
  layers: [128],
  activation: "relu",
  loss: "softmax",
  optimizer: "adam",
  rate: 0.001,
  batch: 64,
  regularizer: "none",
  lambda: 1e-4,
  dropout: 0,
  seed: 1,
  engine: "auto",
};

export const USUAL_RATES: UsualRates = {
  sgd: 0.1,
  momentum: 0.05,
  nesterov: 0.05,
  adam: 0.001,
  adamW: 0.001,
  rmsprop: 0.001,
  adagrad: 0.02,
};
