// The network that a configuration describes, in the words of the library.

import {
  binaryCrossentropy, dense, dropout, halfSquaredError, l1, l2, sequential,
  sparseCategoricalCrossentropy, type CompileOptions, type Sequential,
} from "../../../src/index.ts";
import { optimizerOf } from "../../lib/optimizers.ts";
import type { Place } from "../../lib/places.ts";
import type { DigitsConfig } from "./config.ts";

/** @param features pixels of an image */
export function buildModel(config: DigitsConfig, features: number, classes: number): Sequential {
  const { activation, seed } = config, widths = [...config.layers, classes];
  const kernelRegularizer = config.regularizer === "none" || config.lambda === 0 ? null
    : (config.regularizer === "l1" ? l1 : l2)(config.lambda);
  return sequential({ seed, layers: widths.flatMap((units, i) => {
    const isLast = i === widths.length - 1;
    const layer = dense({
      units, kernelRegularizer, inputShape: i === 0 ? [features] : undefined,
      activation: !isLast ? activation : config.loss === "softmax" ? "softmax" : "sigmoid",
      // As the authors of each activation start it.
      kernelInitializer: !isLast && /relu|elu|gelu|swish|softplus/i.test(activation) ? "heNormal" : "glorotUniform",
    });
    return !isLast && config.dropout > 0 ? [layer, dropout({ rate: config.dropout })] : [layer];
  }) });
}

export function recipeOf(config: DigitsConfig, place: Place): CompileOptions {
  const losses = { softmax: sparseCategoricalCrossentropy, sigmoid: binaryCrossentropy, quadratic: halfSquaredError };
  return {
    optimizer: optimizerOf(config), loss: losses[config.loss](), metrics: ["accuracy"],
    ...place.options,
  };
}

/** Labels as the loss takes them: class indices for softmax, else a row with a 1 in its place. */
export function targetsFor(loss: DigitsConfig["loss"], labels: Uint8Array, classes: number): Uint8Array | Float32Array {
  if (loss === "softmax") return labels;
  const rows = new Float32Array(labels.length * classes);
  labels.forEach((label, row) => { rows[row * classes + label] = 1; });
  return rows;
}
