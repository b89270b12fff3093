// Layers of Keras 2, Keras 3 and TensorFlow.js, by class. A further class is a row of READERS.

import {
  activation,
  batchNormalization,
  dense,
  dropout,
  gru,
  InputError,
  layerNormalization,
  lstm,
  simpleRNN,
  UnsupportedError,
  type Layer,
  type RecurrentActivation,
  type RecurrentLayer,
} from "../../index.ts";
import type { Options } from "./options.ts";

/** What reaches a layer: sizes without the batch, null where the file leaves one open. */
export type LayerShape = readonly (number | null)[];

/** What a reader is given. */
export interface Reached {
  readonly shape: LayerShape;
  /** To declare, in the first layer alone. */
  readonly inputShape: readonly number[] | undefined;
  readonly name: string | undefined;
}

/** The layer, or null where deltaprop needs none, and what leaves it. */
interface Read {
  readonly layer: Layer | null;
  readonly shape: LayerShape;
}

type LayerReader = (options: Options, reached: Reached) => Read;

/** @throws UnsupportedError if a size is open */
export function closed(where: string, shape: LayerShape): readonly number[] {
  if (shape.every((size) => typeof size === "number")) return shape;
  throw new UnsupportedError(
    `${where}: the input's shape [${shape.map((size) => size ?? "null").join(", ")}] leaves a size open, and ` +
      `deltaprop plans memory ahead. Give ` +
      `{ inputShape: [${shape.map((size) => size ?? "steps").join(", ")}] }.`,
  );
}

const NOTHING = [
  "activity_regularizer",
  "kernel_constraint",
  "recurrent_constraint",
  "bias_constraint",
  "beta_constraint",
  "gamma_constraint",
  "lora_rank",
  "lora_alpha",
  "quantization_config",
];

function common(options: Options, { inputShape, name }: Reached) {
  for (const key of NOTHING) options.only(key);
  return {
    units: options.number("units")!,
    inputShape,
    name,
    trainable: options.trainable,
    useBias: options.flag("use_bias"),
    kernelInitializer: options.initializer("kernel_initializer"),
    biasInitializer: options.initializer("bias_initializer"),
    kernelRegularizer: options.regularizer("kernel_regularizer"),
    biasRegularizer: options.regularizer("bias_regularizer"),
  };
}

/** What all recurrent layers have. */
function recurrent(options: Options, reached: Reached) {
  for (const key of ["return_state", "go_backwards", "time_major", "zero_output_for_mask"]) options.only(key, false);
  options.only("recurrent_dropout", 0);
  options.ignore("unroll", "implementation", "use_cudnn");
  return {
    ...common(options, reached),
    activation: options.activation() as RecurrentActivation | undefined,
    returnSequences: options.flag("return_sequences"),
    stateful: options.flag("stateful"),
    dropout: options.number("dropout"),
    recurrentInitializer: options.initializer("recurrent_initializer"),
    recurrentRegularizer: options.regularizer("recurrent_regularizer"),
  };
}

/** What those with gates have more. */
const gated = (options: Options, reached: Reached) => ({ ...recurrent(options, reached), recurrentActivation: options.gates() });

const leaving = (layer: RecurrentLayer, { shape: [steps] }: Reached): Read => ({
  layer,
  shape: layer.returnSequences ? [steps, layer.units] : [layer.units],
});

function readGRU(options: Options, reached: Reached): Read {
  const value = options.get("reset_after");
  if (value === false)
    options.refuse(
      "reset_after",
      "a form of the GRU that deltaprop does not have. Declare the layer with reset_after=True, and train that.",
    );
  options.only("reset_after", true);
  return leaving(gru(gated(options, reached)), reached);
}

/** What both normalizations have. Their axis is a number, or a list of one. */
function normalization(options: Options, { shape, inputShape, name }: Reached) {
  for (const key of NOTHING) options.only(key);
  const axis = options.get("axis") ?? -1,
    [first, ...others] = [axis].flat();
  if (others.length > 0 || ![-1, shape.length].includes(first as number))
    options.refuse("axis", "which deltaprop has only as -1, the features.");
  return {
    inputShape,
    name,
    trainable: options.trainable,
    epsilon: options.number("epsilon"),
    center: options.flag("center"),
    scale: options.flag("scale"),
    betaInitializer: options.initializer("beta_initializer"),
    gammaInitializer: options.initializer("gamma_initializer"),
    betaRegularizer: options.regularizer("beta_regularizer"),
    gammaRegularizer: options.regularizer("gamma_regularizer"),
  };
}

