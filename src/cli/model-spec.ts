// The model that the flags describe, as plain values that can be sent to a page, and how it is built from them.

import { InputError } from "../errors.ts";
import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamW,
  binaryCrossentropy,
  categoricalCrossentropy,
  dense,
  dropout,
  halfSquaredError,
  hinge,
  huber,
  klDivergence,
  l2,
  lion,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  poisson,
  randomNormal,
  rmsprop,
  sequential,
  sgd,
  sparseCategoricalCrossentropy,
  squaredHinge,
  type LossName,
  type Optimizer,
  type OptimizerName,
  type Sequential,
} from "../index.ts";

/** Every optimizer and loss of the library: tsc fails where one is missing. */
export const OPTIMIZERS = { sgd, adam, adamW, rmsprop, adagrad, adadelta, adamax, lion } satisfies Record<OptimizerName, unknown>;
export const LOSSES = {
  sparseCategoricalCrossentropy,
  categoricalCrossentropy,
  binaryCrossentropy,
  meanSquaredError,
  halfSquaredError,
  huber,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredLogarithmicError,
  logCosh,
  hinge,
  squaredHinge,
  klDivergence,
  poisson,
} satisfies Record<LossName, unknown>;

export interface ModelSpec {
  /** Features, hidden widths, classes. */
  readonly layers: readonly number[];
  /** Of the hidden layers; the last one's follows the loss. */
  readonly activation: string;
  readonly loss: keyof typeof LOSSES;
  readonly optimizer: keyof typeof OPTIMIZERS;
  /** Null: the optimizer's own default. */
  readonly learningRate: number | null;
  /** Rate after each hidden layer; 0 for none. */
  readonly dropout: number;
  /** λ of λΣw² on every kernel; 0 for none. */
  readonly l2: number;
  readonly seed: number;
  /** Null: Keras' (Glorot for kernels, zeros for biases). The others are Nielsen's; see initializersOf. */
  readonly initialization: "normal" | "scaledNormal" | null;
}

type ActivationOption = NonNullable<Parameters<typeof dense>[0]["activation"]>;

const isSoftmaxLoss = (loss: ModelSpec["loss"]): boolean => loss === "sparseCategoricalCrossentropy" || loss === "categoricalCrossentropy";

/** Whether targets are class indices; the other losses take one-hot rows. */
export const takesClassIndices = (loss: ModelSpec["loss"]): boolean => loss === "sparseCategoricalCrossentropy";

/** Softmax for the two losses over classes, else a sigmoid for each class: its targets are 0 or 1. */
export const lastActivation = (loss: ModelSpec["loss"]): ActivationOption => (isSoftmaxLoss(loss) ? "softmax" : "sigmoid");

/**
 * Nielsen's two ways: "normal" draws all from N(0, 1) (network.py), "scaledNormal" divides the kernels' standard deviation
 * by √fanIn (network2.py).
 */
function initializersOf({ initialization }: ModelSpec, fanIn: number) {
  if (initialization === null) return {};
  const stddev = initialization === "normal" ? 1 : 1 / Math.sqrt(fanIn);
  return { kernelInitializer: randomNormal({ stddev }), biasInitializer: randomNormal({ stddev: 1 }) };
}

/** @throws InputError if a layer, the activation or a rate breaks a rule of the library */
export function buildModel(spec: ModelSpec): Sequential {
  const [features, ...widths] = spec.layers;
  const kernelRegularizer = spec.l2 > 0 ? l2(spec.l2) : null;
  const layers = widths.flatMap((units, i) => {
    const isLast = i === widths.length - 1;
    const layer = dense({
      units,
      kernelRegularizer,
      inputShape: i === 0 ? [features] : undefined,
      ...initializersOf(spec, spec.layers[i]),
      activation: isLast ? lastActivation(spec.loss) : (spec.activation as ActivationOption),
    });
    return !isLast && spec.dropout > 0 ? [layer, dropout({ rate: spec.dropout })] : [layer];
  });
  return sequential({ layers, seed: spec.seed });
}

/** What compile() takes, less the backend. @throws InputError if the learning rate breaks a rule */
export function recipeOf(spec: ModelSpec) {
  const make: (options: { learningRate?: number }) => Optimizer = OPTIMIZERS[spec.optimizer];
  const optimizer = make(spec.learningRate === null ? {} : { learningRate: spec.learningRate });
  return { optimizer, loss: LOSSES[spec.loss](), metrics: ["accuracy"] };
}

/** Weights are handed from page to command, and kept, as one piece of at most 1 GiB. */
const MAX_WEIGHTS = 2 ** 28 - 2 ** 16;

/** @throws InputError naming the flags to change if there are more weights than can be kept */
export function checkWeightCount(count: number, flags: string): void {
  if (count <= MAX_WEIGHTS) return;
  throw new InputError(
    `${flags}: the network must have at most ${MAX_WEIGHTS.toLocaleString("en-US")} weights (1 GiB); it would have ` +
      `${count.toLocaleString("en-US")}. Choose smaller widths.`,
  );
}

/** Checks the whole model without a GPU. @throws InputError naming what to change */
export async function checkModel(spec: ModelSpec): Promise<void> {
  const { layers } = spec;
  checkWeightCount(
    layers.slice(1).reduce((sum, units, i) => sum + (layers[i] + 1) * units, 0),
    `--layers ${layers.join(",")}`,
  );
  const model = buildModel(spec);
  try {
    await model.compile({ ...recipeOf(spec), backend: "cpu" });
  } finally {
    model.dispose();
  }
}
