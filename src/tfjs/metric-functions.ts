/**
 * `tf.metrics.*`: functions of labels and predictions, which compile() takes, too.
 * @module
 */

export {
  binaryAccuracy,
  categoricalAccuracy,
  MAE,
  mae,
  meanAbsoluteError,
  meanSquaredError,
  MSE,
  mse,
  sparseCategoricalAccuracy,
} from "./metrics.ts";
