// What the rooms' menus offer of the library's functions, and how people write their names. The menus of activations and optimizers are the
// library's own lists: a new function is in them at once, and tsc asks here for its label. Where a menu offers fewer, the reason stands here.

import { ACTIVATIONS, OPTIMIZERS, type ActivationName, type LossName, type OptimizerName } from "../../src/index.ts";
import type { Choice } from "./controls.ts";
import type { Language, LanguageCode } from "./i18n.ts";

/** The same in every language, or a text for each. */
type Label = string | Readonly<Record<LanguageCode, string>>;
export type Labels<T extends string> = Readonly<Record<T, Label>>;

export const labelIn = (label: Label, { code }: Pick<Language, "code">): string => (typeof label === "string" ? label : label[code]);

/** The choices of a menu in the order of the list; their labels follow the language. */
export const choicesOf = <T extends string>(
  values: readonly T[],
  labels: Labels<T>,
  language: Pick<Language, "code">,
): Choice<T, unknown>[] => values.map((value) => ({ value, label: () => labelIn(labels[value], language) }));

/** σ of hidden layers: all but softmax, which the library takes in the last layer only. */
export type HiddenActivation = Exclude<ActivationName, "softmax">;
export const HIDDEN_ACTIVATIONS = ACTIVATIONS.filter((name): name is HiddenActivation => name !== "softmax");

export const ACTIVATION_LABELS: Labels<HiddenActivation> = {
  linear: { en: "linear", zh: "恒等" },
  sigmoid: "sigmoid",
  tanh: "tanh",
  relu: "ReLU",
  leakyRelu: "Leaky ReLU",
  elu: "ELU",
  softplus: "softplus",
  gelu: "GELU",
  geluTanh: { en: "GELU (tanh)", zh: "GELU（tanh）" },
  swish: "Swish",
};

/** All optimizers, and SGD with momentum in two ways. */
export type OptimizerChoice = OptimizerName | "momentum" | "nesterov";
export const OPTIMIZER_CHOICES: readonly OptimizerChoice[] = OPTIMIZERS.flatMap((name): OptimizerChoice[] =>
  name === "sgd" ? ["sgd", "momentum", "nesterov"] : [name],
);

export const OPTIMIZER_LABELS: Labels<OptimizerChoice> = {
  sgd: "SGD",
  momentum: { en: "SGD, momentum 0.9", zh: "SGD，动量 0.9" },
  nesterov: { en: "SGD, Nesterov 0.9", zh: "SGD，Nesterov 0.9" },
  adam: "Adam",
  adamW: "AdamW",
  rmsprop: "RMSprop",
  adagrad: "Adagrad",
  adadelta: "Adadelta",
  adamax: "Adamax",
  lion: "Lion",
};

/** Rates at which optimizers learn the problem of a room well; what a change of the optimizer starts from. */
export type UsualRates = Readonly<Partial<Record<OptimizerChoice, number>>>;
/** Keras' default of all optimizers but SGD stands in where a room has found no better rate. */
export const usualRate = (rates: UsualRates, optimizer: OptimizerChoice): number => rates[optimizer] ?? 0.001;

/** λΣ|w| or λΣw². The library's l1l2() is left out: it takes two λ, and rooms have one. */
export const REGULARIZERS = ["none", "l1", "l2"] as const;
export type RegularizerChoice = (typeof REGULARIZERS)[number];
export const REGULARIZER_LABELS: Labels<RegularizerChoice> = { none: { en: "none", zh: "无" }, l1: "L1", l2: "L2" };

/** Losses that rooms offer, each with the last layer that belongs to it: rooms tell classes apart. */
export type OfferedLoss = "binaryCrossentropy" | "sparseCategoricalCrossentropy" | "halfSquaredError";

const NO_CLASSES = "its targets are measured quantities, not classes";
/** The others, and why no menu has them. A loss that is neither offered nor here is an error of tsc. */
export const LOSSES_LEFT_OUT: Readonly<Record<Exclude<LossName, OfferedLoss>, string>> = {
  categoricalCrossentropy: "the cost of sparseCategoricalCrossentropy, with targets written as rows",
  meanSquaredError: "halfSquaredError times a constant, which the learning rate makes up for",
  huber: NO_CLASSES,
  meanAbsoluteError: NO_CLASSES,
  meanAbsolutePercentageError: NO_CLASSES,
  meanSquaredLogarithmicError: NO_CLASSES,
  logCosh: NO_CLASSES,
  hinge: "its targets are −1 and 1, its answers any number: no last layer of a room gives them",
  squaredHinge: "its targets are −1 and 1, its answers any number: no last layer of a room gives them",
  klDivergence: "its targets are distributions; for classes it is sparseCategoricalCrossentropy",
  poisson: "its targets are counts",
};
