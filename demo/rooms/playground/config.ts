// What can be set in the playground, its bounds and its first values. Links, controls and the worker all keep to these.

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
import { activationField, list, oneOf, real, whole, type Field, type Fields } from "../../lib/share.ts";
import { FEATURE_NAMES, type FeatureName } from "./features.ts";

export const PROBLEMS = ["circle", "xor", "gauss", "spiral", "own"] as const;
export type Problem = (typeof PROBLEMS)[number];
/** Of one sigmoid: its cross-entropy, or Nielsen's quadratic cost. A softmax needs a neuron for each class, and the network has one. */
export const LOSS_NAMES = { crossentropy: "binaryCrossentropy", quadratic: "halfSquaredError" } as const satisfies Record<
  string,
  OfferedLoss
>;
export type LossChoice = keyof typeof LOSS_NAMES;
export const LOSSES = Object.keys(LOSS_NAMES) as LossChoice[];
/** How fast it learns before the eyes: one step a picture, ten, or as many as the engine can. */
export const PACES = ["step", "slow", "full"] as const;
export type Pace = (typeof PACES)[number];

/** A point that the visitor placed; coordinates are whole hundredths. */
export interface OwnPoint {
  readonly x: number;
  readonly y: number;
  readonly label: 0 | 1;
}

export interface PlaygroundConfig {
  readonly problem: Problem;
  /** Standard deviation of what is added to each point, in units of the plane's half width. */
  readonly noise: number;
  /** Share of the points that the network learns from; it is tested with the others. */
  readonly share: number;
  readonly features: readonly FeatureName[];
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
  readonly seed: number;
  readonly pace: Pace;
  readonly engine: EngineChoice;
  /** The visitor's own, whatever the problem. */
  readonly points: readonly OwnPoint[];
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

/** As many as an address holds. */
export const MOST_POINTS = 200;
/** How far from the middle a point may lie, in hundredths. */
const FARTHEST = 98;

const hundredths = (value: number): number => Math.max(-FARTHEST, Math.min(FARTHEST, Math.round(100 * value)));

/** A point as an address keeps it. */
export const roundPoint = ({ x, y, label }: OwnPoint): OwnPoint => ({ x: hundredths(x) / 100, y: hundredths(y) / 100, label });

/** "-35.20.1" is x = −0.35, y = 0.20, class 1. */
const POINT: Field<OwnPoint> = {
  rule: `x.y.class, x, y: −${FARTHEST} … ${FARTHEST}, class: 0, 1`,
  write: ({ x, y, label }) => `${hundredths(x)}.${hundredths(y)}.${label}`,
  read(text) {
    const [, x, y, label] = /^(-?\d{1,2})\.(-?\d{1,2})\.([01])$/.exec(text) ?? [],
      place = [x, y].map((part) => Number(part) / 100 + 0);
    return label !== undefined && place.every((at) => Math.abs(at) <= FARTHEST / 100)
      ? { x: place[0], y: place[1], label: label === "1" ? 1 : 0 }
      : undefined;
  },
};

const features = list(oneOf(FEATURE_NAMES), FEATURE_NAMES.length);

export const FIELDS: Fields<PlaygroundConfig> = {
  problem: oneOf(PROBLEMS),
  noise: NOISE,
  share: SHARE,
  features: {
    ...features,
    rule: `1 … ${FEATURE_NAMES.length} × (${FEATURE_NAMES.join(", ")})`,
    read(text) {
      const read = features.read(text);
      return read && read.length > 0 && new Set(read).size === read.length
        ? FEATURE_NAMES.filter((name) => read.includes(name))
        : undefined;
    },
  },
  layers: LAYERS,
  activation: activationField(HIDDEN_ACTIVATIONS),
  loss: oneOf(LOSSES),
  optimizer: oneOf(OPTIMIZER_CHOICES),
  rate: RATE,
  batch: BATCH,
  regularizer: oneOf(REGULARIZERS),
  lambda: LAMBDA,
  seed: SEED,
  pace: oneOf(PACES),
  engine: ENGINE_CHOICE,
  points: list(POINT, MOST_POINTS),
};

export const DEFAULTS: PlaygroundConfig = {
  problem: "xor",
  noise: 0.05,
  share: 0.5,
  features: ["x", "y"],
  layers: [6, 4],
  activation: "tanh",
  loss: "crossentropy",
  optimizer: "adam",
  rate: 0.01,
  batch: 16,
  regularizer: "l2",
  lambda: 0.0001,
  seed: 1,
  pace: "slow",
  engine: "auto",
  points: [],
};

export const USUAL_RATES: UsualRates = {
  sgd: 0.3,
  momentum: 0.1,
  nesterov: 0.1,
  adam: 0.01,
  adamW: 0.01,
  rmsprop: 0.01,
  adagrad: 0.1,
  adadelta: 3,
  adamax: 0.03,
  lion: 0.01,
};
