// The optimizers that rooms offer, and how people write them. A file apart from lib/optimizers.ts, so that settings need not load the library.

export const OPTIMIZERS = ["sgd", "momentum", "nesterov", "adam", "adamW", "rmsprop", "adagrad"] as const;

export type OptimizerChoice = (typeof OPTIMIZERS)[number];

export const OPTIMIZER_NAMES: Readonly<Record<OptimizerChoice, string>> = {
  sgd: "SGD", momentum: "SGD, momentum 0.9", nesterov: "SGD, Nesterov 0.9", adam: "Adam", adamW: "AdamW", rmsprop: "RMSprop", adagrad: "Adagrad",
};
