// Batch and layer normalization as the user declares them, with Keras' names and defaults: frozen plain values, and how they are
// appended to a network.

import { InputError } from "../errors.ts";
import { checkFlag, checkFloat32, checkInputShape, checkName, checkOptions, checkTrainable, show } from "./checks.ts";
import { checkInitializer, type Initializer } from "./initializers.ts";
import { APPEND, type MovingStatistics, type Parameter, type Resolver } from "./network.ts";
import type {
  BatchNormalizationLayer,
  BatchNormalizationOptions,
  LayerNormalizationLayer,
  LayerNormalizationOptions,
} from "./normalization-types.ts";
import { checkRegularizer } from "./regularizers.ts";

const OPTIONS = [
  "axis",
  "epsilon",
  "center",
  "scale",
  "betaInitializer",
  "gammaInitializer",
  "betaRegularizer",
  "gammaRegularizer",
  "inputShape",
  "name",
  "trainable",
];
const MOVING_OPTIONS = ["momentum", "movingMeanInitializer", "movingVarianceInitializer"];

/** ε of Keras. */
const EPSILON = 1e-3;
const MOMENTUM = 0.99;

/** @throws InputError unless it is the last axis of features that come alone, or in steps where `steps` says so */
function checkAxis(where: string, axis: unknown = -1, steps?: boolean): -1 | 1 | 2 {
  if (axis === -1 || (axis === 1 && steps !== true) || (axis === 2 && steps !== false)) return axis;
  throw new InputError(`${where}: axis must be -1, the features; got ${show(axis)}. Leave it out.`);
}

/** @throws InputError unless it is in [0, 1] */
function checkMomentum(where: string, momentum: unknown): number {
  const number = checkFloat32(where, "momentum", momentum, "≥ 0");
  if (number > 1) throw new InputError(`${where}: momentum must be in [0, 1]; got ${show(momentum)}.`);
  return number;
}

/** What both layers have. */
function commonOf(where: string, options: LayerNormalizationOptions): Omit<LayerNormalizationLayer, "type"> {
  return {
    axis: checkAxis(where, options.axis),
    epsilon: checkFloat32(where, "epsilon", options.epsilon ?? EPSILON, "> 0"),
    center: checkFlag(where, "center", options.center, true),
    scale: checkFlag(where, "scale", options.scale, true),
    betaInitializer: checkInitializer(where, options.betaInitializer, "zeros", "betaInitializer"),
    gammaInitializer: checkInitializer(where, options.gammaInitializer, "ones", "gammaInitializer"),
    betaRegularizer: checkRegularizer(where, options.betaRegularizer),
    gammaRegularizer: checkRegularizer(where, options.gammaRegularizer),
    inputShape: checkInputShape(where, options.inputShape),
    name: checkName(where, options.name),
    ...checkTrainable(where, options.trainable),
  };
}

/**
 * Normalizes each feature over the rows of the mini-batch, of a sequence over all its steps too: γ·(x − μ)/√(σ² + ε) + β, with γ, β, μ and σ²
 * (features) (Ioffe and Szegedy, "Batch Normalization", 2015). In fit() μ and σ² are mean and biased variance of the mini-batch, and the
 * moving statistics come nearer to them; evaluate() and predict() take the moving ones. Those are weights that are not trained.
 * @throws InputError on another axis, ε that is not > 0, a momentum outside [0, 1], an unknown initializer, regularizer or option
 */
export function batchNormalization(options: BatchNormalizationOptions = {}): BatchNormalizationLayer {
  const where = "batchNormalization()",
    given = checkOptions(where, options, [...OPTIONS, ...MOVING_OPTIONS]);
  return Object.freeze({
    [APPEND]: appendBatch,
    type: "batchNormalization",
    ...commonOf(where, given),
    momentum: checkMomentum(where, given.momentum ?? MOMENTUM),
    movingMeanInitializer: checkInitializer(where, given.movingMeanInitializer, "zeros", "movingMeanInitializer"),
    movingVarianceInitializer: checkInitializer(where, given.movingVarianceInitializer, "ones", "movingVarianceInitializer"),
  });
}

/**
 * Normalizes the features of each row, or of each step of a sequence, by their own mean and biased variance: γ·(x − μ)/√(σ² + ε) + β, with γ and
 * β (features) (Ba, Kiros and Hinton, "Layer Normalization", 2016). The same in fit(), evaluate() and predict().
 * @throws InputError on another axis, ε that is not > 0, an unknown initializer, regularizer or option
 */
export function layerNormalization(options: LayerNormalizationOptions = {}): LayerNormalizationLayer {
  const where = "layerNormalization()",
    given = checkOptions(where, options, OPTIONS);
  return Object.freeze({ [APPEND]: appendLayer, type: "layerNormalization", ...commonOf(where, given) });
}

type NormalizationLayer = BatchNormalizationLayer | LayerNormalizationLayer;

/** Makes what is kept of all mini-batches, in vectors of `width`. */
type KeepStatistics = (name: string, number: number, width: number) => MovingStatistics;

/** Names the layer, makes γ, β and what is kept, in Keras' order, and appends the stages. */
function append(to: Resolver, layer: NormalizationLayer, type: string, where: string, keep?: KeepStatistics): void {
  checkAxis(where, layer.axis, to.steps !== null);
  const name = to.nextName(type, layer.name, where),
    number = to.numbered,
    shape = [to.width];
  const gamma = layer.scale ? to.parameter(`${name}/gamma`, `g${number}`, shape, layer.gammaInitializer, layer.gammaRegularizer) : null;
  const bias = layer.center ? to.parameter(`${name}/beta`, `b${number}`, shape, layer.betaInitializer, layer.betaRegularizer) : null;
  to.push({ type: "normalize", name, epsilon: layer.epsilon, ...keep?.(name, number, to.width), ...to.traits });
  if (gamma || bias) to.push({ type: "affine", name: "", gamma, bias });
  to.lastActivation = "linear";
}

function appendBatch(to: Resolver, layer: BatchNormalizationLayer, where: string): void {
  append(to, layer, "batch_normalization", where, (name, number, width) => {
    const keep = (statistic: string, initializer: Initializer, traits: Pick<Parameter, "frozen" | "least">): Parameter =>
      Object.assign(to.parameter(`${name}/moving_${statistic}`, `moving_${statistic}${number}`, [width], initializer, null), traits);
    return {
      mean: keep("mean", layer.movingMeanInitializer, { frozen: true }),
      variance: keep("variance", layer.movingVarianceInitializer, { frozen: true, least: 0 }),
      momentum: layer.momentum,
    };
  });
}

const appendLayer = (to: Resolver, layer: LayerNormalizationLayer, where: string): void => append(to, layer, "layer_normalization", where);
