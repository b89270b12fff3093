// TensorFlow.js' own simpleRNN by LayersModel.fit(), on tensors that lie on the device.
// Route: one-hot characters, as its simpleRNN takes no whole numbers; one dense layer on all steps at once (timeDistributed
// would go through them one by one); else as tfjs-fit.ts. Its `unroll` has no effect ("imperative backend").

import { tensor1d, tensor2d, tensor3d, type Tensor3D } from "@tensorflow/tfjs-core";
import { layers, sequential, type Sequential } from "@tensorflow/tfjs-layers";
import type { RecurrentContender, Training } from "../contender.ts";
import { oneHot, type RecurrentProblem, type RecurrentWorkload } from "../recurrent.ts";
import { cycle } from "../workloads.ts";
import { fitTraining } from "./tfjs-fit-training.ts";
import { lossOf, optimizerOf } from "./tfjs-recipe.ts";

function modelOf({ vocabulary, hidden, steps, learningRate }: RecurrentWorkload, problem: RecurrentProblem): Sequential {
  const model = sequential(),
    { input, recurrent, output } = problem;
  // Zeros: the weights are set below, and the orthogonal default is slow to make.
  model.add(
    layers.simpleRNN({
      units: hidden,
      inputShape: [steps, vocabulary],
      activation: "tanh",
      returnSequences: true,
      recurrentInitializer: "zeros",
    }),
  );
  model.add(layers.dense({ units: vocabulary, activation: "linear" }));
  model.setWeights([
    tensor2d(input.kernel, [vocabulary, hidden]),
    tensor2d(recurrent, [hidden, hidden]),
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
