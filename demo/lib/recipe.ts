// What the choices of rooms mean, in the words of the library. For their workers.

import { l1, l2, sgd, type InitializerName, type Optimizer, type OptimizerName, type Regularizer } from "../../src/index.ts";
import type { HiddenActivation, OptimizerChoice, RegularizerChoice } from "./menus.ts";

const MOMENTUM = 0.9;

/** With its default learning rate: that of the room is `model.learningRate`. */
export function optimizerOf(optimizer: OptimizerChoice): Optimizer | OptimizerName {
  if (optimizer === "momentum") return sgd({ momentum: MOMENTUM });
  return optimizer === "nesterov" ? sgd({ momentum: MOMENTUM, nesterov: true }) : optimizer;
}

export function regularizerOf({
  regularizer,
  lambda,
}: {
  readonly regularizer: RegularizerChoice;
  readonly lambda: number;
}): Regularizer | null {
  if (regularizer === "none" || lambda === 0) return null;
  return regularizer === "l1" ? l1(lambda) : l2(lambda);
}

/** As the authors of each activation start the layers that have it. */
export const initializerOf = (activation: HiddenActivation): InitializerName =>
  /relu|elu|gelu|swish|softplus/i.test(activation) ? "heNormal" : "glorotUniform";