function readBatchNormalization(options: Options, reached: Reached): Read {
  options.ignore("fused");
  for (const key of ["synchronized", "renorm"]) options.only(key, false);
  const layer = batchNormalization({
    ...normalization(options, reached),
    momentum: options.number("momentum"),
    movingMeanInitializer: options.initializer("moving_mean_initializer"),
    movingVarianceInitializer: options.initializer("moving_variance_initializer"),
  });
  return { layer, shape: reached.shape };
}

function readLayerNormalization(options: Options, reached: Reached): Read {
  options.only("rms_scaling", false);
  return { layer: layerNormalization(normalization(options, reached)), shape: reached.shape };
}

/** deltaprop's one slope. */
const SLOPE = 0.2,
  isSlope = (value: number): boolean => Math.abs(value - SLOPE) < 1e-6;

function readLeaky(options: Options, { shape, inputShape }: Reached): Read {
  const key = options.get("negative_slope") === undefined ? "alpha" : "negative_slope",
    slope = options.number(key) ?? 0.3;
  options.ignore("alpha", "negative_slope");
  if (!isSlope(slope)) options.refuse(key, `a slope that deltaprop has only as ${SLOPE}. Train with LeakyReLU(${SLOPE}).`);
  return { layer: activation({ activation: "leakyRelu", inputShape }), shape };
}

function readRelu(options: Options, { shape, inputShape }: Reached): Read {
  const slope = options.number("negative_slope") ?? 0;
  options.only("max_value");
  options.only("threshold", 0);
  if (slope !== 0 && !isSlope(slope)) options.refuse("negative_slope", `which deltaprop has only as 0 or ${SLOPE}.`);
  return { layer: activation({ activation: slope === 0 ? "relu" : "leakyRelu", inputShape }), shape };
}

/** Rows are the same numbers in the same order: only what comes in is declared otherwise. */
function readFlatten(options: Options, { shape, inputShape }: Reached): Read {
  options.only("data_format", "channels_last");
  if (inputShape === undefined && shape.length > 1) {
    throw new UnsupportedError(`${options.where}: deltaprop has Flatten only as the first layer, or where nothing is to be flattened.`);
  }
  return { layer: null, shape: inputShape === undefined ? shape : [inputShape.reduce((product, n) => product * n, 1)] };
}

const READERS: Readonly<Record<string, LayerReader>> = {
  Dense: (options, reached) => {
    const layer = dense({ ...common(options, reached), activation: options.activation() });
    return { layer, shape: [...reached.shape.slice(0, -1), layer.units] };
  },
  SimpleRNN: (options, reached) => leaving(simpleRNN(recurrent(options, reached)), reached),
  LSTM: (options, reached) => leaving(lstm({ ...gated(options, reached), unitForgetBias: options.flag("unit_forget_bias") }), reached),
  GRU: readGRU,
  BatchNormalization: readBatchNormalization,
  LayerNormalization: readLayerNormalization,
  Dropout: (options, { shape, inputShape }) => {
    options.only("noise_shape");
    return { layer: dropout({ rate: options.number("rate")!, inputShape }), shape };
  },
  Activation: (options, { shape, inputShape }) => ({ layer: activation({ activation: options.activation()!, inputShape }), shape }),
  ReLU: readRelu,
  LeakyReLU: readLeaky,
  ELU: (options, { shape, inputShape }) => {
    options.only("alpha", 1);
    return { layer: activation({ activation: "elu", inputShape }), shape };
  },
  Softmax: (options, { shape, inputShape }) => {
    options.only("axis", -1, shape.length);
    return { layer: activation({ activation: "softmax", inputShape }), shape };
  },
  Flatten: readFlatten,
};

/** Code in a file. */
const CODE = ["Lambda", "TFOpLambda", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer"];

/** @throws UnsupportedError if there is no such layer here, or not with such options; code is refused */
export function readLayer(className: string, options: Options, reached: Reached): Read {
  if (CODE.includes(className))
    throw new UnsupportedError(`${options.where}: ${className} holds code, which is never run from a file. ` + `Leave the layer out.`);
  if (!Object.hasOwn(READERS, className)) {
    throw new UnsupportedError(
      `${options.where}: deltaprop has no layer ${JSON.stringify(className)?.slice(0, 80)}. Known: ` +
        `${Object.keys(READERS).join(", ")}.`,
    );
  }
  try {
    const read = READERS[className](options, reached);
    options.finish();
    return read;
  } catch (error) {
    if (error instanceof InputError) throw new UnsupportedError(`${options.where}: ${error.message}`, { cause: error });
    throw error;
  }
}
