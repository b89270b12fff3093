// The optimizers that rooms offer. A file apart from lib/optimizers.ts, so that settings need not load the library.

export const OPTIMIZERS = ["sgd", "momentum", "nesterov", "adam", "adamW", "rmsprop", "adagrad"] as const;

export type OptimizerChoice = (typeof OPTIMIZERS)[number];
