// Layers as the user declares them: frozen plain values, checked one by one. How they fit together is network.ts' job.

import { checkActivation, type ActivationName } from "./activations.ts";
import { checkCount, checkFlag, checkFloat32, checkInputShape, checkName, checkOptions, checkTrainable, show } from "./checks.ts";
import { checkInitializer, type Initializer, type InitializerName } from "./initializers.ts";
import type { BatchNormalizationLayer, LayerNormalizationLayer } from "./normalization-types.ts";
import type { RecurrentLayer } from "./recurrent-types.ts";
import { checkRegularizer, type Regularizer } from "./regularizers.ts";

/** What dense() takes. */
export interface DenseOptions {
  /** Outputs of the layer (fan-out), a whole number ≥ 1. */
  units: number;
  /** σ, applied to z = a·W + b; default "linear". "softmax" in the last layer only. */
  activation?: ActivationName;
  /** Whether there is a b; default true. */
  useBias?: boolean;
  /**
   * [features] that come in, the batch left out, or [steps, features] of a sequence, each step of which the layer is applied
   * to by itself; the first layer needs it, later ones may repeat it.
   */
  inputShape?: readonly number[];
  /** How W (fanIn, units) starts; default "glorotUniform". */
  kernelInitializer?: Initializer | InitializerName;
  /** How b (units) starts; default "zeros". */
  biasInitializer?: Initializer | InitializerName;
  /** A penalty on W that is added to the loss: l1(…), l2(…) or l1l2(…); default null, none. */
  kernelRegularizer?: Regularizer | null;
  /** The same for b; default null, none. */
  biasRegularizer?: Regularizer | null;
  /** False: fit() leaves W and b as they are, without penalties, and computes no gradient of them. Default true. */
  trainable?: boolean;
  /** Prefix of the weights' names; "dense", "dense_1", … by default. */
  name?: string;
}

/** What dense() returns: frozen, with all defaults filled in. */
export interface DenseLayer {
  readonly type: "dense";
  readonly units: number;
  readonly activation: ActivationName;
  readonly useBias: boolean;
  readonly inputShape: readonly number[] | null;
  readonly kernelInitializer: Initializer;
  readonly biasInitializer: Initializer;
  readonly kernelRegularizer: Regularizer | null;
  readonly biasRegularizer: Regularizer | null;
  readonly name: string | null;
  /** Left out of layers that are trained. */
  readonly trainable?: false;
}

/** What dropout() returns. */
export interface DropoutLayer {
  readonly type: "dropout";
  readonly rate: number;
  readonly inputShape: readonly number[] | null;
}

/** What activation() returns. */
export interface ActivationLayer {
  readonly type: "activation";
  readonly activation: ActivationName;
  readonly inputShape: readonly number[] | null;
}

/** Any layer of a network. */
export type Layer = DenseLayer | DropoutLayer | ActivationLayer | RecurrentLayer | BatchNormalizationLayer | LayerNormalizationLayer;

const DENSE_OPTIONS = [
  "units",
  "activation",
  "useBias",
  "inputShape",
  "kernelInitializer",
  "biasInitializer",
  "kernelRegularizer",
  "biasRegularizer",
  "name",
  "trainable",
];

/**
 * A fully connected layer: z = a·W + b, a′ = σ(z), with W (fanIn, units) and b (units).
 * @throws InputError on zero units, an unknown activation, initializer, regularizer or option
 */
export function dense(options: DenseOptions): DenseLayer {
  options = checkOptions("dense()", options, DENSE_OPTIONS);
  const where = `dense({ units: ${show(options.units)} })`;
  return Object.freeze({
    type: "dense",
    units: checkCount("dense()", "units", options.units),
    activation: options.activation === undefined ? "linear" : checkActivation(where, options.activation),
    useBias: checkFlag(where, "useBias", options.useBias, true),
    inputShape: checkInputShape(where, options.inputShape),
    kernelInitializer: checkInitializer(where, options.kernelInitializer, "glorotUniform"),
    biasInitializer: checkInitializer(where, options.biasInitializer, "zeros", "biasInitializer"),
    kernelRegularizer: checkRegularizer(where, options.kernelRegularizer),
    biasRegularizer: checkRegularizer(where, options.biasRegularizer),
    name: checkName(where, options.name),
    ...checkTrainable(where, options.trainable),
  });
}

/**
 * While training, sets each number to 0 with probability `rate` and divides the others by 1 − rate; otherwise nothing
 * (Srivastava et al. 2014, scaled as Keras does). Which ones is decided by the model's seed, the step and the layer, so
 * that a run repeats.
 * @throws InputError if rate is outside [0, 1), in float32 too
 */
export function dropout(options: { rate: number; inputShape?: readonly number[] }): DropoutLayer {
  options = checkOptions("dropout()", options, ["rate", "inputShape"]);
  const rate = checkFloat32("dropout()", "rate", options.rate, "[0, 1)");
  return Object.freeze({ type: "dropout", rate, inputShape: checkInputShape("dropout()", options.inputShape) });
}

/** Applies σ to each number (softmax: to each row, last layer only). @throws InputError on an unknown activation */
export function activation(options: ActivationName | { activation: ActivationName; inputShape?: readonly number[] }): ActivationLayer {
  const given = checkOptions("activation()", typeof options === "string" ? { activation: options } : options, ["activation", "inputShape"]);
  return Object.freeze({
    type: "activation",
    activation: checkActivation("activation()", given.activation),
    inputShape: checkInputShape("activation()", given.inputShape),
  });
}
