// The network that a configuration describes, in the words of the library.

import { dense, dropout, sequential, type CompileOptions, type Sequential } from "../../../src/index.ts";
import { initializerOf, optimizerOf, regularizerOf } from "../../lib/recipe.ts";
import { LOSS_NAMES, type DigitsConfig } from "./config.ts";

/** @param features pixels of an image */
export function buildModel(config: DigitsConfig, features: number, classes: number): Sequential {
  const { activation, seed } = config,
    widths = [...config.layers, classes],
    kernelRegularizer = regularizerOf(config);
  return sequential({
    seed,
    layers: widths.flatMap((units, i) => {
      const isLast = i === widths.length - 1;
      const layer = dense({
        units,
        kernelRegularizer,
        inputShape: i === 0 ? [features] : undefined,
        activation: !isLast ? activation : config.loss === "softmax" ? "softmax" : "sigmoid",
        kernelInitializer: isLast ? "glorotUniform" : initializerOf(activation),
      });
      return !isLast && config.dropout > 0 ? [layer, dropout({ rate: config.dropout })] : [layer];
    }),
  });
}

export const recipeOf = (config: DigitsConfig): CompileOptions => ({
  optimizer: optimizerOf(config.optimizer),
  loss: LOSS_NAMES[config.loss],
  metrics: ["accuracy"],
});

/** Labels as the loss takes them: class indices for softmax, else a row with a 1 in its place. */
export function targetsFor(loss: DigitsConfig["loss"], labels: Uint8Array, classes: number): Uint8Array | Float32Array {
  if (loss === "softmax") return labels;
  const rows = new Float32Array(labels.length * classes);
  labels.forEach((label, row) => {
    rows[row * classes + label] = 1;
  });
  return rows;
}
