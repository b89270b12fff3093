// What rooms' choices of an optimizer mean, for their workers.

import { adagrad, adam, adamW, rmsprop, sgd, type Optimizer } from "../../src/index.ts";
import type { OptimizerChoice } from "./optimizer-names.ts";

const MOMENTUM = 0.9;

export function optimizerOf({ optimizer, rate: learningRate }: { readonly optimizer: OptimizerChoice; readonly rate: number }): Optimizer {
  switch (optimizer) {
    case "sgd": return sgd({ learningRate });
    case "momentum": return sgd({ learningRate, momentum: MOMENTUM });
    case "nesterov": return sgd({ learningRate, momentum: MOMENTUM, nesterov: true });
    case "adam": return adam({ learningRate });
    case "adamW": return adamW({ learningRate });
    case "rmsprop": return rmsprop({ learningRate });
    case "adagrad": return adagrad({ learningRate });
  }
}
