/**
 * `tf.losses.*`: functions of labels and predictions, which compile() takes, too.
 * @module
 */

export { absoluteDifference, huberLoss, logLoss, meanSquaredError, sigmoidCrossEntropy, softmaxCrossEntropy } from "./losses.ts";
