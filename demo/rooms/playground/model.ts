// The network that a configuration describes, in the words of the library.

import { dense, sequential, type CompileOptions, type DenseLayer, type Sequential } from "../../../src/index.ts";
import { initializerOf, optimizerOf, regularizerOf } from "../../lib/recipe.ts";
import { LOSS_NAMES, type PlaygroundConfig } from "./config.ts";

/** The hidden layers, and one sigmoid for the class. */
function layersOf(config: PlaygroundConfig): DenseLayer[] {
  const kernelRegularizer = regularizerOf(config),
    widths = [...config.layers, 1];
  return widths.map((units, i) => {
    const activation = i === widths.length - 1 ? "sigmoid" : config.activation;
    return dense({
      units,
      activation,
      kernelRegularizer,
      kernelInitializer: initializerOf(activation),
      inputShape: i === 0 ? [config.features.length] : undefined,
    });
  });
}

export const buildModel = (config: PlaygroundConfig): Sequential => sequential({ seed: config.seed, layers: layersOf(config) });

/** The first layers of the same network: their answers are what its hidden neurons respond. */
export const buildPart = (config: PlaygroundConfig, depth: number): Sequential =>
  sequential({ seed: config.seed, layers: layersOf(config).slice(0, depth) });

export const recipeOf = (config: PlaygroundConfig): CompileOptions => ({
  optimizer: optimizerOf(config.optimizer),
  loss: LOSS_NAMES[config.loss],
  metrics: ["accuracy"],
});
