// How people write the names of activation functions and regularizers; those of the library are left to code.

export const ACTIVATION_NAMES = {
  relu: "ReLU", leakyRelu: "Leaky ReLU", sigmoid: "sigmoid", tanh: "tanh", elu: "ELU", softplus: "softplus", gelu: "GELU", geluTanh: "GELU (tanh)", swish: "Swish",
} as const;

export const REGULARIZER_NAMES = { l1: "L1", l2: "L2" } as const;
