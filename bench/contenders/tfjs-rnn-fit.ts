// TensorFlow.js' own simpleRNN or lstm by LayersModel.fit(), on tensors that lie on the device.
// Its gru has another formula than the workload's: r ⊙ h(t−1) before the product, and no resetAfter.
// Route: one-hot characters, as its layers take no whole numbers; one dense layer on all steps at once (timeDistributed
// would go through them one by one); else as tfjs-fit.ts. Its `unroll` has no effect ("imperative backend").

import { tensor1d, tensor2d, tensor3d, type Tensor3D } from "@tensorflow/tfjs-core";
import { layers, sequential, type Sequential } from "@tensorflow/tfjs-layers";
import type { RecurrentContender, Training } from "../contender.ts";
import { BLOCKS, oneHot, type RecurrentProblem, type RecurrentWorkload } from "../recurrent.ts";
import { cycle } from "../workloads.ts";
import { fitTraining } from "./tfjs-fit-training.ts";
import { lossOf, optimizerOf } from "./tfjs-recipe.ts";

function layerOf({ cell, vocabulary, hidden, steps }: RecurrentWorkload): ReturnType<typeof layers.simpleRNN> {
  // Zeros: the weights are set below, and the orthogonal default is slow to make.
  const options = {
    units: hidden,
    inputShape: [steps, vocabulary],
    activation: "tanh" as const,
    returnSequences: true,
    recurrentInitializer: "zeros" as const,
  };
  if (cell === "gru") throw new Error("TensorFlow.js' gru has no resetAfter");
  return cell === "lstm" ? layers.lstm({ ...options, recurrentActivation: "sigmoid" }) : layers.simpleRNN(options);
}

function modelOf(workload: RecurrentWorkload, problem: RecurrentProblem): Sequential {
  const model = sequential(),
    { cell, vocabulary, hidden, learningRate } = workload,
    columns = BLOCKS[cell] * hidden,
    { input, recurrent, output } = problem;
  model.add(layerOf(workload));
  model.add(layers.dense({ units: vocabulary, activation: "linear" }));
  model.setWeights([
    tensor2d(input.kernel, [vocabulary, columns]),
    tensor2d(recurrent, [hidden, columns]),
    tensor1d(input.bias),
    tensor2d(output.kernel, [hidden, vocabulary]),
    tensor1d(output.bias),
  ]);
  model.compile({ optimizer: optimizerOf({ optimizer: "adam", learningRate }), loss: lossOf({ loss: "softmaxCrossentropy" }) });
  return model;
}

function trainingOf(workload: RecurrentWorkload, problem: RecurrentProblem): Training {
  const model = modelOf(workload, problem),
    { vocabulary, batch, steps: time } = workload;
  const onDevice = (characters: Uint8Array<ArrayBuffer>, steps: number): Tensor3D =>
    tensor3d(oneHot(cycle(characters, steps), vocabulary), [batch * steps, time, vocabulary]);
  return fitTraining(model, workload, (steps) => [onDevice(problem.x, steps), onDevice(problem.labels, steps)]);
}

export const tfjsRecurrentFit = (ready: () => Promise<void>): RecurrentContender => ({
  async start(workload, problem) {
    await ready();
    return trainingOf(workload, problem);
  },
});
