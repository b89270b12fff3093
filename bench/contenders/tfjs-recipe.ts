// Loss and optimizer of both TensorFlow.js routes.

import { losses, mean, squaredDifference, train, type Optimizer, type Scalar, type Tensor } from "@tensorflow/tfjs-core";
import { ADAM, type Workload } from "../workloads.ts";

export const optimizerOf = ({ optimizer, learningRate }: Pick<Workload, "optimizer" | "learningRate">): Optimizer =>
  optimizer === "sgd" ? train.sgd(learningRate) : train.adam(learningRate, ADAM.beta1, ADAM.beta2, ADAM.epsilon);

/** On logits: the gradient of the softmax cross-entropy is then one operation. */
export const lossOf =
  ({ loss }: Pick<Workload, "loss">) =>
  (y: Tensor, output: Tensor): Scalar =>
    loss === "softmaxCrossentropy" ? losses.softmaxCrossEntropy(y, output) : mean(squaredDifference(output, y));
