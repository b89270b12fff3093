// What can be set in the playground, its bounds and its first values. Links, controls and the worker all keep to these.

import { OPTIMIZERS, type OptimizerChoice } from "../../lib/optimizer-names.ts";
import { activationField, list, oneOf, real, whole, type Fields } from "../../lib/share.ts";
import { FEATURE_NAMES, type FeatureName } from "./features.ts";

export const PROBLEMS = ["circle", "xor", "gauss", "spiral", "own"] as const;
export type Problem = (typeof PROBLEMS)[number];
export const ACTIVATIONS = ["tanh", "sigmoid", "relu", "leakyRelu", "elu", "softplus", "gelu", "geluTanh", "swish", "linear"] as const;
/** A sigmoid with its cross-entropy, or with Nielsen's quadratic cost. */
export const LOSSES = ["crossentropy", "quadratic"] as const;
export const REGULARIZERS = ["none", "l1", "l2"] as const;

export interface PlaygroundConfig {
  readonly problem: Problem;
  /** Standard deviation of what is added to each point, in units of the plane's half width. */
  readonly noise: number;
  /** Share of the points that the network learns from; it is tested with the others. */
  readonly share: number;
  readonly features: readonly FeatureName[];
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
  readonly seed: number;
}

export const MOST_UNITS = 8;
export const MOST_LAYERS = 4;
export const RATE = real(1e-4, 10);
export const LAYERS = list(whole(1, MOST_UNITS), MOST_LAYERS);
export const BATCH = whole(1, 256);
export const LAMBDA = real(0, 0.1);
export const NOISE = real(0, 0.5);
export const SHARE = real(0.1, 0.9);
export const SEED = whole(0, 4_294_967_295);

const features = list(oneOf(FEATURE_NAMES), FEATURE_NAMES.length);

export const FIELDS: Fields<PlaygroundConfig> = {
  problem: oneOf(PROBLEMS), noise: NOISE, share: SHARE,
  features: {
    ...features, rule: `1 … ${FEATURE_NAMES.length} × (${FEATURE_NAMES.join(", ")})`,
    read(text) {
      const read = features.read(text);
      return read && read.length > 0 && new Set(read).size === read.length ? FEATURE_NAMES.filter((name) => read.includes(name)) : undefined;
    },
  },
  layers: LAYERS, activation: activationField(ACTIVATIONS), loss: oneOf(LOSSES), optimizer: oneOf(OPTIMIZERS), rate: RATE, batch: BATCH,
  regularizer: oneOf(REGULARIZERS), lambda: LAMBDA, seed: SEED,
};

export const DEFAULTS: PlaygroundConfig = {
  problem: "xor", noise: 0.05, share: 0.5, features: ["x", "y"], layers: [6, 4], activation: "tanh", loss: "crossentropy",
  optimizer: "adam", rate: 0.01, batch: 16, regularizer: "l2", lambda: 0.0001, seed: 1,
};

/** A rate at which each optimizer learns these problems well; what a change of the optimizer starts from. */
export const USUAL_RATE: Readonly<Record<PlaygroundConfig["optimizer"], number>> = {
  sgd: 0.3, momentum: 0.1, nesterov: 0.1, adam: 0.01, adamW: 0.01, rmsprop: 0.01, adagrad: 0.1,
};
