// The network that a configuration describes, in the words of the library.

import {
  binaryCrossentropy, dense, halfSquaredError, l1, l2, sequential,
  type CompileOptions, type DenseLayer, type Sequential,
} from "../../../src/index.ts";
import { optimizerOf } from "../../lib/optimizers.ts";
import type { PlaygroundConfig } from "./config.ts";

/** The hidden layers, and one sigmoid for the class. */
function layersOf({ features, layers, activation, regularizer, lambda }: PlaygroundConfig): DenseLayer[] {
  const kernelRegularizer = regularizer === "none" || lambda === 0 ? null : (regularizer === "l1" ? l1 : l2)(lambda);
  return [...layers, 1].map((units, i) => {
    const isLast = i === layers.length;
    return dense({
      units, kernelRegularizer, inputShape: i === 0 ? [features.length] : undefined, activation: isLast ? "sigmoid" : activation,
      kernelInitializer: !isLast && /relu|elu|gelu|swish|softplus/i.test(activation) ? "heNormal" : "glorotUniform",
    });
  });
}

export const buildModel = (config: PlaygroundConfig): Sequential => sequential({ seed: config.seed, layers: layersOf(config) });

/** The first layers of the same network: their answers are what its hidden neurons respond. */
export const buildPart = (config: PlaygroundConfig, depth: number): Sequential =>
  sequential({ seed: config.seed, layers: layersOf(config).slice(0, depth) });

export const recipeOf = (config: PlaygroundConfig): CompileOptions => ({
  optimizer: optimizerOf(config), metrics: ["accuracy"], loss: config.loss === "quadratic" ? halfSquaredError() : binaryCrossentropy(),
});
